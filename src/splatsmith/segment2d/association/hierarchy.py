"""Parts: clusters that lie within others.

A view in which nobody has told the handle from the mug shows what the handle belongs to. So c is a part of d if, in the
views with a mask of d but none of c, c's Gaussians are in d's masks, and if that is no rare accident.
"""

import numpy as np
from scipy import sparse

from splatsmith.segment2d.association.overlaps import Overlaps
from splatsmith.segment2d.association.votes import LEAST_AGREEMENT, shares

CONTAINED = 0.8
"""Least part of a cluster's mass that must lie in its parent's masks."""
COMMON = 0.25
"""Least share of the votes on a part's Gaussians that are for the whole: less is a segmenter's slip now and then."""


def parents(pairs: Overlaps, cluster_of: np.ndarray, counted: sparse.csr_array) -> np.ndarray:
    """(1 + C,) the smallest cluster that each cluster 1 to C is a part of, 0 for none; row 0 stands for no cluster.

    counted: (1 + C, N), the votes.
    """
    count, views = counted.shape[0], pairs.reach.shape[1]
    member = np.equal.outer(np.arange(count), cluster_of).astype(np.float32)  # (1 + C, M)
    member[0] = 0
    has = member @ np.equal.outer(pairs.view_of, np.arange(views)) > 0  # (1 + C, views)
    within = ((member @ pairs.shared) * ~has[:, pairs.view_of]) @ member.T
    visible = ((member @ pairs.reach) * ~has) @ has.T.astype(np.float32)
    contained = within / np.maximum(visible, 1e-6)
    voted = shares(counted)
    elsewhere = (counted @ voted.T).toarray() / np.maximum(counted.sum(axis=1), 1e-12)[:, None]
    size = (voted >= LEAST_AGREEMENT).astype(np.float32) @ counted.sum(axis=0)
    larger = np.greater.outer(size, size).T  # [c, d]: d is larger than c
    candidates = (contained >= CONTAINED) & (elsewhere >= COMMON) & larger
    candidates[0] = candidates[:, 0] = False
    smallest = np.where(candidates, size, np.inf).argmin(axis=1)
    return np.where(candidates.any(axis=1), smallest, 0)


def ancestors(parent: np.ndarray, c: int) -> list[int]:
    """What `c` is a part of, the nearest first."""
    found = []
    while parent[c]:
        c = int(parent[c])
        found.append(c)
    return found


def families(parent: np.ndarray) -> np.ndarray:
    """(1 + C, 1 + C) bool. [d, c]: c is d or a part of it, at any depth."""
    family = np.eye(len(parent), dtype=bool)
    for c in range(1, len(parent)):
        family[ancestors(parent, c), c] = True
    return family


def handed_down(counted: sparse.csr_array, parent: np.ndarray) -> sparse.csr_array:
    """The votes with those for a whole handed to its parts, for a mask of the whole says nothing against these.

    A part that is told apart in a third of the views gets them where at least half as many, a sixth, are for it.
    """
    depth = [len(ancestors(parent, c)) for c in range(len(parent))]
    involved = sorted({int(c) for c in np.flatnonzero(parent)} | {int(c) for c in parent if c})
    rows = {c: counted[[c]].toarray()[0] for c in involved}
    for c in sorted(np.flatnonzero(parent).tolist(), key=lambda c: (depth[c], c)):
        above = ancestors(parent, c)
        whole = sum(rows[d] for d in above)
        share = rows[c] / np.maximum(rows[c] + whole, 1e-12)
        told_apart = share > np.average(share, weights=rows[c]) / 2
        rows[c] = np.where(told_apart, rows[c] + whole, rows[c])
        for d in above:
            rows[d] = np.where(told_apart, 0, rows[d])
    changed = [sparse.csr_array(rows[c][None]) if c in rows else counted[[c]] for c in range(len(parent))]
    return sparse.vstack(changed, format="csr")
