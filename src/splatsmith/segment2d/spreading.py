"""What a few views say of some Gaussians, spread to those beside them that no view spoke of.

    f_ic    evidence in pixels that Gaussian i belongs to object c,  b_ic that it does not
    d_ic    = f / (f + b)                           what the views say
    k_ic    = (f + b) / (f + b + RHO m_i)           how much they say, 0 to 1; m_i: pixels that i fills in its best view
    P       neighbours' weights, rows summing to one; close by in standard deviations of both Gaussians

    x  <-  k d + (1 - k) DECAY P x,      y  <-  k + (1 - k) DECAY P y
    p_ic    = x / (y + PRIOR)                       how likely i is c's;  y_ic says how well that is known

Label propagation after Zhu and Ghahramani (2002), with evidence of unequal weight; far from all of it the answer is no.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.quaternions import rotation_matrices

NEIGHBOURS = 8
REACH = 2.0
"""Standard deviations at which a neighbour's weight has fallen to exp(-1/2)."""
RHO, DECAY, PRIOR, STEPS = 0.3, 0.97, 0.02, 60
TOUCHING = 3.0
"""Standard deviations within which two Gaussians of an object hang together."""
LEAST_PIECE = 0.2
"""Of the evidence of an object's largest piece: what a piece needs to stay."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Which Gaussians lie side by side: E pairs, each Gaussian's nearest."""

    rows: np.ndarray
    """(E,) int64."""
    columns: np.ndarray
    """(E,) int64."""
    distances: np.ndarray
    """(E,). Between the centres, over the sum of both standard deviations along the line between them."""
    mean: csr_matrix
    """(N, N). P."""


def graph_of(gaussians: Gaussians) -> Graph:
    """The neighbourhood of every Gaussian, symmetric."""
    means = gaussians.means.double().numpy()
    n, k = len(means), min(NEIGHBOURS, len(means) - 1)
    apart, near = cKDTree(means).query(means, k=k + 1)
    apart, near = apart[:, 1:].ravel(), near[:, 1:].ravel()
    rows = np.repeat(np.arange(n), k)
    units = (means[near] - means[rows]) / np.maximum(apart, 1e-12)[:, None]
    axes = (rotation_matrices(gaussians.quats.double()) * gaussians.scales.double()[:, None, :]).numpy()
    spread = sum(np.linalg.norm(np.einsum("eij,ei->ej", axes[some], units), axis=1) for some in (rows, near))
    distances = apart / np.maximum(spread, 1e-12)
    weights = np.exp(-0.5 * (distances / REACH) ** 2) + 1e-4
    both = csr_matrix((weights, (rows, near)), shape=(n, n))
    both = both.maximum(both.T)
    total = np.asarray(both.sum(axis=1)).ravel()
    return Graph(rows, near, distances, csr_matrix(both.multiply(1 / total[:, None]), dtype=np.float32))


def spread(graph: Graph, given: np.ndarray, against: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p and y, both (N, C) float32, of evidence f `given` and b `against` (N, C), and m `most` (N,)."""
    evidence = given + against
    k = (evidence / (evidence + RHO * most[:, None] + 1e-6)).astype(np.float32)
    told = (given / np.maximum(evidence, 1e-9)).astype(np.float32) * k
    x, y = told, k
    for _ in range(STEPS):
        x = told + (1 - k) * DECAY * (graph.mean @ x)
        y = k + (1 - k) * DECAY * (graph.mean @ y)
    return x / (y + PRIOR), y


def without_crumbs(graph: Graph, likely: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """`likely` (N, C), zero for pieces of an object that hang apart and have little of its first evidence (N, C)."""
    kept = likely.copy()
    close = graph.distances < TOUCHING
    for c in range(likely.shape[1]):
        on = likely[:, c] > 0.5
        edges = close & on[graph.rows] & on[graph.columns]
        pairs = (np.ones(int(edges.sum()), np.int8), (graph.rows[edges], graph.columns[edges]))
        _, piece = connected_components(csr_matrix(pairs, shape=(len(likely),) * 2), directed=False)
        weight = np.bincount(piece, weights=evidence[:, c] * on)
        kept[on & (weight[piece] < LEAST_PIECE * weight.max()), c] = 0
    return kept
