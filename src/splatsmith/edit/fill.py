"""A plain patch for a gap: flat discs on planes fitted to its rim, in colours blended from the rim.

No photo shows what was behind an object that was always in the way, so that every fill is a guess. This one is the
plainest, and meant for what stood on a table or before a wall:

1. The rim of the gap, some pixels wide, is carried from the pictures of all views onto the surfaces seen there.
2. A plane is fitted to the rim by RANSAC (Fischler and Bolles, 1981), and another one to what that one leaves out.
3. Discs are laid on a grid on each plane, between the rim's points, where the views see the gap and not something else.
4. Each takes the mean colour of the rim, by inverse squared distance (Shepard, 1968).

Texture is not continued, and no gap gets a curved floor. Depth is that of Gaussians' centres, those in front first: the
patch may lie before the surface by the radius of the Gaussians there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_dilation, binary_opening
from scipy.spatial import Delaunay, QhullError
from scipy.spatial.distance import cdist

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, concat
from splatsmith.gaussians.quaternions import from_rotation_matrices
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.scenes.cameras import View

RIM = (2, 8)
"""Where the rim begins and ends, in pixels from the gap: not at once, since edges are mixed of both sides."""
RIM_POINTS = 500
"""Taken from each view at most."""
PLANES = 2
TRIALS = 300
"""Of RANSAC, for each plane."""
FLAT = 0.02
"""How far a point may be off its plane, as a share of the rim's size."""
LEAST_SHARE = 0.2
"""A plane that fewer of the rim's points lie on is none."""
CELLS = 32
"""Discs along the longer side of a patch."""
RADIUS, THICKNESS = 0.7, 0.05
"""Standard deviations of a disc, in distances between discs."""
OPACITY = 0.98
COLOURS = 1000
"""Points of the rim that give colour."""
IN_FRONT = 0.02
"""A disc is hidden where something is nearer to the camera than it by more than this share."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What a view sees of the scene with the gap. Pictures are (H, W)."""

    view: View
    image: np.ndarray
    """(H, W, 3) RGB, 0 to 1."""
    depth: np.ndarray
    """Camera z of what is seen, in scene units."""
    solid: np.ndarray
    """bool. Where there is enough to have a depth, and the photos know it."""
    gap: np.ndarray
    """bool. Where the gap is."""


def filled(edited: Rows, sights: Sequence[Sight]) -> Rows:
    """The scene of `edited`, which `sights` are of, followed by discs that close its gap as far as planes go.

    Discs are `fresh`, with origin -1, and 0 in all extra columns.
    """
    made = patch(sights, edited.gaussians)
    nowhere = edited.origin.new_full((len(made),), -1)
    return Rows(
        gaussians=concat([edited.gaussians, made]),
        origin=torch.cat([edited.origin, nowhere]),
        fresh=torch.cat([edited.fresh, nowhere < 0]),
    )


def patch(sights: Sequence[Sight], like: Gaussians) -> Gaussians:
    """Discs that close the gap, in the world frame, with the columns of `like`, extra ones 0; maybe none.

    The same sights give the same patch.
    """
    points, colours = (np.concatenate(parts) for parts in zip(*map(_rim, sights), strict=True))
    random, parts = np.random.default_rng(0), []
    enough = max(8, LEAST_SHARE * len(points))
    for _ in range(PLANES):
        if len(points) < enough:
            break
        on = _plane(points, random)
        if on.sum() < enough:
            break
        parts.append(_discs(points[on], colours[on], sights, like))
        points, colours = points[~on], colours[~on]
    return concat([_none(like), *parts])


def _rim(sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """(P, 3) points of the world around the gap, and their colours (P, 3)."""
    gap = binary_opening(sight.gap)  # without specks
    inner, outer = (binary_dilation(gap, iterations=width) for width in RIM)
    ring = outer & ~inner & ~sight.gap & sight.solid
    rows, columns = np.nonzero(ring)
    step = max(1, math.ceil(len(rows) / RIM_POINTS))
    rows, columns = rows[::step], columns[::step]
    camera, T_camera_world = sight.view.camera, sight.view.T_camera_world
    rays = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1) @ np.linalg.inv(camera.K).T
    local = rays * sight.depth[rows, columns, None]
    return (local - T_camera_world[:3, 3]) @ T_camera_world[:3, :3], sight.image[rows, columns]


