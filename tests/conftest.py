"""Shared settings: property tests draw the same examples on every machine."""

import runpy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image  # before any pycolmap: see scenes/colmap_library.py
from scipy.spatial.transform import Rotation

settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")


@dataclass(frozen=True)
class Captured:
    """A scene folder that COLMAP might have left, and what went into it."""

    folder: Path
    names: list[str]
    """Of the photos, in the order of the poses."""
    T_camera_world: np.ndarray
    """(V, 4, 4) float64."""
    xyz: np.ndarray
    """(P, 3) float64."""
    rgb: np.ndarray
    """(P, 3) uint8."""


@pytest.fixture(scope="session")
def captured() -> Callable[..., Captured]:
    """Write a scene of random photos around random points, with a COLMAP model of any lens."""

    def write(
        folder: Path,
        names: Sequence[str] = ("a.png", "b.png", "c.png", "d.png"),
        model: str = "PINHOLE",
        params: Sequence[float] = (50.0, 52.0, 31.0, 25.0),
        size: tuple[int, int] = (64, 48),
        suffix: str = ".bin",
        points: int = 12,
    ) -> Captured:
        from splatsmith.scenes.colmap_library import pycolmap

        rng = np.random.default_rng(0)
        xyz, rgb = rng.normal(size=(points, 3)), rng.integers(0, 256, (points, 3), dtype=np.uint8)
        poses = np.tile(np.eye(4), (len(names), 1, 1))
        poses[:, :3, :3] = Rotation.random(len(names), rng).as_matrix()
        poses[:, :3, 3] = rng.normal(size=(len(names), 3)) + [0, 0, 6]
        scene = Captured(folder, list(names), poses, xyz, rgb)
        for name in names:
            photo = folder / "images" / name
            photo.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(photo)
        _write_model(scene, pycolmap.Camera(model=model, width=size[0], height=size[1], params=params), suffix)
        return scene

    return write


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """What is tiny is slowed down by more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory, one_thread) -> Path:
    """A folder with a tiny model of every backend, made once and only read."""
    folder = tmp_path_factory.mktemp("models")
    runpy.run_path(str(Path(__file__).parent / "models" / "tiny.py"))["save_all"](folder)
    return folder


def _write_model(scene: Captured, camera, suffix: str) -> None:
    from splatsmith.scenes.colmap_library import pycolmap

    camera.camera_id = 1
    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(camera)
    for i, (name, T) in enumerate(zip(scene.names, scene.T_camera_world, strict=True)):
        pixels = camera.img_from_cam(scene.xyz @ T[:3, :3].T + T[:3, 3], check_cheirality=False)
        image = pycolmap.Image(name=name, keypoints=np.nan_to_num(pixels), camera_id=1, image_id=i + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(T[:3]))
    for p, (xyz, rgb) in enumerate(zip(scene.xyz, scene.rgb, strict=True)):
        track = pycolmap.Track([pycolmap.TrackElement(i + 1, p) for i in range(len(scene.names))])
        model.add_point3D(xyz, track, rgb)
    sparse = scene.folder / "sparse" / "0"
    sparse.mkdir(parents=True, exist_ok=True)
    model.write_binary(sparse) if suffix == ".bin" else model.write_text(sparse)
