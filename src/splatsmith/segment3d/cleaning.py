"""Labels that make sense in space: floaters leave their object, and what no view saw inside of one joins it.

A vote tells which pixels a Gaussian draws, not where along the ray it floats. So an object keeps its large connected
pieces and loses the specks around them. Convex hulls, with which Ye et al. (Gaussian Grouping, ECCV 2024) complete a
selection, are left alone: they swallow the neighbours that stand in an object's hollows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.segment3d.labels import REST, Tree

NEIGHBOURS = 8
"""Nearest Gaussians of its object that each may be connected to."""
TIP = 2.0
"""Standard deviations along its longest axis at which a Gaussian ends, for the eye."""
LARGE = 0.1
"""A piece with this share of the rows of the largest is no speck: a lid beside its pot, one of two shoes."""
STRAY = 6.0
"""A Gaussian with an end so many times as far from the next one as is usual in its object may reach out of it."""
FEW = 2
"""Gaussians of which none can be told to float."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Where N Gaussians are and how far they reach."""

    means: np.ndarray
    """(N, 3) float64. Centres in scene units."""
    longest: np.ndarray
    """(N, 3) float64. The longest axis in the world frame, one standard deviation long."""

    def at(self, rows: np.ndarray) -> "Cloud":
        """The Gaussians at `rows`, indices or mask."""
        return Cloud(self.means[rows], self.longest[rows])

    @property
    def reach(self) -> np.ndarray:
        """(N,). Distance from the centre to an end."""
        return TIP * np.linalg.norm(self.longest, axis=1)

    @property
    def ends(self) -> np.ndarray:
        """(2, N, 3). Both ends of each."""
        return np.stack([self.means + TIP * self.longest, self.means - TIP * self.longest])


def cloud_of(gaussians: Gaussians) -> Cloud:
    """Centres and longest axes of a scene's Gaussians."""
    means, scales = (values.detach().cpu().double() for values in (gaussians.means, gaussians.scales))
    axes = rotation_matrices(gaussians.quats.detach().cpu().double()) * scales[:, None, :]
    longest = axes.gather(2, scales.argmax(1)[:, None, None].expand(-1, 3, 1))[..., 0]
    return Cloud(means.numpy(), longest.numpy())


def cleaned(cloud: Cloud, labels: np.ndarray, seen: np.ndarray, tree: Tree) -> np.ndarray:
    """(N,) uint16. `labels` (N,) without floaters, and with what is enclosed. Cleaning what is clean changes nothing.

    seen: (N,) bool, false for Gaussians that no view voted on: whatever they had, they get what is around them.
    """
    return _with_enclosed(cloud, _without_floaters(cloud, np.where(seen, labels, REST), tree), seen, tree)


def _without_floaters(cloud: Cloud, labels: np.ndarray, tree: Tree) -> np.ndarray:
    """Floaters of a part go to its object, those of an object to the rest, until there are none."""
    labels, everything = labels.copy(), KDTree(cloud.means)
    ids = np.setdiff1d(tree.ancestors[:, labels], [REST])
    ids = ids[np.argsort(-tree.depths[ids].astype(int), kind="stable")]  # parts before their objects
    left = True
    while left:
        left = False
        for id in ids.tolist():
            own = tree.within(labels, id)
            rows = np.flatnonzero(own)
            if len(rows) <= FEW:
                continue
            object = cloud.at(rows)
            points = KDTree(object.means)
            floating = rows[_specks(object, points) | _strays(object, points, rows, own, everything)]
            labels[floating] = tree.parents(np.array(id))
            left |= len(floating) > 0
    return labels


def _specks(cloud: Cloud, points: KDTree) -> np.ndarray:
    """(M,) bool. Which Gaussians of one object are in none of its large connected pieces."""
    count = len(cloud.means)
    distances, neighbours = points.query(cloud.means, min(NEIGHBOURS, count - 1) + 1, workers=-1)
    touching = distances <= cloud.reach[:, None] + cloud.reach[neighbours]
    one, other = np.broadcast_to(np.arange(count)[:, None], touching.shape)[touching], neighbours[touching]
    graph = coo_matrix((np.ones(len(one), bool), (one, other)), (count, count))
    piece = connected_components(graph, directed=False)[1]
    sizes = np.bincount(piece)
    return sizes[piece] < LARGE * sizes.max()


def _strays(cloud: Cloud, points: KDTree, rows: np.ndarray, own: np.ndarray, everything: KDTree) -> np.ndarray:
    """(M,) bool. Which Gaussians of one object end far from all others of it, and among others: a large one below the
    table's top, of which a corner shows through the object. (What ends in the air is a handle, a wire, an antenna.)

    rows: (M,) of the scene that the object has. own: (N,) bool, the same. everything: the centres of the whole scene.
    """
    ends = cloud.ends
    distances = _nearest_but(points, ends, np.arange(len(rows)))[0]
    far = distances > STRAY * np.median(distances.max(0))
    end, row = np.nonzero(far)
    foreign = ~own[_nearest_but(everything, ends[far], rows[row])[1]]
    strays = np.zeros(len(rows), bool)
    strays[row[foreign]] = True
    return strays


def _nearest_but(points: KDTree, at: np.ndarray, itself: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance and row of the point nearest to `at` (..., 3) other than the row `itself` (...)."""
    distances, nearest = points.query(at, 2, workers=-1)
    second = (nearest[..., 0] == itself).astype(int)[..., None]
    return np.take_along_axis(distances, second, -1)[..., 0], np.take_along_axis(nearest, second, -1)[..., 0]


def _with_enclosed(cloud: Cloud, labels: np.ndarray, seen: np.ndarray, tree: Tree) -> np.ndarray:
    """Unseen Gaussians within the box of an object whose nearest seen ones are all of that object, or of one part."""
    labels, objects = labels.copy(), tree.ancestors[1]
    low, high = (np.full((len(objects), 3), limit) for limit in (np.inf, -np.inf))
    own = objects[labels]
    np.minimum.at(low, own, cloud.means)
    np.maximum.at(high, own, cloud.means)
    around = np.zeros(len(labels), bool)
    for id in np.setdiff1d(own, [REST]):
        around |= ((cloud.means >= low[id]) & (cloud.means <= high[id])).all(1)
    asking, known = np.flatnonzero(around & ~seen), np.flatnonzero(seen)
    if not len(asking):
        return labels
    nearest = KDTree(cloud.means[known]).query(cloud.means[asking], np.arange(1, min(NEIGHBOURS, len(known)) + 1))[1]
    found = _common(labels[known[nearest]], tree)
    at, own = cloud.means[asking], objects[found]
    labels[asking] = np.where(((at >= low[own]) & (at <= high[own])).all(1), found, REST)
    return labels


def _common(labels: np.ndarray, tree: Tree) -> np.ndarray:
    """(M,) uint16. The deepest number that all of labels (M, k) are within; 0 where that is none."""
    common = np.zeros(len(labels), np.uint16)
    for ancestors in tree.ancestors[1:]:
        branches = ancestors[labels]
        common = np.where((branches == branches[:, :1]).all(1), branches[:, 0], common)
    return common
