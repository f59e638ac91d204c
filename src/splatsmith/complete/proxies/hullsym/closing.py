"""The far side of a hull: what symmetry says of it, or where it has none, that an object is as deep as it is wide.

Photos from one side leave a hull that runs far out behind the object, like the shadow of a lamp. Where g is a symmetry,
a cell x is free as soon as g x is.
"""

from collections.abc import Sequence

import numpy as np

from splatsmith.complete.observations import Observation
from splatsmith.complete.proxies.hullsym.grid import LIMIT, Grid
from splatsmith.complete.proxies.hullsym.support import Plane
from splatsmith.complete.proxies.hullsym.symmetry import reflection

ONE_SIDED = 0.5
"""Length of the mean of the level unit directions to the cameras from which on they are all on one side."""
RIM = 0.03
"""Cells within this share of its width from the hull's sides are at its sides."""
SIDES = 200
"""Planes that make up a convex hull."""
BEYOND = 1.5
"""Cells that the object may reach beyond the convex hull of what is seen of it."""


def closed(grid: Grid, field: np.ndarray, surface: np.ndarray, g: np.ndarray, spare: float) -> np.ndarray:
    """(X, Y, Z) float32. f where g (4, 4) must take the object into itself, within `spare` cells.

    surface: f by depth. What photos show as solid stays, symmetric or not: a mug keeps its handle.
    """
    cells = np.flatnonzero(field > -LIMIT)
    image = grid.at(field, grid.cells[cells] @ g[:3, :3].T + g[:3, 3]) + np.float32(spare)
    own = field.ravel()[cells]
    solid = (surface.ravel()[cells] < LIMIT) & (surface.ravel()[cells] > -1)
    found = field.copy()
    found.ravel()[cells] = np.where(solid, own, np.minimum(own, image))
    return found


def rim_mirror(
    grid: Grid, observations: Sequence[Observation], by_mask: np.ndarray, points: np.ndarray
) -> np.ndarray | None:
    """(4, 4). Reflection in the upright plane through the object's middle, facing its cameras; None if they are all
    round.

    by_mask: f by the masks alone. points: (M, 3) of the surface that photos show. How far away its middle is, is told
    in three ways, each of which some objects and some occlusions mislead; the median of them counts.
    """
    middle = np.array(grid.shape) / 2
    eyes = grid.from_world(np.stack([o.view.center for o in observations if o.mask.any()]))
    level = (eyes - middle)[:, :2]
    mean = (level / np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-9)).mean(axis=0)
    if np.linalg.norm(mean) < ONE_SIDED:
        return None
    forward = np.append(mean / np.linalg.norm(mean), 0)
    beside = np.array([-forward[1], forward[0], 0])
    width = np.ptp(np.quantile(points @ beside, [0.02, 0.98]))
    as_deep_as_wide = np.quantile(points @ forward, 0.98) - width / 2
    where_rays_meet = grid.focus @ forward
    depth = np.median([as_deep_as_wide, where_rays_meet, _widest(np.argwhere(by_mask > 0), forward, beside)])
    return reflection(forward, float(depth))


def _widest(cells: np.ndarray, forward: np.ndarray, beside: np.ndarray) -> float:
    """How far along `forward` the hull of `cells` (n, 3) is widest; the weighted median over heights and both sides.

    For a body that a half turn about an upright axis takes to itself this is that axis: the tangents of two cameras
    that stand symmetrically meet there.
    """
    across, along = cells @ beside, cells @ forward
    depths, widths = [], []
    for height in np.unique(cells[:, 2]):
        rows = np.flatnonzero(cells[:, 2] == height)
        width = np.ptp(across[rows])
        for off in (across[rows] - across[rows].min(), across[rows].max() - across[rows]):
            depths.append(np.median(along[rows[off <= max(1.0, RIM * width)]]))
            widths.append(width + 1e-3)
    order = np.argsort(depths, kind="stable")
    heavier = np.cumsum(np.array(widths)[order])
    return float(np.array(depths)[order][np.searchsorted(heavier, heavier[-1] / 2)])


def convex(grid: Grid, field: np.ndarray, points: np.ndarray, plane: Plane | None) -> np.ndarray:
    """(X, Y, Z) float32. f within the convex hull of points (M, 3) and, where there is a plane, of their feet on it.

    What is always hidden, such as behind a neighbour, is judged by no photo; it can be the object's only so far. The
    hull is that of SIDES planes in all directions.
    """
    if plane is not None:
        points = np.concatenate([points, points - np.maximum(plane.above(points), 0)[:, None] * plane.normal])
    cells = np.flatnonzero(field > -LIMIT)
    inside = np.full(len(cells), LIMIT, np.float32)
    for direction in directions(SIDES).astype(np.float32):
        farthest = np.float32((points @ direction).max() + BEYOND)
        np.minimum(inside, farthest - grid.cells[cells] @ direction, out=inside)
    found = field.copy()
    found.ravel()[cells] = np.minimum(found.ravel()[cells], inside.clip(-LIMIT))
    return found


def directions(count: int) -> np.ndarray:
    """(count, 3). Unit vectors evenly over the sphere (Fibonacci)."""
    i = np.arange(count) + 0.5
    z, angle = 1 - 2 * i / count, i * np.pi * (3 - np.sqrt(5))
    level = np.sqrt(1 - z**2)
    return np.stack([level * np.cos(angle), level * np.sin(angle), z], axis=1)
