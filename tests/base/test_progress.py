"""Progress in a log: few plain lines, each complete in itself."""

import io

import pytest

from splatsmith.base import progress
from splatsmith.base.progress import Progress, clock, short


@pytest.fixture
def now(monkeypatch):
    """A clock that moves only when told to."""
    time = {"seconds": 100.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: time["seconds"])
    return time


def test_lines_carry_the_figures_and_the_time_left(now):
    stream = io.StringIO()
    with Progress("train fox", total=100, unit="steps", stream=stream) as bar:
        for step in range(1, 101):
            now["seconds"] += 1.0
            bar.advance(1, psnr=20 + step / 100, gaussians=81_000 + step)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train fox 5/100 steps psnr=20.1 gaussians=81k eta=01:35"
    assert lines[-1] == "train fox 100/100 steps psnr=21 gaussians=81.1k took=01:40"
    assert len(lines) == 100 // progress.QUIET_SECONDS + 1


def test_work_of_an_earlier_run_counts_towards_the_total_and_not_the_pace(now):
    bar = Progress("train", total=100, done=90, stream=io.StringIO())
    assert clock(bar.eta_seconds()) == "?"
    now["seconds"] += 10.0
    bar.advance(5)
    assert bar.done == 95
    assert bar.eta_seconds() == pytest.approx(10.0)


def test_a_failure_is_not_reported_as_done(now):
    stream = io.StringIO()

    def fail():
        with Progress("train", total=2, stream=stream):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar(now):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress("train demo", total=10, unit="steps", stream=stream) as bar:
        bar.advance(10, psnr=31.5)
    assert "train demo" in stream.getvalue()
    assert "10/10" in stream.getvalue()
    assert "psnr=31.5" in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7.0, "7"), (27.1234, "27.1"), (0.00012, "0.00012"), (-3.5, "-3.5"), (1200, "1200"), (9999, "9999")]
    + [
        (81_000, "81k"),
        (1_234_567, "1.23M"),
        (2e9, "2G"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("sh 2", "sh 2"),
    ],
)
def test_figures_are_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00"), (59.6, "01:00"), (3599, "59:59"), (3600, "1:00:00")])
def test_times_are_read_as_clocks(seconds, text):
    assert clock(seconds) == text