def _plane(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(P,) bool. The points on the plane that most of them lie on; fitted once more to those, by least squares."""
    tolerance = FLAT * np.linalg.norm(np.ptp(np.quantile(points, [0.1, 0.9], axis=0), axis=0))
    best = np.zeros(len(points), bool)
    for _ in range(TRIALS):
        a, b, c = points[random.choice(len(points), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length > 0:
            on = np.abs((points - a) @ (normal / length)) <= tolerance
            best = on if on.sum() > best.sum() else best
    center, axes = _frame(points[best]) if best.any() else (points[0], np.eye(3))
    return np.abs((points - center) @ axes[2]) <= tolerance


def _frame(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle (3,) of points near a plane, and a right-handed frame in rows (3, 3): longest first, normal last."""
    center = points.mean(axis=0)
    axes = np.linalg.svd(points - center, full_matrices=False)[2]
    return center, axes * np.sign(np.linalg.det(axes))


def _discs(rim: np.ndarray, colours: np.ndarray, sights: Sequence[Sight], like: Gaussians) -> Gaussians:
    """Discs on the plane of `rim`, wherever the views see the gap there; maybe none."""
    center, axes = _frame(rim)
    flat = (rim - center) @ axes[:2].T
    try:
        between = Delaunay(flat)
    except QhullError:  # the rim's points lie on a line
        return _none(like)
    found, spacing = flat, 0.0
    for _ in range(2):  # over the whole rim, and then over the gap that was found there
        grid, spacing = _grid(found, spacing)
        grid = grid[between.find_simplex(grid) >= 0]
        found = grid[_in_gap(center + grid @ axes[:2], sights)]
        if not len(found):
            return _none(like)
    return _gaussians(center + found @ axes[:2], _blended(found, flat, colours), axes, spacing, like)


def _grid(points: np.ndarray, margin: float) -> tuple[np.ndarray, float]:
    """(P, 2) places that cover the box around points of the plane (Q, 2), with a margin; and their spacing."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    spacing = float((high - low).max()) / CELLS
    x, y = (np.arange(low[i], high[i], spacing) for i in range(2))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), spacing


def _in_gap(points: np.ndarray, sights: Sequence[Sight]) -> np.ndarray:
    """(P,) bool. Points that most of the views in which they lie open see within the gap."""
    gap, other = np.zeros(len(points)), np.zeros(len(points))
    for sight in sights:
        camera, T_camera_world = sight.view.camera, sight.view.T_camera_world
        x, y, z = camera.K @ (T_camera_world[:3, :3] @ points.T + T_camera_world[:3, 3:])
        u, v = (np.floor(np.divide(side, z, out=np.full_like(z, -1), where=z > 0)) for side in (x, y))
        inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
        at = v[inside].astype(int), u[inside].astype(int)
        gap[inside] += sight.gap[at]
        other[inside] += ~sight.gap[at] & (z[inside] <= sight.depth[at] * (1 + IN_FRONT))
    return gap > other


def _blended(places: np.ndarray, rim: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(P, 3) colours at places (P, 2) of the plane."""
    step = math.ceil(len(rim) / COLOURS)
    weights = 1 / np.maximum(cdist(places, rim[::step], "sqeuclidean"), 1e-12)
    return weights @ colours[::step] / weights.sum(axis=1, keepdims=True)


def _none(like: Gaussians) -> Gaussians:
    return like.map(lambda column: column[:0])


def _gaussians(places: np.ndarray, colours: np.ndarray, axes: np.ndarray, spacing: float, like: Gaussians) -> Gaussians:
    count, sh = len(places), like.sh.new_zeros(len(places), *like.sh.shape[1:])
    sh[:, 0] = rgb_to_dc(torch.from_numpy(colours))
    quat = from_rotation_matrices(torch.from_numpy(axes.T.copy()))
    sigmas = torch.tensor([RADIUS, RADIUS, THICKNESS], dtype=torch.float64) * spacing
    return Gaussians(
        means=torch.from_numpy(places).to(like.means),
        quats=quat.expand(count, 4).to(like.quats),
        log_scales=sigmas.log().expand(count, 3).to(like.log_scales),
        logit_opacities=like.logit_opacities.new_full((count,), math.log(OPACITY / (1 - OPACITY))),
        sh=sh,
        extra={name: column.new_zeros(count, *column.shape[1:]) for name, column in like.extra.items()},
    )
