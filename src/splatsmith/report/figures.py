"""Figures as SVG that follows the reader's colour scheme, and the training curve as one of them."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN = "#3b82c4", "#e07b39", "#4c9f6b"
"""Told apart by readers with any colour vision, and on light and dark ground."""
INK = "#010203"
"""Stands for the colour of text; `svg_of` makes it follow the scheme."""
SCHEME = (
    "<style>svg{color:#24292f}@media screen and (prefers-color-scheme:dark){svg{color:#d7dce2}}"
    "text{fill:currentColor}</style>"
)
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
STYLE = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.facecolor": "none",
    "axes.titlesize": 10,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def new_figure(width: float, height: float) -> Iterator["Figure"]:
    """An empty figure of `width` x `height` inches; what is drawn within the context has our style."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="compressed")
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1, rect=(0, 0, 1, 0.985))
        yield figure


def svg_of(figure: "Figure") -> bytes:
    """A figure from `new_figure` as a standalone SVG; the same figure gives the same bytes."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": "splatsmith"}):
        figure.savefig(buffer, format="svg", transparent=True, dpi=150, metadata=NO_METADATA)
    text = buffer.getvalue().decode("utf-8")
    start = text.index("<svg")
    opened = text.index(">", start) + 1
    text = text[start:opened] + SCHEME + text[opened:]
    return text.replace(INK, "currentColor").replace("'DejaVu Sans'", "system-ui, sans-serif").encode("utf-8")


def training_curve(rows: Sequence[dict]) -> bytes:
    """SVG of PSNR and the number of Gaussians over the steps, from the rows of `metrics.jsonl` (`splatsmith.train`)."""
    with new_figure(8.2, 4.2) as figure:
        psnr, count = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        _curve(psnr, rows, "psnr_db", BLUE, label="training photos", alpha=0.75)
        _curve(psnr, rows, "test_psnr_db", ORANGE, label="held-out photos", marker="o", markersize=3.5)
        psnr.set_ylabel("PSNR (dB)")
        if psnr.lines:
            psnr.legend(loc="lower right")
        _curve(count, rows, "gaussians", GREEN)
        count.set(ylabel="Gaussians", xlabel="step")
        count.set_ylim(bottom=0)
        count.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        for axes in (psnr, count):
            axes.grid(visible=True)
            axes.margins(x=0.01)
        return svg_of(figure)


def _curve(axes: "Axes", rows: Sequence[dict], key: str, colour: str, **style: object) -> None:
    points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, **style)
