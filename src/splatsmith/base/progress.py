"""Progress of a long step: a live bar on a terminal, plain lines in a log.

A plain line appears at most every few seconds and reads the same for every stage:

    train fox 1200/7000 steps psnr=27.1 gaussians=81k eta=00:42
"""

import math
import sys
import time
from types import TracebackType
from typing import Self, TextIO

QUIET_SECONDS = 5.0
"""Least time between two plain lines."""


class Progress:
    """Counts units of work towards `total` and shows how far it is, how it goes and how long it will take.

    Figures given to `advance` (by keyword, in the order first given) are shown as they last were.
    """

    def __init__(self, label: str, total: int, unit: str = "", *, done: int = 0, stream: TextIO | None = None):
        """`done` is work that an earlier run did: it counts towards the total, not towards the pace."""
        self.label, self.total, self.unit = label, total, unit
        self.done = self._begun_at = done
        self._figures: dict[str, object] = {}
        self._stream = stream or sys.stderr
        self._bar = None
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        self._started = self._shown = time.monotonic()
        if self._stream.isatty():
            self._bar, self._task = _terminal_bar(self._stream, self.label, self.total, self.done)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif kind is None:
            self._print(f"took={clock(time.monotonic() - self._started)}")

    def advance(self, units: int = 1, **figures: object) -> None:
        """Report `units` of work done, and the figures worth watching, e.g. `psnr=27.1, gaussians=81_000`."""
        self.done += units
        self._figures.update(figures)
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, figures=self._figures_text())
        elif now - self._shown >= QUIET_SECONDS:
            self._shown = now
            self._print(f"eta={clock(self.eta_seconds())}")

    def eta_seconds(self) -> float:
        """Seconds to the end at the pace since this run began; infinite before its first unit."""
        paced = self.done - self._begun_at
        elapsed = time.monotonic() - self._started
        return elapsed / paced * (self.total - self.done) if paced else math.inf

    def _print(self, last: str) -> None:
        words = [self.label, f"{self.done}/{self.total}", self.unit, self._figures_text(), last]
        print(" ".join(word for word in words if word), file=self._stream, flush=True)

    def _figures_text(self) -> str:
        return " ".join(f"{name}={short(value)}" for name, value in self._figures.items())


def short(value: object) -> str:
    """A figure in few characters: 81000 -> 81k, 27.1234 -> 27.1, 0.00012 -> 0.00012; text stays as it is."""
    if isinstance(value, str):
        return value
    number = float(value)
    for least, unit, suffix in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if least <= abs(number) < math.inf:
            return f"{number / unit:.3g}{suffix}"
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"


def clock(seconds: float) -> str:
    """Seconds as MM:SS, or H:MM:SS from an hour on; "?" when unknown."""
    if seconds == math.inf:
        return "?"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes:02}:{whole:02}"


def _terminal_bar(stream: TextIO, label: str, total: int, done: int):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    ]
    bar = Progress(*columns, console=Console(file=stream))
    return bar, bar.add_task(label, total=total, completed=done, figures="")
