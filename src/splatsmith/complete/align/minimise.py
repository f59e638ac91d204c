"""Levenberg and Marquardt's method over the nine numbers of a pose, with weights that make it robust.

Source: Marquardt, An algorithm for least-squares estimation of nonlinear parameters, 1963; iteratively reweighted as in
Holland and Welsch, Robust regression using iteratively reweighted least-squares, 1977.
"""

from collections.abc import Callable

import numpy as np

from splatsmith.complete.align.pose import Pose

Normal = tuple[float, np.ndarray, np.ndarray]
"""Cost, its gradient g (9,), and its Gauss-Newton matrix H (9, 9)."""

SMALL = 1e-4
"""Steps below this, in radians and units, end the search."""
MOST = 0.3
"""No step is larger: a linear model knows no more."""
FLAT = 1e-4
"""So does a cost that becomes less by a smaller share."""


def minimise(
    pose: Pose,
    linearised: Callable[[Pose], Normal],
    cost: Callable[[Pose], float],
    *,
    unit: float,
    free: np.ndarray,
    steps: int,
) -> Pose:
    """The pose of least cost near `pose`, the best that was met.

    linearised: what `cost` is near a pose. free: (9, D) columns that span the steps allowed. unit: length of the
    object, in world units. A step that helps is doubled for as long as that helps more: reweighting makes them short.
    One that does not is shortened; after four such in a row it ends.
    """
    damping, refused = 1e-3, 0
    value, gradient, hessian = linearised(pose)
    for _ in range(steps):
        g, H = free.T @ gradient, free.T @ hessian @ free
        ridge = damping * np.diag(H) + 1e-9 * max(np.trace(H), 1e-12)
        delta = -free @ np.linalg.solve(H + np.diag(ridge), g)
        delta *= min(1.0, MOST / max(np.abs(delta).max(), 1e-12))
        length, reached = _lengthened(pose, delta, value, cost, unit)
        if length == 0:
            damping, refused = damping * 8, refused + 1
            if refused == 4:
                break
            continue
        pose, damping, refused = pose.step(length * delta, unit), damping / 4, 0
        if length * np.abs(delta).max() < SMALL or value - reached < FLAT * value:
            break
        value, gradient, hessian = linearised(pose)
    return pose


def _lengthened(
    pose: Pose, delta: np.ndarray, value: float, cost: Callable[[Pose], float], unit: float
) -> tuple[float, float]:
    """The multiple of a step, 0, 1, 2, 4 or 8, that lowers the cost most, and the cost there."""
    best, length = 0.0, 1.0
    while length <= 8 and length * np.abs(delta).max() <= 1.001 * MOST:
        reached = cost(pose.step(length * delta, unit))
        if reached >= value:
            break
        best, value, length = length, reached, 2 * length
    return best, value


def freedom(stretch: bool) -> np.ndarray:
    """(9, 9) for nine degrees of freedom, or (9, 7) for those of a similarity."""
    if stretch:
        return np.eye(9)
    free = np.zeros((9, 7))
    free[:6, :6], free[6:, 6] = np.eye(6), 1
    return free


def even_scales(pose: Pose, weight: float) -> Normal:
    """weight |a - mean a|^2: unequal scales have to be worth it."""
    off = pose.a - pose.a.mean()
    g, H = np.zeros(9), np.zeros((9, 9))
    g[6:], H[6:, 6:] = weight * off, weight * (np.eye(3) - 1 / 3)
    return weight * float(off @ off), g, H
