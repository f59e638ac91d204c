"""All that is known of the object before a proxy is looked at: sights, and points of its surface."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from splatsmith.base.outcome import Unusable
from splatsmith.complete.align.sights import Sight, sight_of, spread_out
from splatsmith.complete.observations import Observation

MOST_VIEWS = 12
"""Sights taken; every fifth is kept for validation."""
LARGE, FULL, MIDDLE, COARSE = 400, 144, 72, 40
"""Longest sides of sights, in working pixels: to match in, to draw in at the end, before, and at first."""
AGREE = 0.03
"""Depth of one view confirms that of another within this share of the object's length."""
VOXEL = 1 / 40
"""Distance between points of the surface, as a share of the object's length."""
FEWEST_POINTS = 30
"""Points that tell anything of a surface."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The object as observed."""

    sights: tuple[Sight, ...]
    """To fit to, at most LARGE."""
    held: tuple[Sight, ...]
    """To validate with; empty where there are fewer than five sights."""
    points: np.ndarray
    """(N, 3) on the observed surface; none where the depth of the views cannot be trusted."""
    normals: np.ndarray
    """(N, 3) unit vectors, towards the cameras."""
    center: np.ndarray
    """(3,). Where the rays through the middle of the masks meet."""
    unit: float
    """Length of the object: the diagonal of a box that its masks suggest, in world units."""

    @property
    def span_deg(self) -> float:
        """The largest angle between two of the sights, as the object sees them."""
        rays = np.stack([sight.center - self.center for sight in self.sights])
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        return float(np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1).min())))


def evidence_of(observations: Sequence[Observation], first: Sequence[str]) -> Evidence:
    """What the views tell; those named `first` are preferred. Raises Unusable where none shows it; InputError."""
    chosen = spread_out(observations, first, MOST_VIEWS)
    if not chosen:
        raise Unusable("no view shows it")
    sights = [sight_of(observation).reduced(LARGE) for observation in chosen]
    center, unit = _place(sights)
    points, normals = _surface([sight.reduced(MIDDLE) for sight in sights], center, unit)
    held = sights[4::5] if len(sights) >= 5 else []
    fitted = tuple(sight for sight in sights if sight not in held)
    return Evidence(fitted, tuple(held), points, normals, center, unit)


def boxes(sights: Sequence[Sight]) -> np.ndarray:
    """(V, 4) x0 y0 x1 y1 of the object's pixels, edges of pixels included."""
    found = []
    for sight in sights:
        rows, columns = (np.flatnonzero(sight.inside.any(axis=axis)) for axis in (1, 0))
        found.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if len(rows) else (0, 0, *sight.size))
    return np.array(found, float)


def _place(sights: Sequence[Sight]) -> tuple[np.ndarray, float]:
    """Where the middles of the masks' boxes meet, and how large the boxes are there."""
    box = boxes(sights)
    middles = (box[:, :2] + box[:, 2:]) / 2
    centers = np.stack([sight.center for sight in sights])
    ahead = np.stack([sight.unproject(m[None], np.ones(1))[0] for sight, m in zip(sights, middles, strict=True)])
    rays = (ahead - centers) / np.linalg.norm(ahead - centers, axis=1, keepdims=True)
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    normal = across.sum(axis=0)
    if np.linalg.eigvalsh(normal)[0] > 1e-3 * len(sights):
        center = np.linalg.solve(normal, np.einsum("vij,vj->i", across, centers))
    else:  # the views are nearly one: its depth tells how far
        depth = np.median(np.concatenate([sight.depth[sight.depth > 0] for sight in sights]) if _deep(sights) else 1.0)
        center = sights[0].unproject(middles[:1], np.array([depth]))[0]
    z = np.array([sight.project(center)[1] for sight in sights])
    focal = np.array([[sight.K[0, 0], sight.K[1, 1]] for sight in sights])
    sizes = (box[:, 2:] - box[:, :2]) * np.abs(z)[:, None] / focal
    wide, high = np.quantile(sizes[:, 0], 0.8), np.quantile(sizes[:, 1], 0.8)
    return center, float(np.sqrt(2 * wide**2 + high**2))


def _deep(sights: Sequence[Sight]) -> bool:
    return any((sight.depth > 0).any() for sight in sights)


def _surface(sights: Sequence[Sight], center: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) that two views agree on (or that only one could see), thinned, with normals (N, 3)."""
    found, eyes = [], []
    for sight in sights:
        rows, columns = np.nonzero(sight.depth)
        world = sight.unproject(np.stack([columns, rows], axis=1) + 0.5, sight.depth[rows, columns].astype(float))
        near = np.linalg.norm(world - center, axis=1) < 1.2 * unit
        world = world[near & _confirmed(world, sight, sights, unit)]
        found.append(world)
        eyes.append(np.tile(sight.center, (len(world), 1)))
    points, eyes = np.concatenate(found), np.concatenate(eyes)
    if len(points) < FEWEST_POINTS:
        return np.zeros((0, 3)), np.zeros((0, 3))
    rows = thinned(points, VOXEL * unit)
    points, eyes = points[rows], eyes[rows]
    distances, neighbours = cKDTree(points).query(points, k=min(12, len(points)))
    far = distances[:, 1:].mean(axis=1)
    local = points[neighbours] - points[neighbours].mean(axis=1, keepdims=True)
    normals = np.linalg.svd(local, full_matrices=False)[2][:, 2]
    normals *= np.where(((eyes - points) * normals).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    kept = far <= far.mean() + 2 * far.std()
    return points[kept], normals[kept]


def _confirmed(world: np.ndarray, own: Sight, sights: Sequence[Sight], unit: float) -> np.ndarray:
    """(N,) bool. Whether another sight has the same depth there; all are where no other sees any of them."""
    agree = np.zeros(len(world), int)
    for sight in sights:
        if sight is own:
            continue
        pixels, z = sight.project(world)
        column, row = np.floor(pixels).astype(int).T
        within = (z > 0) & (column >= 0) & (row >= 0) & (column < sight.size[0]) & (row < sight.size[1])
        depth = np.zeros(len(world))
        depth[within] = sight.depth[row[within], column[within]]
        agree += (depth > 0) & (np.abs(z - depth) < AGREE * unit)
    return agree > 0 if agree.any() else np.ones(len(world), bool)


def thinned(points: np.ndarray, cell: float) -> np.ndarray:
    """Indices, ascending, of one point (the first) in each cubic cell of points (N, 3)."""
    cells = np.floor((points - points.min(axis=0)) / cell).astype(np.int64)
    return np.sort(np.unique(cells, axis=0, return_index=True)[1])
