"""How deep an object's parts are, guessed from how wide they look: a leg is thin from every side.

As in Igarashi, Matsuoka and Tanaka, Teddy: a sketching interface for 3D freeform design, 1999, which inflates an
outline by its own width. It bounds the body only from behind.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from splatsmith.complete.observations import Observation
from splatsmith.complete.proxies.hullsym.carving import FAR, behind_surface, looked_up, project
from splatsmith.complete.proxies.hullsym.grid import LIMIT, Grid

LEVELS = 1.15
"""Ratio of the radii at which widths are told apart."""
DEEPER = 1.1
"""How much deeper than wide a part may be."""
SPARE = 1.0
"""Cells that it may be deeper still."""


def thinned(grid: Grid, observations: Sequence[Observation], field: np.ndarray) -> np.ndarray:
    """(X, Y, Z) float32. `field` without what lies farther behind the surface than the object is wide there.

    The mean over the views that see a surface before or behind a cell decides.
    """
    cells = np.flatnonzero(field > -LIMIT)
    points = grid.cells[cells]
    total, count = np.zeros(len(cells), np.float32), np.zeros(len(cells), np.int32)
    for observation in observations:
        if not observation.mask.any():
            continue
        behind = behind_surface(observation, grid, points)
        u, v, z = project(grid, observation.view, points)
        camera = observation.view.camera
        wide = 2 * looked_up(local_radius(~observation.outside), u, v, cv2.INTER_NEAREST, FAR)
        wide = wide * z / np.float32(np.sqrt(camera.fx * camera.fy) * grid.step)
        told = np.isfinite(behind)
        total[told] += (DEEPER * wide[told] + SPARE - behind[told]).clip(-LIMIT, LIMIT)
        count[told] += 1
    found = field.copy()
    mean = np.where(count > 0, total / np.maximum(count, 1), np.float32(LIMIT))
    found.ravel()[cells] = np.minimum(found.ravel()[cells], mean)
    return found


def local_radius(inside: np.ndarray) -> np.ndarray:
    """(H, W) float32. For each pixel of `inside` (H, W) bool the radius of the largest disc within it that holds the
    pixel, in pixels, to within LEVELS; 0 elsewhere."""
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    found, radius = np.minimum(depth, 1).astype(np.float32), 1.0
    while radius <= depth.max():
        to_core = cv2.distanceTransform((depth < radius).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        found[(to_core < radius) & inside] = radius
        radius *= LEVELS
    return found
