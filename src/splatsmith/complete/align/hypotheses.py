"""Where the proxy might stand: rotations spread over all there are, with the scale and place that the masks give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from splatsmith.complete.align.body import Body
from splatsmith.complete.align.evidence import Evidence, boxes
from splatsmith.complete.align.pose import Pose, angle_between, similarity
from splatsmith.complete.align.sights import Sight

YAWS = 36
"""Turns about the upright axis where that is known of scene and proxy."""
PHI, PSI = np.sqrt(2.0), 1.533751168755204288118041
"""Steps of the two spirals: PSI is the positive root of x^4 = x + 4."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A pose with how well it fits: more is better."""

    pose: Pose
    score: float


def spiral_rotations(count: int) -> np.ndarray:
    """(count, 3, 3) rotations spread evenly over all: Alexa, Super-Fibonacci Spirals, CVPR 2022."""
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / PHI, 2 * np.pi * s / PSI
    quats = [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)]
    return Rotation.from_quat(np.stack(quats, axis=1)).as_matrix()


def upright_rotations(up_proxy: np.ndarray, up_world: np.ndarray) -> np.ndarray:
    """(2 YAWS, 3, 3) rotations that carry one axis (3,) to the other, or to its opposite."""
    found = []
    for sign in (1, -1):
        stand = Rotation.align_vectors([sign * up_world], [up_proxy])[0]
        angles = 2 * np.pi * np.arange(YAWS) / YAWS
        turns = Rotation.from_rotvec(angles[:, None] * up_world / np.linalg.norm(up_world))
        found.append((turns * stand).as_matrix())
    return np.concatenate(found)


def placed(R: np.ndarray, body: Body, evidence: Evidence, sights: Sequence[Sight]) -> tuple[Pose, float]:
    """The body turned by R (3, 3), as large as the masks' boxes and in their middle; and how much they disagree.

    No depth is used, hence no floater can mislead. The disagreement is the deviation of the logs of the scales.
    """
    turned = body.points @ R.T
    box, ratios, middles = boxes(sights), [], []
    for sight, (x0, y0, x1, y1) in zip(sights, box, strict=True):
        z = max(float(sight.project(evidence.center)[1]), 1e-6)
        seen = turned @ sight.T_camera_world[:2, :3].T
        low, high = np.quantile(seen, [0.002, 0.998], axis=0)
        focal = np.array([sight.K[0, 0], sight.K[1, 1]])
        ratios.append(np.array([x1 - x0, y1 - y0]) * z / focal / np.maximum(high - low, 1e-6))
        middles.append(((low + high) / 2) @ sight.T_camera_world[:2, :3])
    scale = float(np.median(ratios))
    # the middle of what a view sees of the body is off its origin in the view's plane; least squares over the views
    across = sum(sight.T_camera_world[:2, :3].T @ sight.T_camera_world[:2, :3] for sight in sights)
    offset = np.linalg.lstsq(across, np.sum(middles, axis=0), rcond=1e-2)[0]
    return similarity(R, scale, evidence.center - scale * offset), float(np.std(np.log(ratios)))


def distinct(found: Sequence[Hypothesis], degrees: float, most: int) -> list[Hypothesis]:
    """The best, none within `degrees` of a better one."""
    kept: list[Hypothesis] = []
    for one in sorted(found, key=lambda h: -h.score):
        if all(angle_between(one.pose.R, other.pose.R) >= degrees for other in kept):
            kept.append(one)
            if len(kept) == most:
                break
    return kept
