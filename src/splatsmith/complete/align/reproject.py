"""The pose that brings matched points of the proxy onto their pixels, in all views at once.

    residual   (pi_v(A x + t) - u) / c_v        in pixels of the view, c_v being what may be expected
    robust     r^2 / (1 + r^2), Geman and McClure's, after wider ones have caught what is far off
    beside     the observed points must lie on the proxy; unequal scales cost a little

Only the proxy's side of a match is lifted into space, where its depth is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatsmith.complete.align.body import Body
from splatsmith.complete.align.evidence import Evidence
from splatsmith.complete.align.icp import pairs as observed_pairs
from splatsmith.complete.align.icp import plane_system
from splatsmith.complete.align.matches import Pairs
from splatsmith.complete.align.minimise import Normal, even_scales, freedom, minimise
from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.sights import Sight

EXPECTED = 0.01
"""Reprojection error of a good match, as a share of the object's length in the view: 3 pixels of 300."""
WIDER = (6.0, 2.5, 1.0)
"""Multiples of it that are used in turn."""
BESIDE = 0.2
"""Weight of the observed points beside that of the matches."""
STRETCH = 0.1
"""Weight of unequal scales."""
FEWEST = 60
"""Inliers from which the scales along the axes may differ."""


@dataclass(frozen=True, eq=False)
class Track:
    """Matches of one sight, with the proxy's points in the body's own frame."""

    sight: Sight
    points: np.ndarray
    """(M, 3)."""
    pixels: np.ndarray
    """(M, 2)."""


def tracks_of(found: Sequence[Pairs], pose: Pose) -> list[Track]:
    """Matches that were found when the body stood at `pose`."""
    return [Track(pairs.sight, pose.invert(pairs.points), pairs.photo) for pairs in found if len(pairs)]


def errors(pose: Pose, track: Track) -> np.ndarray:
    """(M,) distances in pixels."""
    return np.linalg.norm(track.sight.project(pose.apply(track.points))[0] - track.pixels, axis=1)


def system(pose: Pose, track: Track, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (M, 2) in pixels, and their derivatives (M, 2, 9) by a step of the pose."""
    world = pose.apply(track.points)
    pixels, z = track.sight.project(world)
    R, f = track.sight.T_camera_world[:3, :3], np.diag(track.sight.K)[:2]
    camera = world @ R.T + track.sight.T_camera_world[:3, 3]
    by_camera = np.zeros((len(world), 2, 3))
    by_camera[:, 0, 0], by_camera[:, 1, 1] = f[0] / z, f[1] / z
    by_camera[:, :, 2] = -f * camera[:, :2] / (z**2)[:, None]
    by_world = by_camera @ R
    arm = world - pose.t
    jacobian = np.empty((len(world), 2, 9))
    jacobian[:, :, :3] = np.cross(arm[:, None, :], by_world)
    jacobian[:, :, 3:6] = unit * by_world
    jacobian[:, :, 6:] = (by_world @ pose.R) * (track.points * np.exp(pose.a))[:, None, :]
    return pixels - track.pixels, jacobian


def expected(track: Track, pose: Pose, unit: float) -> float:
    """Pixels that a good match may be off."""
    z = abs(float(track.sight.project(pose.t)[1]))
    return EXPECTED * unit * float(track.sight.K[0, 0]) / max(z, 1e-9)


def inliers(pose: Pose, tracks: Sequence[Track], unit: float) -> int:
    """Matches that are off by no more than three times what may be expected."""
    return sum(int((errors(pose, track) < 3 * expected(track, pose, unit)).sum()) for track in tracks)


def reproject(pose: Pose, tracks: Sequence[Track], body: Body, evidence: Evidence, *, stretch: bool) -> Pose:
    """The pose near `pose` that fits the matches: a similarity first, then nine numbers if they are enough."""
    for wider in WIDER:
        pose = _minimised(pose, tracks, body, evidence, wider, stretch=False)
    if stretch and inliers(pose, tracks, evidence.unit) >= FEWEST:
        pose = _minimised(pose, tracks, body, evidence, WIDER[-1], stretch=True)
    return pose


def _minimised(
    pose: Pose, tracks: Sequence[Track], body: Body, evidence: Evidence, wider: float, *, stretch: bool
) -> Pose:
    unit, count = evidence.unit, sum(len(track.points) for track in tracks)
    scales = [wider * expected(track, pose, unit) for track in tracks]
    rows, weights = observed_pairs(pose, body, evidence) if len(evidence.points) else (None, None)

    def cost(pose: Pose) -> float:
        squares = [(errors(pose, track) / c) ** 2 for track, c in zip(tracks, scales, strict=True)]
        total = sum(float((s / (1 + s)).sum()) for s in squares) / count
        return total + _beside(pose)[0] + even_scales(pose, STRETCH)[0]

    def _beside(pose: Pose) -> Normal:
        if rows is None:
            return 0.0, np.zeros(9), np.zeros((9, 9))
        r, J = plane_system(pose, body.points[rows], evidence, weights * BESIDE / EXPECTED**2 / len(rows) / 100)
        return float(r @ r), J.T @ r, J.T @ J

    def linearised(pose: Pose) -> Normal:
        value, g, H = even_scales(pose, STRETCH)
        beside = _beside(pose)
        value, g, H = value + beside[0], g + beside[1], H + beside[2]
        for track, c in zip(tracks, scales, strict=True):
            r, J = system(pose, track, unit)
            s = (r**2).sum(axis=1) / c**2
            weight = 1 / (1 + s) ** 2 / c**2 / count
            value += float((s / (1 + s)).sum()) / count
            g = g + np.einsum("m,mk,mki->i", weight, r, J)
            H = H + np.einsum("m,mki,mkj->ij", weight, J, J)
        return value, g, H

    return minimise(pose, linearised, cost, unit=unit, free=freedom(stretch), steps=15)
