"""A tiny scene that can be learnt: coloured blobs drawn by our own rasterizer from a ring of cameras."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.points import Points
from splatsmith.scenes.prepared import PreparedScene, Split, read_prepared, write_prepared

VIEWS, WIDTH, HEIGHT = 10, 48, 36


def ring_of_views(folder: Path) -> tuple[View, ...]:
    """Cameras at distance 4 that look at the origin, heads up along -y."""
    camera = Camera(WIDTH, HEIGHT, 1.1 * WIDTH, 1.1 * WIDTH, WIDTH / 2, HEIGHT / 2)
    views = []
    for i, angle in enumerate(np.linspace(0, 2 * np.pi, VIEWS, endpoint=False)):
        T_camera_world = np.eye(4)
        T_camera_world[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        T_camera_world[2, 3] = 4.0
        views.append(View(f"view_{i}", folder / "images" / f"view_{i}.png", camera, T_camera_world))
    return tuple(views)


def blobs(count: int = 60) -> Gaussians:
    """Round, mostly opaque Gaussians within about 1 of the origin."""
    generator = torch.Generator().manual_seed(7)
    return Gaussians(
        means=0.5 * torch.randn(count, 3, generator=generator),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(count, 1),
        log_scales=torch.full((count, 3), -1.6),
        logit_opacities=torch.full((count,), 2.0),
        sh=rgb_to_dc(torch.rand(count, 1, 3, generator=generator)),
    )


@pytest.fixture(scope="session")
def blob_folder(tmp_path_factory) -> Path:
    """The scene's folder; two views are held out, and its points are the blobs' centres, roughly."""
    folder = tmp_path_factory.mktemp("blobs") / "scene"
    (folder / "images").mkdir(parents=True)
    scene, views = blobs(), ring_of_views(folder)
    for view in views:
        image = render_view(scene, view.camera, view.T_camera_world).image.clamp(0, 1)
        Image.fromarray((255 * image).round().byte().numpy()).save(view.image)
    rng = np.random.default_rng(0)
    xyz = scene.means.double().numpy() + rng.normal(scale=0.05, size=(len(scene), 3))
    names = [view.name for view in views]
    split = Split(tuple(names[2:]), tuple(names[:2]))
    write_prepared(folder, PreparedScene(views, Points(xyz, rng.integers(0, 256, xyz.shape, np.uint8)), split), {})
    return folder


@pytest.fixture
def blob_scene(blob_folder) -> PreparedScene:
    return read_prepared(blob_folder)
