"""The best similarity between paired points: Umeyama, Least-Squares Estimation of Transformation Parameters, 1991."""

import numpy as np

from splatsmith.complete.align.pose import Pose, similarity

FEWEST = 3
"""Pairs that determine a similarity."""


def umeyama(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None, *, scale: float | None = None
) -> Pose:
    """The similarity with the least sum of w |s R x + t - y|^2, for pairs of source (N, 3) and target (N, 3).

    weights: (N,), at least 0. scale: held at this value, free if None. Never a reflection. Raises ValueError for fewer
    than three pairs, or where all source points are one.
    """
    if len(source) < FEWEST:
        raise ValueError(f"a similarity needs {FEWEST} pairs of points, got {len(source)}")
    w = np.full(len(source), 1 / len(source)) if weights is None else weights / weights.sum()
    mean_x, mean_y = w @ source, w @ target
    x, y = source - mean_x, target - mean_y
    U, D, Vt = np.linalg.svd((w[:, None] * y).T @ x)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    R = (U * signs) @ Vt
    spread = float(w @ (x**2).sum(axis=1))
    if spread <= 0:
        raise ValueError("all points of the source are one")
    if scale is None:
        scale = max(float(D @ signs) / spread, 1e-12)
    return similarity(R, scale, mean_y - scale * R @ mean_x)


def ransac(
    source: np.ndarray, target: np.ndarray, *, within: float, draws: int, rng: np.random.Generator
) -> tuple[Pose, np.ndarray] | None:
    """The similarity with the most inliers among those of random triples, and its inliers (N,) bool.

    An inlier's |s R x + t - y| is less than `within`. The result is fitted to all of them; None where there are fewer
    than three pairs or inliers. The triples are solved at once.
    """
    if len(source) < FEWEST:
        return None
    triples = rng.random((draws, len(source))).argpartition(FEWEST - 1, axis=1)[:, :FEWEST]
    x, y = source[triples], target[triples]
    mean_x, mean_y = x.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
    U, D, Vt = np.linalg.svd(np.einsum("dki,dkj->dij", y - mean_y, x - mean_x))
    signs = np.ones((draws, 3))
    signs[:, 2] = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    R = (U * signs[:, None, :]) @ Vt
    spread = ((x - mean_x) ** 2).sum(axis=(1, 2))
    scale = (D * signs).sum(axis=1) / np.maximum(spread, 1e-12)
    A = scale[:, None, None] * R
    t = mean_y[:, 0] - np.einsum("dij,dj->di", A, mean_x[:, 0])
    off = np.linalg.norm(np.einsum("dij,nj->dni", A, source) + t[:, None] - target, axis=2)
    inliers = off[np.argmax((off < within).sum(axis=1))] < within
    if inliers.sum() < FEWEST:
        return None
    return umeyama(source[inliers], target[inliers]), inliers
