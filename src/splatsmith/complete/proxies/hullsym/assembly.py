"""The proxy's Gaussians: those of the object that can be trusted, their mirror images, and a skin for the rest."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from splatsmith.complete.proxies.hullsym.grid import Grid
from splatsmith.complete.proxies.hullsym.skin import Mesh, Seen
from splatsmith.complete.proxies.surfels import even_samples, surfels
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat, select
from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.gaussians.transforms import similarity

ASTRAY = 2.0
"""Cells outside of the body at which a Gaussian, or an end of it, does not belong there."""
TIP = 1.5
"""Standard deviations from its centre at which a Gaussian ends, for the eye."""
SHORTER = 0.7
TRIES = 6
"""How often an axis that sticks out is shortened, by that factor."""
COVER = 2
"""Cells around a place with Gaussians that need no others."""
BACKING, FLUSH = 1.5, 0.4
"""Cells below the surface at which the skin lies: where other Gaussians are on it, and elsewhere, for its own width."""


def trusted(grid: Grid, field: np.ndarray, observed: Gaussians) -> Gaussians:
    """The object's Gaussians within the body f > -ASTRAY, their axes shortened where they stick out of it."""
    rows = grid.at(field, grid.from_world(observed.means.double().cpu().numpy())) > -ASTRAY
    return _trimmed(grid, field, select(observed, torch.from_numpy(rows).to(observed.means.device)))


def _trimmed(grid: Grid, field: np.ndarray, gaussians: Gaussians) -> Gaussians:
    means = gaussians.means.double().cpu().numpy()
    log_scales = gaussians.log_scales.double().cpu().numpy().copy()
    axes = rotation_matrices(gaussians.quats.double().cpu()).numpy()
    for axis in range(3):
        rows = np.arange(len(means))
        for _ in range(TRIES):
            reach = TIP * np.exp(log_scales[rows, axis])[:, None] * axes[rows, :, axis]
            ends = [grid.at(field, grid.from_world(means[rows] + sign * reach)) for sign in (1, -1)]
            rows = rows[np.minimum(*ends) < -ASTRAY]
            log_scales[rows, axis] += np.log(SHORTER)
    return replace(gaussians, log_scales=torch.from_numpy(log_scales).to(gaussians.log_scales))


def mirrored(
    grid: Grid, field: np.ndarray, observed: Gaussians, maps: Sequence[np.ndarray], covered: np.ndarray
) -> tuple[Gaussians | None, np.ndarray]:
    """Images of the object's Gaussians under `maps` (4, 4) that land on the body where nothing is `covered`.

    covered: (X, Y, Z) bool. Returns them with the constant band of their colours, None if there are none, and the cells
    that are covered then.
    """
    found, covered = [], covered.copy()
    plain = replace(observed, sh=observed.sh[:, :1], extra={})
    for g in maps:
        image = similarity(plain, grid.T_world_grid @ g @ np.linalg.inv(grid.T_world_grid))
        means = grid.from_world(image.means.double().cpu().numpy())
        cells = np.rint(means).astype(int)
        inside = ((cells >= 0) & (cells < np.array(grid.shape))).all(axis=1)
        cells = np.where(inside[:, None], cells, 0)
        rows = inside & ~covered[tuple(cells.T)] & (np.abs(grid.at(field, means)) < ASTRAY)
        if rows.any():
            found.append(select(image, torch.from_numpy(rows).to(image.means.device)))
            covered |= around(grid, means[rows])
    return (_trimmed(grid, field, concat(found)) if found else None), covered


def around(grid: Grid, points: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool. Cells near points (n, 3)."""
    marks = np.zeros(grid.shape, bool)
    marks[tuple(np.clip(np.rint(points), 0, np.array(grid.shape) - 1).astype(int).T)] = True
    return binary_dilation(marks, iterations=COVER)


def skin_gaussians(grid: Grid, mesh: Mesh, seen: Seen, colours: np.ndarray, filled: np.ndarray) -> Gaussians | None:
    """Discs with the mesh's colours (V, 3) where no photo shows it; None where they show all of it.

    They lie below mirrored Gaussians, which are in the cells `filled` (X, Y, Z) bool: nothing shines through them.
    """
    faces = mesh.faces[~seen.shown[mesh.faces].all(axis=1)]
    if not len(faces):
        return None
    cells = np.clip(np.rint(mesh.vertices), 0, np.array(grid.shape) - 1).astype(int)
    below = np.where(filled[tuple(cells.T)], BACKING, FLUSH)
    vertices = mesh.vertices - below[:, None] * mesh.normals
    samples = even_samples(vertices, faces, 1.0)
    discs = surfels(samples, vertices, faces, samples.of(colours, faces).clip(0, 1))
    return similarity(discs, grid.T_world_grid)
