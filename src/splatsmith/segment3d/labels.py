"""Hard labels from soft scores: thresholds come late, so that a changed one costs seconds.

Numbers form a tree: the rest at the root, below it the objects, below these their parts. A Gaussian walks down from the
root for as long as one branch is likelier than the others and than staying, and has more than a least share. So a
Gaussian that is half lid, half pot is the teapot's, and a larger least share never adds Gaussians to an object.
"""

import os
from dataclasses import dataclass

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.sidecar import REDO, read_sidecar, write_sidecar
from splatsmith.scenes.label_maps import MOST_ID, Legend
from splatsmith.segment3d.scores import Scores

REST = 0
"""Number of the Gaussians that belong to no object, or to none surely enough."""


@dataclass(frozen=True, eq=False)
class Tree:
    """The numbers of a legend below 0, as a table to look ancestors up in."""

    ancestors: np.ndarray
    """(D + 1, 65536) uint16. Row d has the ancestor at depth d of each number; itself, where it is not as deep."""
    depths: np.ndarray
    """(65536,) uint8. 0 is at depth 0, objects are at 1, their parts at 2, and so on."""

    @property
    def deepest(self) -> int:
        """D, the depth of the deepest number."""
        return len(self.ancestors) - 1

    def parents(self, ids: np.ndarray) -> np.ndarray:
        """The numbers one step up from `ids`; 0 from an object."""
        return self.ancestors[np.maximum(self.depths[ids], 1) - 1, ids]

    def within(self, ids: np.ndarray, id: int) -> np.ndarray:
        """bool, like `ids`: is it `id` or a part of it, at any depth?"""
        return self.ancestors[self.depths[id], ids] == id


def tree_of(legend: Legend) -> Tree:
    """The tree of a legend's numbers. Those that it does not have count as objects without parts."""
    everything = np.arange(MOST_ID + 1, dtype=np.uint16)
    chains = {REST: (REST,)}
    for entry in legend.entries:  # parents stand before their parts
        chains[entry.id] = (*chains[entry.parent or REST], entry.id)
    deepest = max(1, max(map(len, chains.values())) - 1)
    ancestors = np.tile(everything, (deepest + 1, 1))
    ancestors[0] = REST
    depths = np.ones(MOST_ID + 1, np.uint8)
    for id, chain in chains.items():
        depths[id] = len(chain) - 1
        ancestors[: len(chain), id] = chain
    return Tree(ancestors, depths)


def hard_labels(scores: Scores, tree: Tree, min_share: float) -> np.ndarray:
    """(N,) uint16. The number of each Gaussian; 0 where no object has more than `min_share` in [0, 1)."""
    labels = np.zeros(len(scores), np.uint16)
    shares = scores.scores.astype(np.float32)
    for depth in range(tree.deepest):
        inside = tree.ancestors[depth, scores.ids] == labels[:, None]
        branches = tree.ancestors[depth + 1, scores.ids]
        alike = (branches[:, :, None] == branches[:, None, :]) & inside[:, None, :]
        sums = np.where(inside, (alike * shares[:, None, :]).sum(2), -1)
        best = sums.argmax(1, keepdims=True)
        down = np.take_along_axis(sums, best, 1)[:, 0] > min_share
        labels = np.where(down, np.take_along_axis(branches, best, 1)[:, 0], labels)
    return labels


def family_shares(scores: Scores, tree: Tree, id: int) -> np.ndarray:
    """(N,) float32 in [0, 1]. The share of an object in each Gaussian, its parts included."""
    return np.where(tree.within(scores.ids, id), scores.scores, 0).sum(1, dtype=np.float32)


def check_known(scores: Scores, legend: Legend, where: str) -> None:
    """Raises InputError if the scores name a number that the legend lacks."""
    strange = set(np.unique(scores.ids[scores.scores > 0]).tolist()) - {REST, *(entry.id for entry in legend.entries)}
    if strange:
        fix, got = "redo the stage that made both", ", ".join(map(str, sorted(strange)[:5]))
        raise InputError(Problem("the scores name numbers that the legend does not have", where, fix, got=got))


def write_labels(path: str | os.PathLike, labels: np.ndarray, ply: str | os.PathLike) -> None:
    """Write the sidecar `labels.npz`, labels (N,) uint16 of the rows of the file `ply`, atomically."""
    write_sidecar(path, ply, labels=labels)


def read_labels(path: str | os.PathLike, ply: str | os.PathLike) -> np.ndarray:
    """(N,) uint16: what `write_labels` wrote. Raises InputError where it is damaged or of another PLY than `ply`."""
    (labels,) = read_sidecar(path, ply, ("labels",))
    if labels.ndim != 1 or labels.dtype != np.uint16:
        got = f"{labels.dtype} of shape {labels.shape}"
        raise InputError(Problem("the labels are damaged", str(path), REDO, "uint16 of shape (N,)", got))
    return labels
