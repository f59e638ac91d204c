"""COLMAP models, binary and text, through pycolmap. World-to-camera poses and OpenCV axes, as ours."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.capture import Capture, Listed, Quality, capture
from splatsmith.scenes.colmap_files import PARTS, model_suffix, walk_model
from splatsmith.scenes.lens import Lens
from splatsmith.scenes.points import Points, within_reach


def read_colmap(model: Path, photos: Path) -> Capture:
    """The scene of the COLMAP model in the folder `model`, with its photos below `photos`. Raises InputError.

    Its `rigs` and `frames` files, if any, are not needed: `images` holds the pose of every photo.
    """
    suffix = model_suffix(model)
    if suffix is None:
        fix = "export the model as cameras, images and points3D, .bin or .txt"
        raise InputError(Problem("there is no COLMAP model", str(model), fix))
    names = walk_model(model, suffix)
    reconstruction = _parsed(model, suffix)
    if set(reconstruction.images) != set(names):
        raise _contradiction(model, "image ids that pycolmap reads otherwise")
    listed = listed_images(reconstruction, names)
    scene = capture(listed, model / f"images{suffix}", photos, points_of(reconstruction))
    return replace(scene, quality=quality_of(reconstruction))


def read_colmap_points(model: Path) -> Points:
    """The points of the COLMAP model in the folder `model`. Raises InputError."""
    suffix = model_suffix(model)
    assert suffix is not None, f"no COLMAP model in {model}"
    walk_model(model, suffix)
    return points_of(_parsed(model, suffix))


def listed_images(reconstruction, names: Mapping[int, str]) -> list[Listed]:
    """What a pycolmap reconstruction says of its photos, called `names` by image id."""
    listed = []
    for image_id, image in sorted(reconstruction.images.items()):
        camera = reconstruction.cameras[image.camera_id]
        lens = Lens(camera.model.name, camera.width, camera.height, tuple(camera.params.tolist()))
        listed.append(Listed(names[image_id], lens, image.cam_from_world().matrix()))
    return listed


def quality_of(reconstruction) -> Quality | None:
    """How well the points of a pycolmap reconstruction fit its photos; None where it has no points."""
    if not reconstruction.num_points3D():
        return None
    return Quality(reconstruction.compute_mean_track_length(), reconstruction.compute_mean_reprojection_error())


def _parsed(model: Path, suffix: str):
    """The pycolmap reconstruction of a model's three main files alone. Raises InputError where they do not agree."""
    from splatsmith.scenes.colmap_library import pycolmap

    with tempfile.TemporaryDirectory(prefix="splatsmith-") as folder:
        for part in PARTS:
            Path(folder, f"{part}{suffix}").symlink_to((model / f"{part}{suffix}").resolve())
        try:
            return pycolmap.Reconstruction(folder)
        except (ValueError, IndexError, KeyError, RuntimeError, MemoryError, OverflowError) as error:
            raise _contradiction(model, " ".join(str(error).split()) or type(error).__name__) from None


def _contradiction(model: Path, got: str) -> InputError:
    fix = "export the COLMAP model again: its files do not belong together, or one is damaged"
    return InputError(Problem("the COLMAP model contradicts itself", str(model), fix, got=got))


def points_of(reconstruction) -> Points:
    """The points of a pycolmap reconstruction, by id."""
    points = [point for _, point in sorted(reconstruction.points3D.items(), key=lambda item: item[0])]
    xyz = np.array([point.xyz for point in points], np.float64).reshape(-1, 3)
    rgb = np.array([point.color for point in points], np.uint8).reshape(-1, 3)
    return within_reach(xyz, rgb)
