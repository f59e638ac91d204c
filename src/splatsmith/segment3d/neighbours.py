"""Which Gaussians should agree: nearest neighbours, and GradiSeg's look-ahead neighbours (LA-KNN).

    p_t     centre of the target,  p_i of a candidate
    u_t     unit vector in which the target's centre wants to go, -grad / |grad|
    D_i     = (p_i - p_t) . u_t            how far ahead the candidate lies
    lat_i   = |p_i - p_t - D_i u_t|        how far aside

Source: GradiSeg, section 3.3, eq. 4, takes the smallest D_i > 0 of all Gaussians (`literal`). Taken so, neighbours lie
in a thin slab anywhere in the scene; `look_ahead` keeps to candidates nearby, prefers those straight ahead, and falls
back on the nearest where the direction tells nothing.
"""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

CANDIDATES = 32
KAPPA = 4.0
"""Weight of squared distance aside against squared distance ahead."""
FIRM = 0.3
"""Least length of the mean direction, of 0 to 1, that is followed."""
CHUNK = 256
"""Targets whose distances to all Gaussians are held at once."""


def nearest(means: Tensor, k: int = CANDIDATES) -> Tensor:
    """(N, k) int64. The k nearest other Gaussians of each, the nearest first; all the others where there are fewer."""
    return _by_tree(means, torch.arange(len(means)), k)


def nearest_to(means: Tensor, rows: Tensor, k: int) -> Tensor:
    """(M, k) int64. As `nearest`, of `rows` (M,) only: quick enough to be looked up anew whenever the scene moved."""
    return (_by_tree if means.device.type == "cpu" else _by_search)(means, rows, k)


def _by_tree(means: Tensor, rows: Tensor, k: int) -> Tensor:
    xyz, chosen = means.detach().cpu().numpy().astype(np.float64), rows.cpu().numpy()
    k = min(k, len(xyz) - 1)
    _, found = cKDTree(xyz).query(xyz[chosen], k=k + 1, workers=-1)
    found = found.reshape(len(chosen), k + 1)
    other = found != chosen[:, None]
    other[other.all(axis=1), -1] = False  # coinciding centres can hide the row itself
    return torch.from_numpy(found[other].reshape(len(chosen), k)).to(means.device)


def _by_search(means: Tensor, rows: Tensor, k: int) -> Tensor:
    chosen = []
    for some in rows.split(CHUNK):
        distances = torch.cdist(means[some], means, compute_mode="donot_use_mm_for_euclid_dist")
        distances.scatter_(1, some[:, None], torch.inf)
        chosen.append(distances.topk(min(k, len(means) - 1), dim=1, largest=False).indices)
    return torch.cat(chosen)


def literal(means: Tensor, rows: Tensor, directions: Tensor, k: int) -> Tensor:
    """(M, k) int64. For targets `rows` (M,) with unit `directions` (M, 3): the smallest D > 0 of all Gaussians."""
    chosen = []
    for some, u in zip(rows.split(CHUNK), directions.split(CHUNK), strict=True):
        ahead = u @ means.T - (u * means[some]).sum(dim=1, keepdim=True)
        ahead = torch.where(ahead > 0, ahead, torch.inf)
        ahead.scatter_(1, some[:, None], torch.inf)  # rounding may put a target ahead of itself
        chosen.append(ahead.topk(k, dim=1, largest=False).indices)
    return torch.cat(chosen)


def look_ahead(means: Tensor, candidates: Tensor, rows: Tensor, directions: Tensor, k: int) -> Tensor:
    """(M, k) int64. For targets `rows` (M,): of their `candidates` (M, L) the k with the smallest D^2 + kappa lat^2.

    directions: (M, 3) mean of unit directions; its length says how firm it is. Only candidates ahead count; a target
    with a direction that is not firm, or with fewer than k candidates ahead, gets its nearest ones, which come first.
    """
    firmness = directions.norm(dim=1, keepdim=True)
    u = directions / firmness.clamp(min=1e-12)
    offset = means[candidates] - means[rows, None]
    ahead = (offset * u[:, None]).sum(dim=2)
    aside = (offset - ahead[..., None] * u[:, None]).square().sum(dim=2)
    cost = torch.where(ahead > 0, ahead.square() + KAPPA * aside, torch.inf)
    order = cost.sort(dim=1, stable=True).indices[:, :k]
    enough = (ahead > 0).sum(dim=1, keepdim=True) >= k
    return torch.where((firmness > FIRM) & enough, candidates.gather(1, order), candidates[:, :k])
