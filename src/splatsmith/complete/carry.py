"""A change of colour that is known on the seen side of an object, carried to the side that no photo shows.

The unseen colours of a proxy have a pattern of their own, of a generator, a user or a mirrored side. That stays; they
are shifted as what is near and looks alike was shifted. On the graph of nearest neighbours with the weights

    w_ij = e_j (exp(-|c_i - c_j|^2 / (2 LIKE^2)) + FAINT)

        c: colours before the change        e: evidence for a known shift, 1 for an unknown one

the unknown shifts x solve  sum_j w_ij (x_i - x_j) + FAR sum_j w_ij (x_i - mean) = 0  with the known ones held: harmonic
interpolation (Zhu, Ghahramani and Lafferty, Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions,
2003), which far from everything known ends in the mean of what is known.
"""

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree
from torch import Tensor

NEIGHBOURS = 8
LIKE = 0.1
"""Difference of colour, of full scale, within which neighbours count as alike."""
FAINT = 0.01
"""Weight of neighbours that are not alike at all."""
FAR = 1e-3
"""Weight of the mean against the neighbours': it prevails some 30 Gaussians away."""


def carried(means: Tensor, colors: Tensor, shifts: Tensor, evidence: Tensor) -> Tensor:
    """(N, C). `shifts` (N, C) where they are known, for one at least; elsewhere what follows from those.

    means: (N, 3) centres. colors: (N, 3) RGB before the change. evidence: (N,) how well each shift is known, 0 for not
    at all.
    """
    trust = evidence.detach().double().cpu().numpy()
    fixed = trust > 0
    values = shifts.detach().double().cpu().numpy().copy()
    values[~fixed] = 0
    if fixed.all():
        return shifts
    weights = _graph(means.detach().double().cpu().numpy(), colors.detach().double().cpu().numpy())
    mean = trust @ values / trust.sum()
    free = weights[~fixed] @ sparse.diags_array(np.where(fixed, trust, 1.0))
    degree = free.sum(axis=1)
    system = sparse.diags_array((1 + FAR) * degree) - free[:, ~fixed]
    targets = free[:, fixed] @ values[fixed] + FAR * degree[:, None] * mean
    scaled = sparse.diags_array(1 / system.diagonal())
    for channel in range(values.shape[1]):
        solved, _ = cg(system, targets[:, channel], rtol=1e-5, maxiter=500, M=scaled)
        values[~fixed, channel] = solved
    return torch.from_numpy(values).to(shifts)


def _graph(means: np.ndarray, colors: np.ndarray) -> sparse.csr_array:
    """(N, N) symmetric weights between nearest neighbours."""
    count = len(means)
    k = min(NEIGHBOURS, count - 1)
    _, found = cKDTree(means).query(means, k=k + 1)
    rows, columns = np.repeat(np.arange(count), k + 1), found.reshape(-1)
    apart = rows != columns
    rows, columns = rows[apart], columns[apart]
    unlike = ((colors[rows] - colors[columns]) ** 2).sum(axis=1)
    weights = sparse.coo_array((np.exp(-unlike / (2 * LIKE**2)) + FAINT, (rows, columns)), (count, count)).tocsr()
    return weights.maximum(weights.T).tocsr()
