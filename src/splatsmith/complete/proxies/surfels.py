"""A surface of triangles as flat Gaussians: even samples of its area, each a disc in the plane of its triangle."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.quaternions import from_rotation_matrices
from splatsmith.gaussians.sh import rgb_to_dc

OVERSAMPLED = 4
"""Random samples for each that is kept."""
PACKED = 0.75
"""Least distance of samples, in spacings, at which as many fit as a grid of that spacing has."""
RADIUS, THICKNESS = 0.7, 0.15
"""Standard deviations of a disc: across in spacings, and through it in those across."""
OPACITY = 0.95


@dataclass(frozen=True, eq=False)
class Samples:
    """n points on a surface of triangles."""

    faces: np.ndarray
    """(n,) int64. The triangle of each."""
    weights: np.ndarray
    """(n, 3). Barycentric coordinates in it."""
    spacing: float
    """Side of the square that each stands for, in the units of the vertices."""

    def of(self, values: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(n, C). Values (V, C) of the vertices at the points."""
        return np.einsum("nk,nkc->nc", self.weights, values[faces[self.faces]])


def even_samples(vertices: np.ndarray, faces: np.ndarray, spacing: float) -> Samples:
    """Points on triangles (F, 3) of vertices (V, 3), about one in `spacing` squared of area, none close to another.

    Dart throwing as a maximal independent set of four times as many random points (Luby, A simple parallel algorithm
    for the maximal independent set problem, 1986). The same for the same input.
    """
    areas = triangle_areas(vertices, faces)
    count = max(1, round(OVERSAMPLED * areas.sum() / spacing**2))
    random = np.random.default_rng(0)
    places = (np.arange(count) + random.random(count)) / count * areas.sum()
    chosen = np.searchsorted(np.cumsum(areas), places).clip(max=len(faces) - 1)
    root, along = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - root, root * (1 - along), root * along], axis=1)
    every = Samples(chosen, weights, spacing)
    kept = _independent(every.of(vertices, faces), PACKED * spacing, random.permutation(count))
    return Samples(chosen[kept], weights[kept], math.sqrt(areas.sum() / max(1, kept.sum())))


def surfels(samples: Samples, vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> Gaussians:
    """One opaque disc for each sample, with colours (n, 3) RGB 0 to 1, the same from all sides."""
    points = torch.from_numpy(samples.of(vertices, faces))
    a, b, c = torch.from_numpy(vertices[faces[samples.faces]]).unbind(1)
    tangent = torch.nn.functional.normalize(b - a, dim=1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    across = RADIUS * samples.spacing
    sigmas = torch.tensor([across, across, THICKNESS * across])
    n = len(points)
    return Gaussians(
        means=points.float(),
        quats=from_rotation_matrices(torch.stack([tangent, torch.linalg.cross(normal, tangent), normal], -1)).float(),
        log_scales=sigmas.log().expand(n, 3).contiguous().float(),
        logit_opacities=torch.full((n,), math.log(OPACITY / (1 - OPACITY))),
        sh=rgb_to_dc(torch.from_numpy(colours).float())[:, None],
    )


def triangle_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) in squares of the vertices' unit."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def _independent(points: np.ndarray, radius: float, rank: np.ndarray) -> np.ndarray:
    """(n,) bool. Points (n, 3) of which no two are within `radius`, and none could be added; lower ranks come first."""
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    n = len(points)
    near = coo_array((np.ones(2 * len(pairs), bool), (pairs.ravel(), pairs[:, ::-1].ravel())), (n, n)).tocsr()
    kept, open = np.zeros(n, bool), np.ones(n, bool)
    while open.any():
        least = np.full(n, n)
        live = pairs[open[pairs].all(axis=1)]
        np.minimum.at(least, live[:, 0], rank[live[:, 1]])
        np.minimum.at(least, live[:, 1], rank[live[:, 0]])
        first = open & (rank < least)
        kept |= first
        open &= ~first & ~(near @ first)
    return kept
