"""Trimmed one-way ICP: every observed point must lie on the proxy, while the proxy's unseen points are free.

Source: Besl and McKay, A method for registration of 3-D shapes, 1992; trimming as in Chetverikov et al., 2002; the last
steps are point-to-plane as in Chen and Medioni, 1992.
"""

from collections.abc import Sequence

import numpy as np

from splatsmith.complete.align.body import Body
from splatsmith.complete.align.evidence import Evidence
from splatsmith.complete.align.minimise import freedom
from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.umeyama import umeyama

STEPS, LAST = 30, 8
"""Steps in all, and those at the end that are point-to-plane."""
KEPT = 0.9
"""Share of the observed points that count, the nearest."""
CAUCHY = 0.02
"""Distance at which a point counts half, in units of the object."""
LOOSE = 1.25
"""Factor by which the scale may leave the one that it began with."""


def icp(pose: Pose, body: Body, evidence: Evidence, *, steps: int = STEPS, last: int = LAST) -> Pose:
    """The similarity near `pose` that brings the body to the observed points. No points, no change."""
    points, limits = evidence.points, (pose.scale / LOOSE, pose.scale * LOOSE)
    if not len(points):
        return pose
    for i in range(steps):
        rows, weights = pairs(pose, body, evidence)
        source = body.points[rows]
        if i < steps - last:
            found = umeyama(source, points, weights)
            bounded = float(np.clip(found.scale, *limits))
            moved = found if bounded == found.scale else umeyama(source, points, weights, scale=bounded)
        else:
            moved = _towards_planes(pose, source, evidence, weights, limits)
        still = np.abs(moved.T - pose.T).max() < 1e-5 * evidence.unit
        pose = moved
        if still and i >= steps - last:
            break
    return pose


def pairs(pose: Pose, body: Body, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """For each observed point, the body's nearest (N,) and how much the pair counts (N,), 0 for the farthest tenth."""
    _, rows = body.tree.query(pose.invert(evidence.points))
    off = np.linalg.norm(pose.apply(body.points[rows]) - evidence.points, axis=1)
    weights = 1 / (1 + (off / (CAUCHY * evidence.unit)) ** 2)
    return rows, np.where(off <= np.quantile(off, KEPT), weights, 0)


def plane_system(
    pose: Pose, source: np.ndarray, evidence: Evidence, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (N,) of the body's points to the observed planes, in units, and their derivatives (N, 9) by a step."""
    world, n = pose.apply(source), evidence.normals
    residual = ((world - evidence.points) * n).sum(axis=1) / evidence.unit
    arm = world - pose.t
    # n . (omega x arm) = omega . (arm x n)
    turn = np.cross(arm, n) / evidence.unit
    stretch = (n @ pose.R) * (source * np.exp(pose.a)) / evidence.unit
    root = np.sqrt(weights)
    return root * residual, root[:, None] * np.concatenate([turn, n, stretch], axis=1)


def _towards_planes(
    pose: Pose, source: np.ndarray, evidence: Evidence, weights: np.ndarray, limits: Sequence[float]
) -> Pose:
    residual, jacobian = plane_system(pose, source, evidence, weights)
    J = jacobian @ freedom(stretch=False)
    H = J.T @ J
    delta = -freedom(stretch=False) @ np.linalg.solve(H + 1e-3 * np.trace(H) / 7 * np.eye(7), J.T @ residual)
    delta *= min(1.0, 0.1 / max(np.abs(delta).max(), 1e-12))
    moved = pose.step(delta, evidence.unit)
    excess = np.log(np.clip(moved.scale, *limits) / moved.scale)
    return Pose(moved.R, moved.a + excess, moved.t)
