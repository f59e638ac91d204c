"""How a program of ours begins and ends: a wrong input is one message and an exit code, our own bug is a traceback."""

import argparse
import sys
from collections.abc import Callable

from splatsmith.base.errors import InputError

OK, PROBLEMS, INTERRUPTED = 0, 1, 130
"""Exit codes. argparse itself leaves with 2 when the command line is wrong."""


def run(main: Callable[[], int | None]) -> None:
    """Call `main` and leave: with 0 or what it returns, 1 and the message after an InputError, 130 on Ctrl-C."""
    try:
        sys.exit(main() or OK)
    except InputError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(PROBLEMS)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        sys.exit(INTERRUPTED)


def script_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser for a stage's script, with what they all take: its Config as JSON and a number of threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--config", default="{}", metavar="JSON", help="the stage's Config; keys left out take their defaults"
    )
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="CPU threads to use; default: all")
    return parser
