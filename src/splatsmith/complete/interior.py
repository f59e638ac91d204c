"""The body of an object made of Gaussians: what lies below its surface, so that leftovers can be found in there.

Its Gaussians are drawn into a grid of voxels, whose third axis points up. A voxel is body where this shell closes it
off straight above, and in all but one of sixteen directions, level and halfway up. Below it may be open, as objects are
where they stand on something; the hollow of a cup, or the space between the legs of a chair, is no body. The outermost
layers of voxels do not count: the table under the object, and what leans against it, touch those only.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.quaternions import rotation_matrices

VOXELS = 48
"""Along the longest side of the object, at most: a voxel is no smaller than the usual distance between neighbours."""
NEIGHBOUR = 4
"""Which neighbour's distance that is."""
SOLID = 0.1
"""Opacity below which a Gaussian is no part of the shell."""
REACH = 1.5
"""Standard deviations that a Gaussian of the shell reaches across, so that there are no gaps between neighbours."""
ROBUST = 0.005
"""Share of Gaussians at each end of each axis that do not say how large the object is."""
AROUND = np.ones((3, 3, 3), bool)
"""A voxel and all that touch it."""
SKIN = 1
"""Outermost layers of voxels that do not count as body, beside those of the shell that face outwards."""
FOOT = 2
"""Lowest layers of what is left that do not count either: what an object stands on is not always quite below it."""
BORDER = 2
"""Empty voxels around the object."""
DIRECTIONS = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (0, 1) if (x, y) != (0, 0)]
"""Steps from voxel to voxel, level and halfway up."""
LEAKS = 1
"""Of DIRECTIONS, how many may be open."""
MOSTLY = 4
"""Of a Gaussian's centre and its six ends at one standard deviation, how many lie in the body if it is a leftover."""


@dataclass(frozen=True, eq=False)
class Interior:
    """Which points are inside of an object."""

    R_grid_world: np.ndarray
    """(3, 3) Rotation from the world to the axes of the grid."""
    origin: np.ndarray
    """(3,) The corner of the first voxel, along the axes of the grid."""
    voxel: float
    """Side of a voxel, in scene units."""
    filled: np.ndarray
    """(X, Y, Z) bool."""

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(...) bool for points (..., 3) of the world frame."""
        index = np.floor((points @ self.R_grid_world.T - self.origin) / self.voxel).astype(np.int64)
        inside = ((index >= 0) & (index < self.filled.shape)).all(axis=-1)
        x, y, z = np.moveaxis(np.where(inside[..., None], index, 0), -1, 0)
        return inside & self.filled[x, y, z]


def interior_of(gaussians: Gaussians, up: np.ndarray) -> Interior:
    """The body of one or more Gaussians. up: (3,) unit vector of the world."""
    R_grid_world = _upright(up)
    solid = (gaussians.opacities >= SOLID).cpu().numpy()
    samples = _samples(gaussians)[solid if solid.any() else slice(None)] @ R_grid_world.T
    low, high = np.quantile(samples.mean(axis=1), [ROBUST, 1 - ROBUST], axis=0)
    voxel = max(float((high - low).max()) / VOXELS, _spacing(samples.mean(axis=1)), 1e-9)
    origin = low - BORDER * voxel
    shape = np.ceil((high - low) / voxel).astype(np.int64) + 2 * BORDER + 1
    index = np.floor((samples.reshape(-1, 3) - origin) / voxel).astype(np.int64)
    index = index[((index >= BORDER) & (index < shape - BORDER)).all(axis=1)]
    shell = np.zeros(shape, bool)
    shell[tuple(index.T)] = True
    return Interior(R_grid_world, origin, voxel, _filled(shell))


def _spacing(points: np.ndarray) -> float:
    """Median distance of points (N, 3) to their neighbours; 0 where there are too few."""
    distances, _ = cKDTree(points).query(points, k=NEIGHBOUR + 1)
    return float(np.median(distances[:, -1])) if len(points) > NEIGHBOUR else 0.0


def _filled(shell: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool. The body within the shell (X, Y, Z)."""
    shell = ndimage.binary_dilation(shell, AROUND)  # or oblique lines would slip through between its voxels
    closed = sum(_blocked(shell, step).astype(np.int64) for step in DIRECTIONS)
    enclosed = _blocked(shell, (0, 0, 1)) & (closed >= len(DIRECTIONS) - LEAKS)
    body = ndimage.binary_erosion(enclosed, AROUND, iterations=1 + SKIN)
    return body & _shifted(body, [0, 0, -FOOT])


def _blocked(shell: np.ndarray, step: tuple[int, int, int]) -> np.ndarray:
    """(X, Y, Z) bool. Voxels of the shell, and those from which repeated `step`s lead to one."""
    found, reach = shell, 1
    while reach < max(shell.shape):
        found = found | _shifted(found, [reach * length for length in step])
        reach *= 2
    return found


def _shifted(grid: np.ndarray, offset: list[int]) -> np.ndarray:
    """(X, Y, Z) bool. What `grid` has at `offset` from each voxel; False beyond its sides."""
    moved = np.zeros_like(grid)
    here = tuple(slice(max(0, -o), max(0, n - max(0, o))) for o, n in zip(offset, grid.shape, strict=True))
    there = tuple(slice(max(0, o), max(0, n + min(0, o))) for o, n in zip(offset, grid.shape, strict=True))
    moved[here] = grid[there]
    return moved


def _upright(up: np.ndarray) -> np.ndarray:
    """(3, 3) A rotation that takes `up` to the third axis."""
    side = np.eye(3)[int(np.argmin(np.abs(up)))]
    first = np.cross(up, side)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(up, first), up])


def leftovers(gaussians: Gaussians, interior: Interior) -> Tensor:
    """(N,) bool. Gaussians that lie in the body for the most part, so that it hides them or they stick out of it."""
    ends = _ends(gaussians)
    return torch.from_numpy(interior.contains(ends).sum(axis=1) >= MOSTLY).to(gaussians.means.device)


def _samples(gaussians: Gaussians) -> np.ndarray:
    """(N, 25, 3) Points of every Gaussian's broad side: a grid, REACH standard deviations from its centre each way."""
    across = np.stack(np.meshgrid(*[np.linspace(-REACH, REACH, 5)] * 2), axis=-1).reshape(-1, 2)
    order = gaussians.log_scales.argsort(dim=1, descending=True, stable=True)[:, :2].cpu().numpy()
    steps = np.zeros((len(gaussians), len(across), 3))
    np.put_along_axis(steps, np.broadcast_to(order[:, None], (len(gaussians), *across.shape)), across[None], axis=2)
    return _points(gaussians, steps)


def _ends(gaussians: Gaussians) -> np.ndarray:
    """(N, 7, 3) The centre of every Gaussian, and the points one standard deviation from it along its axes."""
    return _points(gaussians, np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)]))


def _points(gaussians: Gaussians, steps: np.ndarray) -> np.ndarray:
    """(N, S, 3) World points of steps (S, 3) or (N, S, 3), given in standard deviations along a Gaussian's own axes."""
    axes = rotation_matrices(gaussians.quats.double()) * gaussians.scales.double()[:, None, :]
    offsets = torch.from_numpy(steps).to(axes) @ axes.mT
    return (gaussians.means.double()[:, None] + offsets).cpu().numpy()
