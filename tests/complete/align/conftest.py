"""An asymmetric thing of three coloured lobes, seen from a sector, and proxies of it that stand elsewhere."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from splatsmith.complete.align.pose import Pose, pose_of
from splatsmith.complete.observations import Observation
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.gaussians.transforms import affine
from splatsmith.render import render_view
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.pictures import write_png

CAMERA = Camera(96, 72, 120.0, 120.0, 48.0, 36.0)
LOBES = (  # centre, radii, colour
    ((0.0, 0.0, 0.0), (0.5, 0.22, 0.2), (0.8, 0.2, 0.1)),
    ((0.45, 0.1, 0.25), (0.15, 0.15, 0.3), (0.1, 0.5, 0.8)),
    ((-0.35, 0.25, 0.05), (0.12, 0.28, 0.12), (0.9, 0.8, 0.2)),
)
CAN = (((0.0, 0.0, 0.0), (0.25, 0.25, 0.4), (0.5, 0.5, 0.55)),)


def lobes(parts=LOBES, each: int = 1200) -> Gaussians:
    """Ellipsoids of opaque round splats, evenly spread."""
    z, turn = np.linspace(-0.995, 0.995, each), 2.399963 * np.arange(each)
    ball = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
    made = []
    for center, radii, rgb in parts:
        made.append(
            Gaussians(
                means=torch.from_numpy(np.array(center) + ball * np.array(radii)).float(),
                quats=torch.tensor([1.0, 0, 0, 0]).repeat(each, 1),
                log_scales=torch.full((each, 3), float(np.log(1.6 * np.cbrt(np.prod(radii)) / np.sqrt(each)))),
                logit_opacities=torch.full((each,), 4.0),
                sh=rgb_to_dc(torch.tensor(rgb)).repeat(each, 1)[:, None],
            )
        )
    return concat(made)


def sector(count: int, degrees: float, folder: Path, T_new_old: np.ndarray | None = None) -> tuple[View, ...]:
    """Views within a sector of azimuth, at two heights; after the world was moved by a similarity (4, 4), if given."""
    views = []
    for i, azimuth in enumerate(np.radians(np.linspace(-degrees / 2, degrees / 2, count))):
        eye = np.array([np.cos(azimuth), np.sin(azimuth), 0.25 if i % 2 else 0.7])
        eye *= 3.2 / np.linalg.norm(eye)
        T = look_along(eye, -eye / np.linalg.norm(eye), np.array([0.0, 0.0, 1.0]))
        if T_new_old is not None:
            scale = np.cbrt(np.linalg.det(T_new_old[:3, :3]))
            T = T @ np.linalg.inv(T_new_old)
            T[:3] *= scale
        views.append(View(f"{i}", folder / f"{i}.png", CAMERA, T))
    return tuple(views)


def observed(body: Gaussians, views: tuple[View, ...], floaters: Gaussians | None = None) -> list[Observation]:
    """What views show of a body, photos written; floaters spoil the depth, not the masks.

    Drawn four times as large, since a rasterizer's rims are about a pixel wide.
    """
    found = []
    all = body if floaters is None else concat([body, floaters])
    large = Camera(4 * CAMERA.width, 4 * CAMERA.height, *(4 * x for x in (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy)))

    def mean(picture: torch.Tensor) -> np.ndarray:
        return picture.reshape(CAMERA.height, 4, CAMERA.width, 4, -1).mean(dim=(1, 3)).squeeze(-1).numpy()

    for view in views:
        drawn = render_view(body, large, view.T_camera_world)
        deep = render_view(all, large, view.T_camera_world, depth=True)
        mask = mean((drawn.alpha >= 0.5).float()) >= 0.5
        write_png(view.image, (mean(drawn.image).clip(0, 1) * 255).round().astype(np.uint8))
        depth = np.where(mask, mean(deep.depth) / mean(deep.alpha).clip(1e-3), 0)
        found.append(Observation(view, mask, np.zeros_like(mask), depth.astype(np.float32)))
    return found


def strewn(count: int, seed: int = 0) -> Gaussians:
    """Floaters in a wide box."""
    rng = np.random.default_rng(seed)
    one = lobes(LOBES[:1], 10)
    rows = torch.from_numpy(rng.integers(0, 10, count))
    means = torch.from_numpy(rng.uniform(-1.0, 1.0, (count, 3))).float()
    return replace(one.map(lambda column: column[rows]), means=means)


def moved_away(body: Gaussians, seed: int, stretch: float = 0.2) -> tuple[Gaussians, Pose]:
    """A proxy in a frame of its own, and the pose that brings it back."""
    rng = np.random.default_rng(seed)
    T = np.eye(4)
    T[:3, :3] = Rotation.random(rng=rng).as_matrix() * rng.uniform(0.4, 2.0) * rng.uniform(1 - stretch, 1 + stretch, 3)
    T[:3, 3] = rng.normal(size=3)
    return affine(body, np.linalg.inv(T)), pose_of(T)


def off(pose: Pose, truth: Pose) -> tuple[float, float]:
    """Degrees, and the worst of the three scales in percent."""
    U, stretch, Vt = np.linalg.svd(pose.A @ np.linalg.inv(truth.A))
    return float(np.degrees(Rotation.from_matrix(U @ Vt).magnitude())), float(100 * np.abs(stretch - 1).max())


class Toys:
    """The functions of this module, for the tests."""

    lobes, sector, observed = staticmethod(lobes), staticmethod(sector), staticmethod(observed)
    strewn, moved_away, off = staticmethod(strewn), staticmethod(moved_away), staticmethod(off)
    can = CAN


@pytest.fixture(scope="session")
def toys() -> Callable[[], Toys] | Toys:
    """See `Toys`."""
    return Toys()


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Pictures here are tiny, and threads that wait for work would cost many times what they do."""
    from splatsmith.render.cpu import get_threads, set_threads

    before = torch.get_num_threads(), get_threads()
    torch.set_num_threads(1)
    set_threads(1)
    yield
    torch.set_num_threads(before[0])
    set_threads(before[1])
