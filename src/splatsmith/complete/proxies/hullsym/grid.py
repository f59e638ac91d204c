"""The cells of space that an object may fill.

Everything in this folder is counted in cells: a point is (x, y, z) in cells, cell (i, j, k) has its centre at exactly
these coordinates, z is up, and the first view looks along -x but for its tilt. So whatever is found turns, shifts and
grows with the world.

    f       (X, Y, Z) float32 field, in cells: how deep inside of the object, negative outside, 0 on its surface
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import map_coordinates

from splatsmith.base.outcome import Unusable
from splatsmith.complete.observations import Observation
from splatsmith.scenes.cameras import View
from splatsmith.scenes.orientation import focus_point

CELLS = 96
"""Cells along the longest side."""
MARGIN = 1.3
"""Half the side of the grid, in half widths of the object as the photos show it."""
LIMIT = 4.0
"""Fields are clipped to this many cells."""
BENEATH, ABOVE = 0.3, 0.12
"""Free space below and above what is seen of the object, in its heights: what it stands on often hides its foot."""
STRAY = 0.02
"""Share of an object's Gaussians that may lie beyond each end of it."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A box of cubic cells."""

    T_world_grid: np.ndarray
    """(4, 4) float64. Similarity from cells to the world."""
    shape: tuple[int, int, int]
    focus: np.ndarray
    """(3,) in cells. Where the rays through the middles of the masks meet."""

    @cached_property
    def step(self) -> float:
        """Side of a cell, in scene units."""
        return float(np.cbrt(np.linalg.det(self.T_world_grid[:3, :3])))

    @cached_property
    def cells(self) -> np.ndarray:
        """(X Y Z, 3) float32. The centres of all cells, in cells."""
        return np.indices(self.shape, np.float32).reshape(3, -1).T

    def into(self, view: View) -> np.ndarray:
        """(3, 4) float64. From cells to the camera's frame, in scene units."""
        return (view.T_camera_world @ self.T_world_grid)[:3]

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) points in the world."""
        return points @ self.T_world_grid[:3, :3].T + self.T_world_grid[:3, 3]

    def from_world(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) points of the world, in cells."""
        return np.linalg.solve(self.T_world_grid[:3, :3], (points - self.T_world_grid[:3, 3]).T).T

    def at(self, field: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(n,) float32. A field at points (n, 3), linear between cells; far outside of the object beyond the grid."""
        return map_coordinates(field, points.T, order=1, mode="constant", cval=-LIMIT, output=np.float32)


def grid_around(observations: Sequence[Observation], means: np.ndarray, up: np.ndarray) -> Grid:
    """A grid that holds the object. means: (N, 3) centres of its Gaussians. up: (3,) unit vector of the world.

    Its middle is where the rays through the middles of the masks meet. To the sides it reaches as far as the widest
    mask, since the photos may all look from one side and not show how deep the object is. Raises Unusable where no view
    shows it.
    """
    showing = [observation for observation in observations if observation.mask.any()]
    if not showing:
        raise Unusable("no photo shows it")
    boxes = np.stack([_box(observation) for observation in showing])
    rays = np.stack([_ray(showing[i].view, boxes[i]) for i in range(len(showing))])
    centers = np.stack([observation.view.center for observation in showing])
    center = focus_point(centers, rays, means)
    axes = _axes(showing[0].view, center, up)
    low, high = np.quantile((means - center) @ axes, [STRAY, 1 - STRAY], axis=0)
    half = MARGIN * _half_width(showing, boxes, center)
    if half > 0:
        tall = max(half, MARGIN * (high - low)[:2].max())
        low, high = np.maximum(low, [-half, -half, -tall]), np.minimum(high, [half, half, tall])
        low[:2], high[:2] = np.minimum(low[:2], -half), np.maximum(high[:2], half)
    low[2], high[2] = low[2] - BENEATH * (high - low)[2], high[2] + ABOVE * (high - low)[2]
    step = (high - low).max() / CELLS
    if not step > 0:
        raise Unusable("its Gaussians are all in one point")
    shape = tuple(int(np.ceil(length / step)) + 1 for length in high - low)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = axes * step, center + axes @ low
    return Grid(T, shape, -low / step)


def _box(observation: Observation) -> np.ndarray:
    """(4,) left, top, right, bottom edge of the mask, in pixels."""
    columns, rows = (np.flatnonzero(observation.mask.any(axis)) for axis in (0, 1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def _ray(view: View, box: np.ndarray) -> np.ndarray:
    """(3,) unit direction in the world through the middle of a box."""
    middle = np.append((box[:2] + box[2:]) / 2, 1)
    ray = view.T_camera_world[:3, :3].T @ np.linalg.solve(view.camera.K, middle)
    return ray / np.linalg.norm(ray)


def _axes(view: View, center: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(3, 3). Columns: towards the first camera, to its side, up."""
    towards = view.center - center
    level = towards - (towards @ up) * up
    if np.linalg.norm(level) < 1e-3 * np.linalg.norm(towards):  # from straight above
        level = -view.T_camera_world[1, :3] + (view.T_camera_world[1, :3] @ up) * up
    x = level / np.linalg.norm(level)
    return np.stack([x, np.cross(up, x), up], axis=1)


def _half_width(showing: Sequence[Observation], boxes: np.ndarray, center: np.ndarray) -> float:
    """Half the width of the widest mask that no edge of a photo cuts, in scene units; 0 where all are cut."""
    widths = [0.0]
    for observation, (left, top, right, bottom) in zip(showing, boxes, strict=True):
        view, camera = observation.view, observation.view.camera
        if left > 0 and top > 0 and right < camera.width and bottom < camera.height:
            z = view.T_camera_world[2, :3] @ center + view.T_camera_world[2, 3]
            widths.append((right - left) / 2 * z / camera.fx)
    return float(np.quantile(widths[1:] or widths, 0.9))
