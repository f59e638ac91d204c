"""Where the photos were taken: the scene's points and the cameras from above and from the side, up being up."""

import math
from collections.abc import Sequence

import numpy as np

from splatsmith.report.figures import BLUE, INK, ORANGE, new_figure, svg_of
from splatsmith.report.turntable import Orbit
from splatsmith.scenes.cameras import View
from splatsmith.scenes.points import Points

MOST_POINTS = 20_000
PATH_POINTS = 120
GLYPH = 0.07
"""Length of a camera's glyph, as a share of the largest distance from a camera to the focus."""
STRAYS = 0.5
"""Per cent of the points at either end of an axis that may lie outside the plan."""
PATH_STYLE = {"color": INK, "linewidth": 0.9, "linestyle": (0, (1, 3))}


def camera_map(train: Sequence[View], test: Sequence[View], points: Points, orbit: Orbit) -> bytes:
    """SVG of two plans in scene units, drawn to one scale.

    From above, `orbit.start` (where the turntable begins) points down the page; from the side, `orbit.up` points up.
    """
    centers = np.stack([view.center for view in [*train, *test]])
    reach = max(float(np.linalg.norm(centers - orbit.focus, axis=1).max()), 1e-9)
    path = np.stack([-pose[:3, :3].T @ pose[:3, 3] for pose in orbit.poses(PATH_POINTS)])
    xyz, rgb = _thinned(points, orbit.focus, 1.5 * reach)
    above = np.stack([np.cross(orbit.up, orbit.start), -orbit.start])  # (2, 3): world to page
    side = np.stack([orbit.start, orbit.up])
    boxes = [_limits(plane, xyz, np.vstack([centers, path]), 1.5 * GLYPH * reach) for plane in (above, side)]
    height = max(high[1] - low[1] for low, high in boxes)
    with new_figure(8.2, 4.8) as figure:
        plans = figure.subplots(1, 2, width_ratios=[high[0] - low[0] for low, high in boxes])
        for axes, plane, (low, high) in zip(plans, (above, side), boxes, strict=True):
            order = np.argsort(xyz @ np.cross(*plane))  # nearest to the reader last
            axes.scatter(*(plane @ xyz[order].T), s=2.5, c=rgb[order] / 255, lw=0, rasterized=True, zorder=1)
            axes.plot(*(plane @ np.vstack([path, path[:1]]).T), **PATH_STYLE, zorder=2)
            for views, colour in ((train, BLUE), (test, ORANGE)):
                axes.add_collection(_glyphs(views, plane, GLYPH * reach, colour))
            middle = (low[1] + high[1]) / 2
            axes.set(aspect="equal", xlim=(low[0], high[0]), ylim=(middle - height / 2, middle + height / 2))
            axes.set_xlabel("scene units")
            axes.locator_params(nbins=6)
            axes.grid(visible=True)
            axes.tick_params(labelsize=7.5)
        plans[0].set_title("from above", loc="left")
        plans[1].set_title("from the side", loc="left")
        _up_arrow(plans[1])
        _legend(figure, len(train), len(test))
        return svg_of(figure)


def _thinned(points: Points, focus: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The points near enough to matter, (n, 3) and their colours: a far background would shrink the rest to a dot."""
    near = np.flatnonzero(np.linalg.norm(points.xyz - focus, axis=1) <= reach)
    chosen = near[:: max(1, math.ceil(len(near) / MOST_POINTS))]
    return points.xyz[chosen], points.rgb[chosen]


def _limits(plane: np.ndarray, xyz: np.ndarray, cameras: np.ndarray, pad: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower left and upper right corner, each (2,), of a plan that shows all cameras and nearly all points."""
    shown = (plane @ cameras.T).T
    if len(xyz):
        shown = np.vstack([shown, np.percentile((plane @ xyz.T).T, (STRAYS, 100 - STRAYS), axis=0)])
    return shown.min(axis=0) - pad, shown.max(axis=0) + pad


def _glyphs(views: Sequence[View], plane: np.ndarray, size: float, colour: str):
    """Cameras as pyramids seen in `plane`: apex at the centre, base towards what the camera sees."""
    from matplotlib.collections import LineCollection

    lines = []
    for view in views:
        camera = view.camera
        x, y = camera.width / camera.fx / 2, camera.height / camera.fy / 2
        corners = np.array([[-x, -y, 1], [x, -y, 1], [x, y, 1], [-x, y, 1]]) * size  # in the camera's frame
        base = [plane @ (view.center + view.T_camera_world[:3, :3].T @ corner) for corner in corners]
        apex = plane @ view.center
        lines += [np.array([*base, base[0]]), *(np.array([apex, corner]) for corner in base)]
    return LineCollection(lines, colors=colour, linewidths=0.8, zorder=3)


def _up_arrow(axes) -> None:
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (0.96, 0.98), (0.96, 0.85), xycoords="axes fraction", arrowprops=style, zorder=4)
    axes.annotate("up", (0.93, 0.92), xycoords="axes fraction", ha="right", zorder=4)


def _legend(figure, train: int, test: int) -> None:
    from matplotlib.lines import Line2D

    kinds = ((train, "training", BLUE), (test, "held-out", ORANGE))
    handles = [Line2D([], [], color=colour, label=f"{n} {kind} photos") for n, kind, colour in kinds if n]
    handles.append(Line2D([], [], **PATH_STYLE, label="path of the turntable video"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
