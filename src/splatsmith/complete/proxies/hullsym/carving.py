"""Where the photos say that the object is not: shape from silhouette, and free space in front of what they show.

Laurentini, The visual hull concept, 1994, with a consensus in place of the intersection, so that one bad mask does not
cut into the object; Curless and Levoy, A volumetric method for building complex models from range images, 1996.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from splatsmith.complete.observations import EDGE, Observation
from splatsmith.complete.proxies.hullsym.grid import LIMIT, Grid
from splatsmith.scenes.cameras import View

DISSENT = 0.05
"""Share of the views that may be wrong about a cell..."""
LEAST_DISSENT = 2
"""...or fewer than this many, if there are enough views to afford it."""
ENOUGH = 6
"""Views from which on one of them may be wrong."""
WITNESSES = 2
"""Views that must have a surface near a cell, or see through it, before their depth counts."""
SLACK = 0.5
"""Cells that the depth of trained Gaussians may be too large: the surface is as far in front of it as the masks let."""
BORNE_OUT = 0.25
"""Least share of the views that must show the object where a cell is: what is nearly always hidden need not be full."""
FAR = 1e4
"""Pixels: beyond any picture."""


def hull(grid: Grid, observations: Sequence[Observation]) -> np.ndarray:
    """(X, Y, Z) float32. f by the masks alone: the distance to the outline, as the k-th severest view sees it.

    Cells that are behind something, or out of the picture, are not judged by that view. Views without the object say
    nothing.
    """
    showing = [observation for observation in observations if observation.mask.any()]
    k = max(LEAST_DISSENT, int(np.ceil(DISSENT * len(showing)))) if len(showing) >= ENOUGH else 1
    severest = np.full((k, len(grid.cells)), LIMIT, np.float32)  # ascending
    shown, open = np.zeros(len(grid.cells), np.int32), np.arange(len(grid.cells))
    for observation in _mixed(showing):
        depth, shows = _judged(observation, grid, grid.cells[open])
        shown[open] += shows
        for rank in severest:
            rank[open], depth = np.minimum(rank[open], depth), np.maximum(rank[open], depth)
        open = open[severest[-1, open] > -LIMIT]
    often = shown >= BORNE_OUT * len(showing)
    return np.where(often, severest[-1], -LIMIT).reshape(grid.shape)


def seen_surface(grid: Grid, observations: Sequence[Observation], within: np.ndarray) -> np.ndarray:
    """(X, Y, Z) float32. f by depth: positive behind the surface that the photos see, negative in front of it.

    LIMIT where they cannot tell: behind what they see, or where they see nothing solid. Only cells `within` (X, Y, Z)
    bool are looked at.
    """
    cells = np.flatnonzero(within)
    total, count = np.zeros(len(cells), np.float32), np.zeros(len(cells), np.int32)
    for observation in observations:
        if not observation.mask.any():
            continue
        behind = behind_surface(observation, grid, grid.cells[cells]) + SLACK
        told = behind < LIMIT
        total[told] += np.maximum(behind[told], -LIMIT)
        count += told
    told = count >= min(WITNESSES, len(observations))
    found = np.full(grid.shape, LIMIT, np.float32)
    found.ravel()[cells[told]] = total[told] / count[told]
    return found


def behind_surface(observation: Observation, grid: Grid, points: np.ndarray) -> np.ndarray:
    """(n,) float32. How far points (n, 3) lie behind the surface in one view, in cells; inf where it has none there."""
    u, v, z = project(grid, observation.view, points)
    depth = looked_up(observation.depth, u, v, cv2.INTER_NEAREST, 0)
    return np.where((depth > 0) & (z > 0), (z - depth) / np.float32(grid.step), np.float32(np.inf))


def project(grid: Grid, view: View, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """u, v (n,) in pixels and z (n,) in scene units of points (n, 3) in cells; z > 0 before the camera."""
    M = (view.camera.K @ grid.into(view)).astype(np.float32)
    x, y, z = M[:, :3] @ points.T.astype(np.float32) + M[:, 3:]
    ahead = np.where(z > 0, z, np.float32(1))
    return x / ahead, y / ahead, z


def picked(picture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(n, C) or (n,). A picture at points in pixels, linear between the centres of pixels; 0 beyond it."""
    return looked_up(picture, u, v, cv2.INTER_LINEAR, 0)


def _judged(observation: Observation, grid: Grid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far inside of the outline one view sees points (n, 3), in cells, LIMIT where it cannot tell; and whether it
    shows the object there or next to there, (n,) bool."""
    u, v, z = project(grid, observation.view, points)
    camera = observation.view.camera
    pixels = looked_up(_inside(observation), u, v, cv2.INTER_LINEAR, FAR)
    cells = pixels * z / np.float32(np.sqrt(camera.fx * camera.fy) * grid.step)
    wide = cv2.dilate(observation.mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    shows = (looked_up(wide, u, v, cv2.INTER_NEAREST, 0) > 0) & (z > 0)
    return np.where(z > 0, np.clip(cells, -LIMIT, LIMIT), np.float32(LIMIT)), shows


def _inside(observation: Observation) -> np.ndarray:
    """(H, W) float32. Distance in pixels to where the object surely is not, less the band that counts as unknown."""
    outside = observation.outside.astype(np.uint8)
    to_outside, to_other = (
        cv2.distanceTransform(some, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for some in (1 - outside, outside)
    )
    return np.where(outside, 0.5 - to_other, np.minimum(to_outside, FAR) - 0.5) - np.float32(EDGE)


def looked_up(picture: np.ndarray, u: np.ndarray, v: np.ndarray, way: int, beyond: float) -> np.ndarray:
    """(n, ...). Values of a picture (H, W, ...) at points in pixels, whose centres are at +0.5; `beyond` outside of it.

    way: OpenCV's, how values between centres come about.
    """
    side = int(np.ceil(np.sqrt(len(u)))) or 1  # OpenCV takes maps of at most 32767 rows and columns
    maps = [np.resize((x - 0.5).clip(-2, 1e4).astype(np.float32), (side, side)) if len(u) else None for x in (u, v)]
    if not len(u):
        return np.zeros((0, *picture.shape[2:]), picture.dtype)
    found = cv2.remap(picture, *maps, way, borderMode=cv2.BORDER_CONSTANT, borderValue=[beyond] * 4)
    return found.reshape(side * side, *picture.shape[2:])[: len(u)]


def _mixed(observations: Sequence[Observation]) -> list[Observation]:
    """The same views, far apart ones first: most cells are judged after a few."""
    stride = int(np.sqrt(len(observations))) or 1
    return [observations[i] for start in range(stride) for i in range(start, len(observations), stride)]
