"""SCORP's first guess: boxes, means, and the best of many runs of point-to-point ICP.

As released (align_3dgs_clpe_9dof): the boxes are those of all Gaussians, floaters included; 64 rotations spread as far
apart as possible and 3 that only shift; every proxy point looks for an observed one within 1.6 tau, a tenth of the mean
side of the box each; the run with the largest share of proxy points that found one wins. One thing differs: both clouds
are thinned to at most MOST points, which makes it faster.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from splatsmith.complete.align.pose import Pose, similarity
from splatsmith.complete.align.umeyama import umeyama

MOST = 1500
ROTATIONS, SHIFTS = 64, 3
STEPS = 400
STILL = 1e-6
"""Relative change of fitness and of the error from which a run has ended."""
REACH = 1.6
"""Of a pair, in tau."""


@dataclass(frozen=True, eq=False)
class Start:
    """A first guess."""

    T: np.ndarray
    """(4, 4). T_world_proxy."""
    tau: float
    """A tenth of the object's mean side, the length that later thresholds are made of."""
    fitness: float
    """Share of the proxy's points with an observed one nearby."""


def start(proxy: np.ndarray, observed: np.ndarray, seed: int) -> Start:
    """Guess from centres of the proxy (N, 3) and of the object's Gaussians (M, 3)."""
    sides = np.ptp(observed, axis=0)
    scale = float(np.prod(sides / np.maximum(np.ptp(proxy, axis=0), 1e-12)) ** (1 / 3))
    tau = float(sides.mean()) / 10
    placed = similarity(np.eye(3), scale, observed.mean(axis=0) - scale * proxy.mean(axis=0))
    cloud, target = _strided(placed.apply(proxy)), _strided(observed)
    tree, center = cKDTree(target), cloud.mean(axis=0)
    rng = np.random.default_rng(seed)
    shifts = [similarity(np.eye(3), 1.0, tau * step) for step in rng.normal(size=(SHIFTS, 3))]
    turns = [similarity(R, 1.0, center - R @ center) for R in spread_rotations(ROTATIONS, rng)]
    runs = [_icp(cloud, target, tree, begin, REACH * tau) for begin in [*turns, *shifts]]
    best, fitness = max(runs, key=lambda run: run[1])
    return Start(best.T @ placed.T, tau, fitness)


def spread_rotations(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 3, 3) of many random rotations, each the farthest from all that were chosen before."""
    quats = Rotation.random(40 * count, rng=rng).as_quat()
    chosen, nearest = [0], np.abs(quats @ quats[0])
    while len(chosen) < count:
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, np.abs(quats @ quats[chosen[-1]]))
    return Rotation.from_quat(quats[chosen]).as_matrix()


def _strided(points: np.ndarray) -> np.ndarray:
    return points[:: max(1, -(-len(points) // MOST))]


def _icp(cloud: np.ndarray, target: np.ndarray, tree: cKDTree, pose: Pose, reach: float) -> tuple[Pose, float]:
    """A rigid motion of the cloud onto the target, and the share of its points that are within reach."""
    fitness = error = -1.0
    for _ in range(STEPS):
        distance, rows = tree.query(pose.apply(cloud), distance_upper_bound=reach)
        near = np.isfinite(distance)
        if near.sum() < 3:
            return pose, 0.0
        now, rms = float(near.mean()), float(np.sqrt((distance[near] ** 2).mean()))
        if abs(now - fitness) < STILL * now and abs(rms - error) < STILL * max(rms, 1e-12):
            break
        fitness, error = now, rms
        pose = umeyama(cloud[near], target[rows[near]], scale=1.0)
    return pose, fitness
