"""Votes of masks for clusters, Gaussian by Gaussian (Shen et al., FlashSplat, ECCV 2024, eq. 6).

Where pixels without a mask are unknown, they still count for "none of them": fully beside a mask, up to its own mass,
since there the source did look; a little elsewhere.
"""

import numpy as np
from scipy import sparse

from splatsmith.segment2d.association.signatures import Signatures

NOT_LOOKED = 0.2
"""Weight of a pixel without a mask, away from masks, where such pixels are unknown."""
LEAST_AGREEMENT = 0.2
"""A cluster whose votes find less agreement than this is an accident of a few views."""


def votes(masks: Signatures, cluster_of: np.ndarray, count: int, rest: str) -> sparse.csr_array:
    """(1 + count, N) float32. A: row c for cluster c of 1 to `count`, row 0 for none of them.

    cluster_of: (M,) cluster of each mask, 0 where it is to have no vote.
    """
    voting = np.flatnonzero(cluster_of)
    entries = (np.ones(len(voting), np.float32), (cluster_of[voting], voting))
    for_clusters = sparse.csr_array(entries, (1 + count, len(cluster_of))) @ masks.mass
    away = 1.0 if rest == "background" else NOT_LOOKED
    none = away * masks.unmasked + (1 - away) * masks.unmasked.minimum(masks.masked)
    for_none = sparse.csr_array(none.sum(axis=0, dtype=np.float32)[None])
    return sparse.vstack([for_none, for_clusters[1:]], format="csr")


def shares(counted: sparse.csr_array) -> sparse.csr_array:
    """(1 + C, N) float32. P: the votes of every Gaussian as shares of all its votes; none where it has no votes."""
    total = counted.sum(axis=0)
    result = counted.copy()
    result.data /= total[result.indices]
    return result


def agreement(counted: sparse.csr_array) -> np.ndarray:
    """(1 + C,) sum of A_ci P_ci / sum of A_ci: how likely another vote on a cluster's Gaussians is for it as well."""
    total = np.maximum(counted.sum(axis=1), 1e-12)
    return counted.multiply(shares(counted)).sum(axis=1) / total


def confirmed(masks: Signatures, cluster_of: np.ndarray, rest: str, kept: np.ndarray) -> np.ndarray:
    """(M,) cluster_of without the clusters that too few views confirm; these are numbered 1, 2, ... again.

    The least agreed go first, since what remains is then agreed on more. kept: (1 + C,) bool, clusters to keep anyway.
    """
    for least in np.linspace(0, LEAST_AGREEMENT, 6)[1:]:
        doubtful = (agreement(votes(masks, cluster_of, len(kept) - 1, rest)) < least) & ~kept
        cluster_of = np.where(doubtful[cluster_of], 0, cluster_of)
    used = np.unique(cluster_of[cluster_of > 0])
    return np.where(cluster_of > 0, np.searchsorted(used, cluster_of) + 1, 0)
