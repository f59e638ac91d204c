"""How near an object's surface is to the true one.

The surface of Gaussians is what cameras see of it: the depth of the object, drawn alone in all views, as points in
space, thinned out to one in each cell; without pixels in which near and far mix, as at silhouettes. Their centres would
not do: they lie below the surface, and many where nothing sees them. The true surface is given by points; each stands
for a disc as wide as the points are spaced, so that sparse points do not look like errors.

    accuracy       mean distance from a point of the object to the true surface
    completeness   mean distance from a true point to the nearest one of the object
    chamfer        the mean of both
    emd            earth mover's distance: mean distance in the best one-to-one assignment of equally many points
    f_score        harmonic mean of the shares of both within 1 % of the true diagonal

Distances are in scene units. The assignment of two samples of one surface is not free: with 1024 points it costs about
3 % of the diagonal.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from splatsmith.complete.observations import SOLID
from splatsmith.gaussians import Gaussians
from splatsmith.render import render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View

NEAR = 0.01
"""Distance that the F-score accepts, and the side of a cell, in diagonals of the true surface."""
MIXED = 5.0
"""Standard deviation of a pixel's depth, in cells, from which it is none of a surface."""
MOST_ASSIGNED = 1024
"""Points that are assigned at most."""
NEIGHBOURS = 6
"""Points that a normal is fitted to, beside the one that it is of."""


@dataclass(frozen=True, eq=False)
class TrueSurface:
    """The true surface of an object."""

    xyz: np.ndarray
    """(T, 3) float64. Points evenly spread on it, more than NEIGHBOURS, in the world frame."""

    @property
    def diagonal(self) -> float:
        """Of the box around the points, in scene units."""
        return float(np.linalg.norm(np.ptp(self.xyz, axis=0)))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.xyz)

    @cached_property
    def _normals(self) -> np.ndarray:
        """(T, 3) unit normals of the planes through each point's neighbours."""
        around = self.xyz[self._tree.query(self.xyz, NEIGHBOURS + 1)[1]]
        around = around - around.mean(axis=1, keepdims=True)
        return np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][:, :, 0]

    def distances(self, points: np.ndarray) -> np.ndarray:
        """(P,) from each of `points` (P, 3) to the disc of the nearest true point."""
        spacing = np.median(self._tree.query(self.xyz, 2)[0][:, 1])
        nearest = self._tree.query(points)[1]
        offsets = points - self.xyz[nearest]
        heights = np.einsum("ni,ni->n", offsets, self._normals[nearest])
        sideways = np.sqrt(np.maximum((offsets**2).sum(axis=1) - heights**2, 0))
        return np.hypot(heights, np.maximum(sideways - spacing, 0))


@dataclass(frozen=True)
class Geometry:
    """How near two surfaces are, in scene units; shares from 0 to 1."""

    accuracy: float
    completeness: float
    chamfer: float
    emd: float
    precision: float
    recall: float
    f_score: float
    diagonal: float
    """Of the true surface."""

    def as_dict(self) -> dict[str, float]:
        """As JSON takes it."""
        return {key: round(value, 6) for key, value in asdict(self).items()}


def seen_surface(
    gaussians: Gaussians,
    views: Sequence[View],
    cell: float,
    *,
    backend: Literal["cpu", "gsplat"],
    antialiased: bool,
) -> np.ndarray:
    """(P, 3) float64: what `views` see of the Gaussians alone, one point in each cube of side `cell`; maybe none."""
    points = [np.zeros((0, 3))]
    for view in views:
        depth, spread, alpha = _depths(gaussians, view, backend, antialiased)
        points.append(_in_space(depth, (alpha > SOLID) & (spread < MIXED * cell), view))
    mixed = np.random.default_rng(0).permutation(np.concatenate(points))
    _, first = np.unique(np.floor(mixed / cell).astype(np.int64), axis=0, return_index=True)
    return mixed[np.sort(first)]  # still in random order


def geometry(points: np.ndarray, truth: TrueSurface) -> Geometry:
    """Compare points (P, 3), at least one, in random order, with the true surface."""
    to_truth, to_points = truth.distances(points), cKDTree(points).query(truth.xyz)[0]
    near = NEAR * truth.diagonal
    accuracy, completeness = float(to_truth.mean()), float(to_points.mean())
    precision, recall = float((to_truth <= near).mean()), float((to_points <= near).mean())
    return Geometry(
        accuracy=accuracy,
        completeness=completeness,
        chamfer=(accuracy + completeness) / 2,
        emd=earth_movers_distance(points, truth.xyz),
        precision=precision,
        recall=recall,
        f_score=2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0,
        diagonal=truth.diagonal,
    )


def earth_movers_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance in the best assignment of points of `a` (A, 3) to points of `b` (B, 3), each used once at most.

    Exact, for MOST_ASSIGNED points of each, or as many as the smaller one has; drawn at random with a fixed seed.
    """
    count, random = min(MOST_ASSIGNED, len(a), len(b)), np.random.default_rng(0)
    costs = cdist(*(all[np.sort(random.permutation(len(all))[:count])] for all in (a, b)))
    return float(costs[linear_sum_assignment(costs)].mean())


@torch.no_grad()
def _depths(
    gaussians: Gaussians, view: View, backend: Literal["cpu", "gsplat"], antialiased: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(H, W) each: mean of the camera z of what is seen, its standard deviation, and the opacity."""
    gaussians = gaussians.map(lambda column: column.to(device_of(backend)))
    T = torch.from_numpy(view.T_camera_world).to(gaussians.means)
    z = gaussians.means @ T[2, :3] + T[2, 3]
    middle = z.median() if len(z) else z.new_zeros(())  # squares of what is small keep their digits
    moments = torch.stack([z - middle, (z - middle) ** 2], dim=1)
    drawing = {"colors": moments, "antialiased": antialiased, "backend": backend}
    drawn = render_view(gaussians, view.camera, view.T_camera_world, **drawing)
    mean, square = (drawn.image / drawn.alpha.clamp(min=1e-10)[..., None]).double().unbind(dim=2)
    spread = (square - mean**2).clamp(min=0).sqrt()
    return tuple(each.double().cpu().numpy() for each in (mean + middle, spread, drawn.alpha))


def _in_space(depth: np.ndarray, solid: np.ndarray, view: View) -> np.ndarray:
    """(P, 3): the pixels of `solid` (H, W) at their camera z, in the world frame."""
    rows, columns = np.nonzero(solid)
    rays = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1) @ np.linalg.inv(view.camera.K).T
    R_camera_world, t = view.T_camera_world[:3, :3], view.T_camera_world[:3, 3]
    return (rays * depth[rows, columns, None] - t) @ R_camera_world
