"""A camera path that shows a capture from where it was photographed: full circle, to and fro, or a pan from the middle.

    focus      the point nearest to all optical axes, in the least-squares sense
    up         the direction that level cameras have in common
    azimuth    angle around `up` of the direction from the focus to a camera; elevation: its angle above the horizontal

Cameras that go around something give a circle. A capture that leaves a wide gap in azimuth, such as of something on a
wall, gives a swing within the photographed arc: nobody has seen the other side. Cameras that look outwards, such as in
a room, give a pan from where they stood. Rotating, shifting or scaling the scene does the same to the path.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.orientation import focus_point, up_axis

WIDEST_GAP = math.radians(100)
"""A circle crosses no gap between neighbouring cameras that is wider."""
STEEPEST = math.radians(80)
AHEAD = 0.8
"""Least share of cameras that must have the focus in front of them; otherwise the capture looks outwards."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """A closed path of cameras that look at `focus`, or out from it if `radius` is 0. World frame, radians."""

    kind: Literal["circle", "swing", "pan"]
    focus: np.ndarray
    """(3,)."""
    up: np.ndarray
    """(3,) unit vector."""
    start: np.ndarray
    """(3,) unit vector orthogonal to `up`: azimuth 0, where the path begins, as seen from the focus."""
    radius: float
    elevation: float
    span: float
    """Azimuth covered, symmetric about `start`; 2 pi for a full turn."""

    def poses(self, count: int) -> np.ndarray:
        """(count, 4, 4) T_camera_world along the path, which closes: the frame after the last would be the first."""
        turn = 2 * math.pi * np.arange(count) / count
        azimuths = turn if self.span == 2 * math.pi else self.span / 2 * np.sin(turn)
        return np.stack([self._pose(azimuth) for azimuth in azimuths])

    def _pose(self, azimuth: float) -> np.ndarray:
        side = np.cross(self.up, self.start)
        level = math.cos(azimuth) * self.start + math.sin(azimuth) * side
        outwards = math.cos(self.elevation) * level + math.sin(self.elevation) * self.up
        return look_along(self.focus + self.radius * outwards, -outwards, self.up)


def look_along(eye: np.ndarray, forward: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(4, 4) T_camera_world of a camera at `eye` that looks along the unit vector `forward`, `up` up in its image."""
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    R_camera_world = np.stack([right, np.cross(forward, right), forward])
    T_camera_world = np.eye(4)
    T_camera_world[:3, :3] = R_camera_world
    T_camera_world[:3, 3] = -R_camera_world @ eye
    return T_camera_world


def fit_orbit(views: Sequence[View], points: np.ndarray) -> Orbit:
    """The path for a capture of one or more views; `points` (P, 3) or none give the depth where axes are parallel."""
    centers = np.stack([view.center for view in views])
    forwards = np.stack([view.T_camera_world[2, :3] for view in views])
    up = up_axis(views)
    focus = focus_point(centers, forwards, points)
    ahead = np.einsum("ij,ij->i", focus - centers, forwards) > 0
    if ahead.mean() < AHEAD:
        focus, outwards, radius = centers.mean(axis=0), -forwards, 0.0
    else:
        offsets = centers - focus
        distances = np.linalg.norm(offsets, axis=1).clip(min=1e-12)
        outwards, radius = offsets / distances[:, None], float(np.median(distances))
    elevation = float(np.clip(np.median(np.arcsin(np.clip(outwards @ up, -1, 1))), -STEEPEST, STEEPEST))
    start, span = _arc(outwards, up)
    kind = "pan" if radius == 0 else "circle" if span == 2 * math.pi else "swing"
    return Orbit(kind, focus, up, start, radius, elevation, span)


def _arc(outwards: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, float]:
    """Where the path begins, (3,), and its span: at the first view and 2 pi, or amid the photographed arc."""
    level = outwards - (outwards @ up)[:, None] * up
    lengths = np.linalg.norm(level, axis=1)
    first = level[np.argmax(lengths > 1e-3 * lengths.max())] if lengths.max() > 0 else _orthogonal(up)
    first = first / np.linalg.norm(first)
    side = np.cross(up, first)
    azimuths = np.sort(np.arctan2(level @ side, level @ first)[lengths > 1e-3 * lengths.max()])
    if len(azimuths) == 0:
        return first, 0.0
    gaps = np.diff(np.append(azimuths, azimuths[0] + 2 * math.pi))
    widest = int(np.argmax(gaps))
    if gaps[widest] <= WIDEST_GAP:
        return first, 2 * math.pi
    span = 2 * math.pi - float(gaps[widest])
    middle = azimuths[(widest + 1) % len(azimuths)] + span / 2
    return math.cos(middle) * first + math.sin(middle) * side, span


def _orthogonal(axis: np.ndarray) -> np.ndarray:
    return np.linalg.svd(axis[None])[2][1]


def turntable_camera(views: Sequence[View], side: int) -> Camera:
    """The camera of the middle view by angle of view, at most `side` pixels long, of even size, axis in the middle."""
    camera = sorted((view.camera for view in views), key=lambda camera: camera.fx / camera.width)[len(views) // 2]
    factor = min(1.0, side / max(camera.width, camera.height))
    width, height = (max(2, 2 * round(length * factor / 2)) for length in (camera.width, camera.height))
    scaled = replace(camera, width=width, height=height, fx=camera.fx * factor, fy=camera.fy * factor)
    return replace(scaled, cx=width / 2, cy=height / 2)
