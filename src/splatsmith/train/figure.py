"""The training curve: loss, PSNR and the number of Gaussians over the steps, in one picture."""

import os
from collections.abc import Sequence

from matplotlib.figure import Figure

from splatsmith.base import files

TRAIN, HELD_OUT, COUNT = "#4878a8", "#c8553d", "#5a8f5a"


def write_training_curve(path: str | os.PathLike, rows: Sequence[dict], title: str) -> None:
    """Draw the rows of `metrics.jsonl` (see `splatsmith.train.loop`) to a PNG at `path`, atomically."""
    figure = Figure(figsize=(8, 7), layout="constrained")
    loss, psnr, count = figure.subplots(3, 1, sharex=True)
    _curve(loss, rows, "loss", TRAIN)
    loss.set(ylabel="loss", yscale="log", title=title)
    _curve(psnr, rows, "psnr_db", TRAIN, label="training photos")
    _curve(psnr, rows, "test_psnr_db", HELD_OUT, label="held-out photos", marker="o", markersize=4)
    psnr.set(ylabel="PSNR (dB)")
    if psnr.lines:
        psnr.legend(loc="lower right", frameon=False)
    _curve(count, rows, "gaussians", COUNT)
    count.set(ylabel="Gaussians", xlabel="step")
    count.set_ylim(bottom=0)
    for axes in (loss, psnr, count):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100, metadata={"Software": None})


def _curve(axes, rows: Sequence[dict], key: str, colour: str, **style: object) -> None:
    """The rows that have `key`; nothing at all where none has."""
    points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, **style)
