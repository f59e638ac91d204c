"""What the object stands on: a plane through the scene below it, which closes its bottom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from splatsmith.complete.observations import SOLID, Observation
from splatsmith.complete.proxies.hullsym.grid import Grid
from splatsmith.gaussians import Gaussians
from splatsmith.render import render_view
from splatsmith.render.choice import device_of

AROUND = 1.5
"""How far beside the object the support is looked for, in half widths of the grid."""
BELOW = 0.3
"""How far below the object's lowest Gaussians, and above, in heights of the grid."""
VIEWS = 8
"""Views whose depth tells where the support is."""
MOST = 4000
"""Points of it that are looked at."""
TILT = np.cos(np.radians(15))
"""A support may lean by less than this."""
DRAWS = 400
FLAT = 0.75
"""Cells from the plane at which a point lies on it."""
SHARE = 0.25
"""Least share of the points around that must lie on the plane."""
LEAST = 30
"""Least number of them."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Points x, in cells, with normal . x = height."""

    normal: np.ndarray
    """(3,) unit, upwards."""
    height: float
    """In cells."""

    def above(self, points: np.ndarray) -> np.ndarray:
        """(n,) distance of points (n, 3), in cells; negative below."""
        return points @ self.normal - self.height


def support_plane(points: np.ndarray, shape: tuple[int, int, int], foot: float) -> Plane | None:
    """The plane that most points near the object's foot lie on, by RANSAC; None where there is none.

    points: (P, 3) of surfaces of the scene without the object, in cells. shape: of the grid. foot: height of the
    object's lowest end, as far as it is seen.
    """
    size = np.array(shape)
    beside = (np.abs(points[:, :2] - size[:2] / 2) < (0.5 + AROUND / 2) * size[:2].max()).all(axis=1)
    points = points[beside & (np.abs(points[:, 2] - foot) < BELOW * size[2])]
    if len(points) < LEAST:
        return None
    random = np.random.default_rng(0)
    points = points[random.permutation(len(points))[:MOST]]
    best, most = None, 0
    for rows in random.integers(0, len(points), (DRAWS, 3)):
        plane = _through(points[rows])
        if plane is not None and (count := int((np.abs(plane.above(points)) < FLAT).sum())) > most:
            best, most = plane, count
    if best is None or most < max(LEAST, SHARE * len(points)):
        return None
    return _fitted(points[np.abs(best.above(points)) < FLAT])


@torch.no_grad()
def surroundings(
    grid: Grid,
    rest: Gaussians,
    observations: Sequence[Observation],
    *,
    backend: Literal["cpu", "gsplat"],
    antialiased: bool,
) -> np.ndarray:
    """(P, 3) points of the surfaces that some views see beside the object, in cells. rest: the scene without it."""
    ready = rest.map(lambda column: column.to(device_of(backend)))
    white = ready.means.new_ones(len(ready), 1)
    showing = [observation for observation in observations if observation.mask.any()]
    found = [np.zeros((0, 3))]
    for i in np.unique(np.linspace(0, len(showing) - 1, min(VIEWS, len(showing))).astype(int)):
        view, how = showing[i].view, {"depth": True, "antialiased": antialiased, "backend": backend}
        drawn = render_view(ready, view.camera, view.T_camera_world, colors=white, **how)
        depth = torch.where(drawn.alpha > SOLID, drawn.expected_depth, 0).double().cpu().numpy()
        v, u = np.nonzero(showing[i].outside & (depth > 0))
        rays = np.linalg.solve(view.camera.K, np.stack([u + 0.5, v + 0.5, np.ones(len(u))]))
        M = grid.into(view)
        found.append(np.linalg.solve(M[:, :3], rays * depth[v, u] - M[:, 3:]).T)
    return np.concatenate(found)


def _through(corners: np.ndarray) -> Plane | None:
    """The plane through three points (3, 3) if it is nearly level."""
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    length = np.linalg.norm(normal)
    if length == 0 or abs(normal[2]) < TILT * length:
        return None
    normal = normal / length * np.sign(normal[2])
    return Plane(normal, float(normal @ corners[0]))


def _fitted(points: np.ndarray) -> Plane:
    """The plane nearest to points (n, 3) in the least-squares sense."""
    center = points.mean(axis=0)
    normal = np.linalg.svd(points - center, full_matrices=False)[2][2]
    normal = normal * np.sign(normal[2])
    return Plane(normal, float(normal @ center))
