"""Which rotations carry a placed proxy onto itself. Shape alone is asked here; colours decide later.

The proxy is looked at in the world, where it stands: one that came stretched along its own axes is no longer symmetric
in its own frame.
"""

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from splatsmith.complete.align.body import Body
from splatsmith.complete.align.hypotheses import spiral_rotations
from splatsmith.complete.align.pose import Pose, angle_between
from splatsmith.complete.align.umeyama import umeyama

TRIES = 400
"""Rotations tried."""
POINTS = 500
ALIKE, MOST = 0.015, 0.9
"""How far this share of the turned proxy may be from itself, beyond the distance of neighbours, in units."""
LEAST_DEG = 20
"""Smaller rotations are not told from none."""


def self_similar(pose: Pose, body: Body) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rotations (3, 3) of the world, other than none, each with the fixed point (3,) about which it carries the body
    onto itself. Of a body of revolution it is a spread of its infinitely many."""
    world = pose.apply(body.points)
    center = world.mean(axis=0)
    size = float(np.linalg.norm(np.ptp(world, axis=0)))
    cloud = (world - center) / size
    tree, few = cKDTree(cloud), cloud[:: max(1, len(cloud) // POINTS)]
    grain = float(np.median(tree.query(few, k=2)[0][:, 1]))
    found: list[np.ndarray] = []
    rotations = spiral_rotations(TRIES)
    first = np.array([tree.query(few @ R.T)[0].mean() for R in rotations])
    order = np.argsort(first, kind="stable")
    likely = max(TRIES // 4, int((first < ALIKE + grain).sum()))  # all of a ball's
    for R in rotations[order[:likely]]:
        R, off = _settled(R, few, cloud, tree)
        if off > ALIKE + grain or angle_between(R, np.eye(3)) < LEAST_DEG:
            continue
        if all(angle_between(R, other) >= LEAST_DEG / 2 for other in found):
            found.append(R)
    return [(R, center) for R in found]


def _settled(R: np.ndarray, few: np.ndarray, cloud: np.ndarray, tree: cKDTree) -> tuple[np.ndarray, float]:
    """A rotation after rigid ICP of the cloud onto itself, and how far off the cloud then is."""
    for _ in range(10):
        _, rows = tree.query(few @ R.T)
        R = umeyama(few, cloud[rows], scale=1.0).R
    return R, float(np.quantile(tree.query(few @ R.T)[0], MOST))


def order_of(turns: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """What the rotations make of the body, in a word: none, n-fold, revolution."""
    if not turns:
        return "none"
    axes = np.stack([Rotation.from_matrix(R).as_rotvec() for R, _ in turns])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    about = (np.abs(axes @ axes.T) > np.cos(np.radians(15))).sum(axis=1).max()
    return "revolution" if about >= 10 else f"{about + 1}-fold"
