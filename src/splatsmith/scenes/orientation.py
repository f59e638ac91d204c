"""How a capture stands in the world: which way is up, what the cameras look at, and from which sides."""

import math
from collections.abc import Sequence

import numpy as np

from splatsmith.scenes.cameras import View

LEVEL = math.radians(10)
"""Cameras whose horizontal axes lie within this of one plane (root mean square) were held level."""
PARALLEL = math.radians(5)
"""Optical axes that differ by less than this, root mean square, tell no common point."""
ONE_HEADING = math.radians(2)
"""Horizontal axes that differ by less than this, root mean square, tell no common plane."""
DEPTH_OF_NOTHING = 5.0
"""How far ahead parallel cameras look where there are no points, in multiples of how far they are spread."""


def up_axis(views: Sequence[View]) -> np.ndarray:
    """(3,) unit vector: the normal of the plane of the cameras' horizontal axes if they were held level, else mean up.

    The mean alone would lean towards the viewer wherever a capture looks down at something from one side.
    """
    rights = np.stack([view.T_camera_world[0, :3] for view in views])
    ups = -np.stack([view.T_camera_world[1, :3] for view in views])
    backs = -np.stack([view.T_camera_world[2, :3] for view in views])
    mean = ups.mean(axis=0)
    squares, axes = np.linalg.eigh(rights.T @ rights / len(rights))  # ascending; squares of sines to the normals
    if squares[0] < math.sin(LEVEL) ** 2 and squares[1] > math.sin(ONE_HEADING) ** 2:
        # where the images' own up says nothing, as from straight above, cameras are over what they look at
        return axes[:, 0] * (1 if axes[:, 0] @ (mean + 0.01 * backs.mean(axis=0)) > 0 else -1)
    right = axes[:, 2]
    upright = mean - (mean @ right) * right if squares[1] <= math.sin(ONE_HEADING) ** 2 else mean
    length = np.linalg.norm(upright)
    return upright / length if length > 1e-6 else ups[0]


def focus_point(centers: np.ndarray, forwards: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(3,) the point with the least sum of squared distances to the axes `centers + t * forwards`, both (V, 3).

    Where the axes are nearly parallel: on the middle one, at the median depth of `points` (P, 3), or where there are
    none, a few times as far ahead as the cameras are spread; 1 for a single camera. Between cameras face to face.
    """
    across = np.eye(3) - forwards[:, :, None] * forwards[:, None, :]  # (V, 3, 3) projections along each axis
    mean = across.mean(axis=0)
    if np.linalg.eigvalsh(mean)[0] > math.sin(PARALLEL) ** 2:
        return np.linalg.solve(mean, np.einsum("vij,vj->i", across, centers) / len(centers))
    center, forward = centers.mean(axis=0), forwards.mean(axis=0)
    if np.linalg.norm(forward) < 1e-6:  # face to face
        return center
    forward = forward / np.linalg.norm(forward)
    depths = (points - center) @ forward
    depths = depths[depths > 0]
    spread = float(np.linalg.norm(centers - center, axis=1).max())
    depth = float(np.median(depths)) if len(depths) else DEPTH_OF_NOTHING * spread or 1.0
    return center + depth * forward


def azimuths(views: Sequence[View], focus: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(V,) radians: from which side each camera sees `focus` (3,), counter-clockwise about `up`, seen from above.

    The world's axis that is the most level, the first of those, is azimuth 0: two splits of a capture agree on it.
    """
    first = np.eye(3)[int(np.argmin(np.abs(up).round(6)))]
    first = first - (first @ up) * up
    first = first / np.linalg.norm(first)
    outwards = np.stack([view.center for view in views]) - focus
    return np.arctan2(outwards @ np.cross(up, first), outwards @ first)
