"""The prepared scene: a folder that every later stage reads, and whose files are complete and unaltered.

    cameras.json   pinhole cameras and poses (see cameras_json.py)
    images/        one undistorted picture per view, exactly as large as its camera
    points.ply     coloured points, maybe none
    split.json     {"train": [names], "test": [names]}
    photos.json    the photo that each view was made of, with its lens (see origins.py)
    verdict.json   what was found out about the input
    trained.ply    only where the input came with trained Gaussians
    manifest.json  {relative path: sha256} of all of these, written last

The world frame is the input's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import MANIFEST_NAME, fault, read_manifest, remove_manifest, write_manifest
from splatsmith.scenes.cameras import View
from splatsmith.scenes.cameras_json import PosedCamera, read_cameras_json, write_cameras_json
from splatsmith.scenes.origins import Origin, read_origins, write_origins
from splatsmith.scenes.pictures import picture_size, read_picture
from splatsmith.scenes.points import Points, read_points, write_points
from splatsmith.scenes.split import Split

REDO = "redo the stage prepare_scene: ./run redo prepare_scene"


@dataclass(frozen=True, eq=False)
class PreparedScene:
    """Everything a later stage needs to know of a scene."""

    views: tuple[View, ...]
    """Sorted by name."""
    points: Points
    split: Split
    trained: Path | None = None
    """PLY of Gaussians that the input came with, in the same world frame."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """The photo of each view by its name; a view that is not listed is its own photo."""

    def origin_of(self, view: View) -> Origin:
        """The photo that `view` was made of."""
        return self.origins.get(view.name) or Origin.of_itself(view.name, view.camera)

    @property
    def train_views(self) -> tuple[View, ...]:
        """The views to train on, sorted by name."""
        return self._named(self.split.train)

    @property
    def test_views(self) -> tuple[View, ...]:
        """The views held out, sorted by name."""
        return self._named(self.split.test)

    def _named(self, names: Sequence[str]) -> tuple[View, ...]:
        wanted = set(names)
        return tuple(view for view in self.views if view.name in wanted)


def write_prepared(folder: Path, scene: PreparedScene, verdict: dict) -> None:
    """Complete a prepared scene whose pictures (and `trained.ply`, if any) already lie in `folder`.

    Pictures of an earlier scene are removed. The manifest comes last: while it is absent, the scene is not there.
    """
    views = sorted(scene.views, key=lambda view: view.name)
    pictures = [view.image.relative_to(folder).as_posix() for view in views]
    remove_manifest(folder)
    for stale in set((folder / "images").iterdir()) - {view.image for view in views}:
        stale.unlink()
    posed = [
        PosedCamera(view.name, picture, view.camera, view.T_camera_world)
        for view, picture in zip(views, pictures, strict=True)
    ]
    write_cameras_json(folder / "cameras.json", posed)
    write_points(folder / "points.ply", scene.points)
    files.write_json(folder / "split.json", {"train": scene.split.train, "test": scene.split.test})
    write_origins(folder / "photos.json", scene.origins)
    files.write_json(folder / "verdict.json", verdict)
    trained = [] if scene.trained is None else [scene.trained.relative_to(folder).as_posix()]
    listed = ["cameras.json", "points.ply", "split.json", "photos.json", "verdict.json", *pictures, *trained]
    write_manifest(folder, listed)


def read_prepared(folder: Path) -> PreparedScene:
    """Read what `write_prepared` wrote.

    The small files are checked against the manifest, the pictures for their presence and size; `read_image` notices a
    damaged picture. Raises InputError that names the file and the stage to redo.
    """
    folder = Path(folder)
    listed = _read_manifest(folder)
    optional = [name for name in ("photos.json", "trained.ply") if name in listed]
    for name in ("cameras.json", "points.ply", "split.json", *optional):
        _verify(folder, name, listed)
    views = tuple(
        View(entry.name, folder / str(entry.image), entry.camera, entry.T_camera_world)
        for entry in read_cameras_json(folder / "cameras.json")
    )
    for view in views:
        _require_size(view, _decoded(picture_size, view.image))
    split = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    return PreparedScene(
        views=views,
        points=read_points(folder / "points.ply"),
        split=Split(tuple(split["train"]), tuple(split["test"])),
        trained=folder / "trained.ply" if "trained.ply" in optional else None,
        origins=read_origins(folder / "photos.json") if "photos.json" in optional else {},
    )


def read_image(view: View) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the picture of a prepared view. Raises InputError where it is missing or damaged."""
    image = _decoded(read_picture, view.image)
    _require_size(view, (image.shape[1], image.shape[0]))
    return image


def _decoded(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(_present(path))
    except InputError as error:
        raise _unusable(path, error.problems[0].got or error.problems[0].what) from None


def _read_manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST_NAME
    try:
        return read_manifest(folder)
    except FileNotFoundError:
        raise InputError(Problem("the scene is not prepared", str(path), REDO, got="no manifest")) from None
    except (OSError, ValueError) as error:
        raise _unusable(path, str(error)) from None


def _verify(folder: Path, name: str, listed: dict[str, str]) -> None:
    if got := fault(folder, name, listed):
        raise _unusable(folder / name, got)


def _present(path: Path) -> Path:
    if not path.is_file():
        raise _unusable(path, "the file is missing")
    return path


def _require_size(view: View, size: tuple[int, int]) -> None:
    camera = view.camera
    if size != (camera.width, camera.height):
        raise _unusable(view.image, f"{size[0]}x{size[1]} pixels, but its camera has {camera.width}x{camera.height}")


def _unusable(path: Path, got: str) -> InputError:
    return InputError(Problem("a file of the prepared scene is missing or damaged", str(path), REDO, got=got))
