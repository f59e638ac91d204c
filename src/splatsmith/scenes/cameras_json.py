"""`cameras.json` as the Inria viewers, SuperSplat and trained 3DGS folders have it: a list of posed pinhole cameras.

On disk `position` is the camera's centre and `rotation` is `R_world_camera`, row by row. The format has no principal
point; ours are written as further keys `cx`, `cy`, with the image's path as `image`, which other readers pass over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydantic
from pydantic import Field

from splatsmith.base import files
from splatsmith.base.typed import typed
from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.documents import read_json


@dataclass(frozen=True, eq=False)
class PosedCamera:
    """One entry of a `cameras.json`."""

    name: str
    image: str | None
    """Path of the image, relative to the `cameras.json`; None where the file does not tell."""
    camera: Camera
    T_camera_world: np.ndarray
    """(4, 4) float64."""


Vector = tuple[float, float, float]


class _Entry(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(allow_inf_nan=False)

    img_name: str
    width: int = Field(gt=0, le=100_000)
    height: int = Field(gt=0, le=100_000)
    position: Vector
    rotation: tuple[Vector, Vector, Vector]
    fx: float = Field(gt=0)
    fy: float = Field(gt=0)
    cx: float | None = None
    cy: float | None = None
    image: str | None = None


class _Entries(pydantic.RootModel[list[_Entry]]):
    pass


def read_cameras_json(path: Path) -> list[PosedCamera]:
    """The posed cameras of `path`, in its order. Raises InputError. A missing principal point is the centre."""
    return [_posed(entry) for entry in typed(_Entries, read_json(path), str(path)).root]


def write_cameras_json(path: Path, entries: Iterable[PosedCamera]) -> None:
    """Write `entries` to `path` atomically."""
    files.write_json(path, [_record(i, entry) for i, entry in enumerate(entries)])


def _posed(entry: _Entry) -> PosedCamera:
    camera = Camera(
        width=entry.width,
        height=entry.height,
        fx=entry.fx,
        fy=entry.fy,
        cx=entry.width / 2 if entry.cx is None else entry.cx,
        cy=entry.height / 2 if entry.cy is None else entry.cy,
    )
    R_camera_world = np.array(entry.rotation).T
    T_camera_world = np.eye(4)
    T_camera_world[:3, :3] = R_camera_world
    T_camera_world[:3, 3] = -R_camera_world @ np.array(entry.position)
    return PosedCamera(entry.img_name, entry.image, camera, T_camera_world)


def _record(index: int, entry: PosedCamera) -> dict:
    camera, R_camera_world, t = entry.camera, entry.T_camera_world[:3, :3], entry.T_camera_world[:3, 3]
    return {
        "id": index,
        "img_name": entry.name,
        "image": entry.image,
        "width": camera.width,
        "height": camera.height,
        "position": (-R_camera_world.T @ t).tolist(),
        "rotation": R_camera_world.T.tolist(),
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
    }
