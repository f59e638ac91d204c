"""Many problems in few words: the same fault of many files is told once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from splatsmith.base.errors import Problem


def merged(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in their order, those that differ in their place alone joined into one."""
    places: dict[Problem, dict[str, None]] = defaultdict(dict)
    for problem in problems:
        places[replace(problem, where="")][problem.where] = None
    return [replace(problem, where=_joined(list(where))) for problem, where in places.items()]


def _joined(places: list[str]) -> str:
    """Places in one line; what is said of one file names it once."""
    files = {place.partition(": ")[0] for place in places}
    if len(places) > 1 and len(files) == 1:
        return f"{files.pop()}: {shortened(place.partition(': ')[2] for place in places)}"
    return shortened(places)


def shortened(names: Iterable[str], most: int = 5) -> str:
    """Names as a list for a message, cut to the first few."""
    names = list(names)
    rest = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
