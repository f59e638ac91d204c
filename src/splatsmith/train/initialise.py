"""Where training begins: a Gaussian at each point, as large as the gap to the next (Kerbl et al. 2023, section 5.1)."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.scenes.cameras import View
from splatsmith.scenes.points import Points

NEIGHBOURS = 3
FEWEST_POINTS = 50  # below this, points say too little about where the scene is
RANDOM_POINTS = 20_000


def initial_gaussians(
    points: Points,
    views: Sequence[View],
    *,
    method: str,
    sh_degree: int,
    opacity: float,
    scale: float,
    most: int,
    seed: int,
) -> Gaussians:
    """Isotropic Gaussians at `points`, or at random in front of `views` if `method` is "random" or points are too few.

    Args:
        opacity: of every Gaussian.
        scale: standard deviation, as a share of the root mean square distance to the three nearest points.
        most: never more Gaussians than this; a random choice of the points if there are more.
    """
    rng = np.random.default_rng(seed)
    if method == "random" or len(points) < FEWEST_POINTS:
        points = random_points(views, min(RANDOM_POINTS, most), rng, around=points)
    if len(points) > most:
        chosen = np.sort(rng.choice(len(points), most, replace=False))
        points = Points(points.xyz[chosen], points.rgb[chosen])
    n = len(points)
    sh = torch.zeros(n, (sh_degree + 1) ** 2, 3)
    sh[:, 0] = rgb_to_dc(torch.from_numpy(points.rgb).float() / 255)
    gap = np.maximum(neighbour_distance(points.xyz), 1e-7 * scene_extent(views, points))
    return Gaussians(
        means=torch.from_numpy(points.xyz).float(),
        quats=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(n, 1),
        log_scales=torch.from_numpy(np.log(scale * gap)).float()[:, None].repeat(1, 3),
        logit_opacities=torch.logit(torch.full((n,), opacity)),
        sh=sh,
    )


def neighbour_distance(xyz: np.ndarray) -> np.ndarray:
    """(P, 3) -> (P,). Root mean square distance to the three nearest other points; 1 for a lone point."""
    k = min(NEIGHBOURS, len(xyz) - 1)
    if k == 0:
        return np.ones(len(xyz))
    distances, _ = cKDTree(xyz).query(xyz, k=k + 1)
    return np.sqrt((distances[:, 1:] ** 2).mean(axis=1))


def scene_extent(views: Sequence[View], points: Points) -> float:
    """Size of the scene in its own units: 1.1 times the largest distance of a camera from the cameras' mean (3DGS).

    Where the cameras (nearly) coincide, the median distance of the points, else 1.
    """
    centers = np.stack([view.center for view in views])
    middle = centers.mean(axis=0)
    spread = float(np.linalg.norm(centers - middle, axis=1).max())
    reach = float(np.median(np.linalg.norm(points.xyz - middle, axis=1))) if len(points) else 1.0
    return 1.1 * spread if spread > 1e-3 * reach else reach


def random_points(views: Sequence[View], count: int, rng: np.random.Generator, *, around: Points) -> Points:
    """Grey points in the cameras' frusta: a random view, a random pixel of it, a random depth about what it looks at.

    The depth is drawn from a quarter to twice the distance to the point that all views look at (or to the median of
    the points `around`, where there are any).
    """
    focus = np.median(around.xyz, axis=0) if len(around) else look_at_point(views)
    chosen = rng.integers(len(views), size=count)
    pixel, depth = rng.random((count, 2)), rng.uniform(0.25, 2.0, count)
    xyz = np.empty((count, 3))
    for index, view in enumerate(views):
        mine = chosen == index
        camera = view.camera
        u, v = (pixel[mine] * [camera.width, camera.height]).T
        rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(len(u))], axis=1)
        local = rays * (depth[mine] * max(np.linalg.norm(focus - view.center), 1e-6))[:, None]
        xyz[mine] = local @ view.T_camera_world[:3, :3] + view.center  # rows times R_camera_world is R_world_camera
    return Points(xyz, np.full((count, 3), 128, np.uint8))


def look_at_point(views: Sequence[View]) -> np.ndarray:
    """(3,). The point nearest to all optical axes (least squares); one unit ahead if they are parallel."""
    centers = np.stack([view.center for view in views])
    forward = np.stack([view.T_camera_world[2, :3] for view in views])
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]  # projectors onto the planes across the axes
    normal = across.sum(axis=0)
    if np.linalg.cond(normal) > 1e6:
        return centers.mean(axis=0) + forward.mean(axis=0)
    return np.linalg.solve(normal, np.einsum("vij,vj->i", across, centers))
