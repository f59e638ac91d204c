"""A small prepared scene of coloured blobs, seen by a ring of cameras, for stages to work on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.base.manifest import write_manifest
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.points import Points
from splatsmith.scenes.prepared import PreparedScene, Split, write_prepared
from splatsmith.scenes.verdict import Verdict


def ring_views(folder: Path, names: Sequence[str], width: int) -> tuple[View, ...]:
    """Level cameras around the origin, z being up, 3 away and a little above."""
    height = 3 * width // 4
    camera = Camera(width, height, 1.1 * width, 1.1 * width, width / 2, height / 2)
    views = []
    for name, azimuth in zip(names, np.linspace(0, 2 * np.pi, len(names), endpoint=False), strict=True):
        outwards = np.array([np.cos(azimuth), np.sin(azimuth), 0.3])
        outwards /= np.linalg.norm(outwards)
        pose = look_along(3 * outwards, -outwards, np.array([0.0, 0.0, 1.0]))
        views.append(View(name, folder / "images" / f"{name}.png", camera, pose))
    return tuple(views)


@pytest.fixture(scope="session")
def prepared() -> Callable[..., Path]:
    """Write a prepared scene to a folder: views called `names`, of which `test` are held out, `width` pixels wide.

    `told` are fields of its verdict.
    """

    def write(folder: Path, names: Sequence[str], test: Sequence[str], width: int = 40, **told: object) -> Path:
        rng = np.random.default_rng(len(names))
        (folder / "images").mkdir(parents=True)
        views = ring_views(folder, names, width)
        for view in views:
            smooth = Image.fromarray(rng.integers(0, 256, (width // 10, width // 10, 3), dtype=np.uint8))
            smooth.resize((width, 3 * width // 4), Image.Resampling.BICUBIC).save(view.image)
        points = Points(rng.normal(scale=0.3, size=(50, 3)), rng.integers(0, 256, (50, 3), dtype=np.uint8))
        split = Split(tuple(name for name in names if name not in test), tuple(test))
        quality = {"mean_track_length": 3.456, "mean_reprojection_px": 0.5678}
        verdict = Verdict("good", "a test", len(names), len(names), 1.0, len(points), **quality, advice=(), warnings=())
        write_prepared(folder, PreparedScene(views, points, split), replace(verdict, **told).as_dict())
        return folder

    return write


@pytest.fixture(scope="session")
def with_objects(prepared) -> Callable[..., Path]:
    """Write results of a scene up to its objects, and photos of how it looks: a ball (1, core 3), a can (2), a floor.

    Views called `names`, of which `test` are held out, `width` pixels wide. The label maps are exact.
    """

    def write(folder: Path, names: Sequence[str], test: Sequence[str] = (), width: int = 48) -> Path:
        from splatsmith.gaussians.ply import write_ply
        from splatsmith.scenes.label_maps import Entry, Legend, write_label_map, write_legend
        from splatsmith.scenes.prepared import read_prepared

        prepared(folder / "scene", names, test, width)
        masks, objects, scene = folder / "masks" / "consistent", folder / "objects", _ball_can_and_floor()
        for view in read_prepared(folder / "scene").views:
            image, labels = _seen(scene, view)
            Image.fromarray(image).save(view.image)
            write_label_map(masks / f"{view.name}.png", labels)
        legend = Legend(entries=(Entry(id=1, name="ball"), Entry(id=2, name="can"), Entry(id=3, name="core", parent=1)))
        for place in (masks, objects):
            write_legend(place / "legend.json", legend)
            write_manifest(place, ["legend.json"])
        write_ply(objects / "point_cloud.ply", scene)
        return folder

    return write


def _ball_can_and_floor():
    """Opaque shells of small Gaussians, one side of each in another colour, over a floor."""
    import torch

    from splatsmith.gaussians import Gaussians

    random = torch.Generator().manual_seed(0)
    n = 900
    z, turn = torch.linspace(-0.998, 0.998, n), 2.4 * torch.arange(n)  # the golden angle spreads them evenly
    level = (1 - z**2).sqrt()
    sphere = torch.stack([level * turn.cos(), level * turn.sin(), z], dim=1)
    can = sphere * torch.tensor([0.2, 0.2, 0.35]) + torch.tensor([0.0, 0.75, 0.0])
    core = 0.1 * sphere[::30] + torch.tensor([-0.5, 0.0, 0.0])
    floor = torch.cartesian_prod(torch.arange(-1, 1, 0.1), torch.arange(-1, 1, 0.1), torch.full((1,), -0.45))
    means = torch.cat([0.4 * sphere, can, core, floor])
    labels = torch.tensor([1] * n + [2] * n + [3] * len(core) + [0] * len(floor))
    colours = torch.tensor([[0.5, 0.5, 0.5], [0.9, 0.2, 0.1], [0.1, 0.3, 0.9], [0.9, 0.8, 0.1]])[labels]
    colours = (colours + 0.15 * torch.randn(colours.shape, generator=random)).clamp(0, 1)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(len(means), 1),
        log_scales=torch.where(labels[:, None] == 0, -3.0, -3.6).expand(-1, 3).clone(),
        logit_opacities=torch.full((len(means),), 4.0),
        sh=((colours - 0.5) / 0.28209479)[:, None],
        extra={"label": labels.to(torch.uint16)},
    )


def _seen(scene, view: View) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 and (H, W) uint16: a picture of the scene on black, and which label each pixel mostly shows."""
    import torch

    from splatsmith.render import render_view

    image = render_view(scene, view.camera, view.T_camera_world).image.clamp(0, 1)
    ones = torch.nn.functional.one_hot(scene.extra["label"].long(), 4).float()
    shares = render_view(scene, view.camera, view.T_camera_world, colors=ones).image
    best, labels = shares[..., 1:].max(dim=2)
    return (image * 255 + 0.5).byte().numpy(), torch.where(best > 0.5, labels + 1, 0).numpy().astype(np.uint16)
