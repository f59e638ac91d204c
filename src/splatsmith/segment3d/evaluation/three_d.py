"""How well Gaussians are told apart, against points on the true surfaces of the objects.

Masks of views hide much of it: Gaussians behind the visible surface, and those whose borders the views average away.

    accuracy        of the Gaussians on an object's true surface, the share with the object's numbers
    extraction IoU  of the Gaussians on an object's true surface and those with its numbers, the share that are both
    ambiguous       the share of Gaussians that hold evidence of a second number, see `ambiguous_share`

Each by number, and by footprint: what a Gaussian adds to the pictures as far as nothing hides it. The number follows
where densification spent its Gaussians, and takes the hidden ones as seriously as the seen; the footprint is what an
extracted object looks like.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splatsmith.scenes.cameras import View
from splatsmith.segment3d.evaluation.selection import Ids

if TYPE_CHECKING:
    from splatsmith.gaussians import Gaussians
    from splatsmith.segment3d.scores import Scores

ON = 3.0
"""A Gaussian is on a surface when its centre is at most this far from one of its points, in spacings: their median
distance to the next. Of a surface with points at random, 0.2 % is further from all of them."""
OFF = 6.0
"""A Gaussian is off all surfaces from here on. In between nothing can be said, and it is left out."""
UNDECIDED, REST = -1, 0
AMBIGUOUS = 0.15
"""Least share, exclusive, of the second of the two likeliest numbers. GradiSeg's conflict, specified by weight."""


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """P points, evenly spread on the true surfaces, in the scene's world frame."""

    xyz: np.ndarray
    """(P, 3) float64."""
    ids: np.ndarray
    """(P,) int64. The object that each is on, by its number in the truth; 0 for anything else."""


@dataclass(frozen=True)
class Extraction:
    """How well Gaussians are told apart. NaN where there is nothing to measure."""

    accuracy: float
    objects: Mapping[str, float]
    """Extraction IoU by object."""

    @property
    def miou(self) -> float:
        """Mean extraction IoU of the objects that have Gaussians, by the truth or by the labels."""
        known = [iou for iou in self.objects.values() if not math.isnan(iou)]
        return float(np.mean(known)) if known else math.nan


def true_labels(means: np.ndarray, points: SurfacePoints) -> np.ndarray:
    """(N,) int64: the object on whose surface each of the centres `means` (N, 3) is, `REST`, or `UNDECIDED`."""
    from scipy.spatial import cKDTree

    tree = cKDTree(points.xyz)
    spacing = float(np.median(tree.query(points.xyz, 2)[0][:, 1]))
    distances, nearest = tree.query(means)
    near = np.where(distances <= ON * spacing, points.ids[nearest], UNDECIDED)
    return np.where(distances > OFF * spacing, REST, near)


def extraction(
    labels: np.ndarray, truth: np.ndarray, names: Mapping[int, str], ids: Mapping[str, Ids], weights: np.ndarray
) -> Extraction:
    """Measure labels (N,) against truth (N,) as `true_labels` gives it, under weights (N,).

    names: the objects by their numbers in the truth. ids: the labels' numbers for each; one left out has none.
    """
    decided = truth != UNDECIDED
    right = np.zeros(len(labels), bool)
    objects = {}
    for id, name in names.items():
        is_it, taken = truth == id, np.isin(labels, list(ids.get(name, ()))) & decided
        right |= is_it & taken
        objects[name] = _share(weights, is_it & taken, is_it | taken)
    return Extraction(_share(weights, right, np.isin(truth, list(names))), objects)


def ambiguous_share(scores: "Scores", weights: np.ndarray) -> float:
    """The share of the Gaussians that views saw, under weights (N,), that hold evidence of two numbers: the second has
    more than 15 % of what the two likeliest have. Such a Gaussian straddles a border, or its masks contradict each
    other. NaN where none was seen."""
    two = scores.scores[:, :2].astype(np.float64)
    second = two[:, 1] if two.shape[1] > 1 else np.zeros(len(two))
    return _share(weights, scores.seen & (second > AMBIGUOUS * two.sum(1)), scores.seen)


def footprints(gaussians: "Gaussians", views: Sequence[View]) -> np.ndarray:
    """(N,) float64. The alpha of each Gaussian, summed over the pixels of a view as if nothing were before it, on
    average over the views.

    Seen face on, that is its opacity times 2 pi times its two longer standard deviations in pixels; at most the whole
    picture. 0 in views that do not show its centre.
    """
    means = gaussians.means.detach().double().cpu().numpy()
    scales = np.sort(gaussians.scales.detach().double().cpu().numpy(), axis=1)
    opacities = gaussians.opacities.detach().double().cpu().numpy()
    areas = 2 * np.pi * scales[:, 1] * scales[:, 2]
    pixels = np.zeros(len(means))
    for view in views:
        camera, T = view.camera, view.T_camera_world
        x, y, z = T[:3, :3] @ means.T + T[:3, 3:]
        z = np.where(z > 0, z, np.inf)
        u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        shown = np.isfinite(z) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
        pixels += shown * np.minimum(areas * camera.fx * camera.fy / z**2, camera.width * camera.height)
    return opacities * pixels / max(1, len(views))


def _share(weights: np.ndarray, part: np.ndarray, whole: np.ndarray) -> float:
    total = weights[whole].sum()
    return float(weights[part].sum() / total) if total > 0 else math.nan
