"""`transforms.json` of nerfstudio and instant-ngp, and the `transforms_train.json` set of Blender's synthetic scenes.

Poses on disk are camera-to-world in OpenGL axes. Intrinsics stand once for all frames or in a frame of its own; lens
coefficients are OpenCV's, so each lens becomes one of COLMAP's models. The file's world frame is kept: nerfstudio's
`applied_transform`, by which it left COLMAP's frame, is only needed to bring COLMAP's points along.
Format: https://docs.nerf.studio/quickstart/data_conventions.html
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.scenes.capture import Capture, Listed, capture
from splatsmith.scenes.colmap import read_colmap_points
from splatsmith.scenes.colmap_files import model_suffix
from splatsmith.scenes.documents import read_json
from splatsmith.scenes.layout import BLENDER
from splatsmith.scenes.lens import MAX_SIDE, Lens
from splatsmith.scenes.names import BadNameError, find_picture, photo_path, pictures_in
from splatsmith.scenes.pictures import picture_size
from splatsmith.scenes.points import Points, no_points, read_points, within_reach
from splatsmith.scenes.poses import OPENGL_FROM_OPENCV, NotRigidError, inverse, rigid
from splatsmith.scenes.problems import merged
from splatsmith.scenes.split import split_of

PERSPECTIVE = ("OPENCV", "PERSPECTIVE", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
FISHEYE = ("OPENCV_FISHEYE", "FISHEYE")
PANORAMA = ("EQUIRECTANGULAR",)

COLMAP_TO_NERFSTUDIO = ((0.0, 1, 0, 0), (1, 0, 0, 0), (0, 0, -1, 0))
"""(3, 4). The `applied_transform` of files older than that key."""

Row = tuple[float, float, float, float]


def _is_pose(matrix: list[list[float]]) -> list[list[float]]:
    if len(matrix) not in (3, 4) or any(len(row) != 4 for row in matrix):
        raise ValueError("a matrix of 4 or 3 rows with 4 numbers each")
    return matrix


Matrix = Annotated[list[list[float]], AfterValidator(_is_pose)]


class _Intrinsics(BaseModel):
    """For all frames, or for one; pixels and radians."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    camera_model: str | None = None
    is_fisheye: bool | None = None
    w: int | None = Field(default=None, gt=0, le=MAX_SIDE)
    h: int | None = Field(default=None, gt=0, le=MAX_SIDE)
    fl_x: float | None = None
    fl_y: float | None = None
    camera_angle_x: float | None = None
    camera_angle_y: float | None = None
    cx: float | None = None
    cy: float | None = None
    k1: float | None = None
    k2: float | None = None
    k3: float | None = None
    k4: float | None = None
    p1: float | None = None
    p2: float | None = None

    def over(self, others: "_Intrinsics") -> "_Intrinsics":
        """These intrinsics, with `others` where these are silent."""
        mine = {name: getattr(self, name) for name in _Intrinsics.model_fields if getattr(self, name) is not None}
        return _Intrinsics(**{name: getattr(others, name) for name in _Intrinsics.model_fields} | mine)


class _Frame(_Intrinsics):
    file_path: str
    transform_matrix: Matrix


class _Transforms(_Intrinsics):
    frames: list[_Frame]
    ply_file_path: str | None = None
    applied_transform: tuple[Row, Row, Row] | None = None
    train_filenames: list[str] | None = None
    test_filenames: list[str] | None = None
    val_filenames: list[str] | None = None


def read_transforms(path: Path, images: str = "images") -> Capture:
    """The scene of a `transforms.json`. Raises InputError.

    `images` is the folder to take in place of the file's `images/` (e.g. `images_2`, the same photos at half size).
    """
    transforms = typed(_Transforms, read_json(path), str(path))
    photos, prefix = _photo_folder(path.parent, transforms.frames, images)
    listed = _listed(transforms, prefix, pictures_in(photos), path)
    scene = capture(listed, path, photos, _points(transforms, path))
    train, test = transforms.train_filenames, transforms.test_filenames or transforms.val_filenames
    if train is None or test is None:
        return scene
    lists = ([_below(prefix, name) for name in names] for names in (train, test))
    return replace(scene, split=split_of(*lists, scene.views_of_photos, str(path)))


def read_blender(folder: Path) -> Capture:
    """The scene of a folder with `transforms_train.json` and `transforms_test.json`. Raises InputError."""
    files = [folder / name for name in BLENDER]
    parts = [typed(_Transforms, read_json(path), str(path)) for path in files]
    pictures = pictures_in(folder)
    listed = [_listed(part, "", pictures, path) for part, path in zip(parts, files, strict=True)]
    scene = capture([*listed[0], *listed[1]], files[0], folder, no_points())
    lists = ([entry.photo for entry in entries] for entries in listed)
    return replace(scene, split=split_of(*lists, scene.views_of_photos, str(files[0])))


def _listed(transforms: _Transforms, prefix: str, pictures: dict[str, Path], path: Path) -> list[Listed]:
    """What the file says of each frame. Raises InputError for every lens that COLMAP's models cannot express."""
    listed, problems = [], []
    for index, frame in enumerate(transforms.frames):
        photo = _below(prefix, frame.file_path)
        T_world_camera = np.eye(4)
        T_world_camera[: len(frame.transform_matrix)] = frame.transform_matrix
        try:
            lens = _lens(frame.over(transforms), _stored_size(photo, pictures))
        except ValueError as error:
            fix = "correct the intrinsics, or export them again"
            problems.append(Problem("the lens is impossible", f"{path}: frames.{index}", fix, got=str(error)))
        else:
            listed.append(Listed(photo, lens, _world_to_camera(T_world_camera)))
    if problems:
        raise InputError(*merged(problems))
    return listed


def _world_to_camera(T_world_camera: np.ndarray) -> np.ndarray:
    """(4, 4). OpenCV's world-to-camera of OpenGL's camera-to-world; a matrix that is not rigid passes unaltered."""
    try:
        return OPENGL_FROM_OPENCV @ inverse(rigid(T_world_camera))
    except NotRigidError:
        return T_world_camera  # to be refused together with whatever else is wrong


def _lens(intrinsics: _Intrinsics, stored: tuple[int, int] | None) -> Lens:
    """COLMAP's lens for nerfstudio's keys. Raises ValueError."""
    i = intrinsics
    width, height = i.w or (stored or (1, 1))[0], i.h or (stored or (1, 1))[1]  # no size is a missing photo, told later
    model = i.camera_model or ("OPENCV_FISHEYE" if i.is_fisheye else "OPENCV")
    if model in PANORAMA:
        return Lens("EQUIRECTANGULAR", width, height, (float(width), float(height)))
    fx = i.fl_x if i.fl_x is not None else _focal(width, i.camera_angle_x)
    fy = i.fl_y if i.fl_y is not None else _focal(height, i.camera_angle_y)
    fx, fy = (fy if fx is None else fx), (fx if fy is None else fy)
    if fx is None or fy is None:
        raise ValueError("neither fl_x nor camera_angle_x is given")
    cx, cy = (width / 2 if i.cx is None else i.cx), (height / 2 if i.cy is None else i.cy)
    k1, k2, k3, k4, p1, p2 = (value or 0.0 for value in (i.k1, i.k2, i.k3, i.k4, i.p1, i.p2))
    if model in FISHEYE:
        return Lens("OPENCV_FISHEYE", width, height, (fx, fy, cx, cy, k1, k2, k3, k4))
    if model not in PERSPECTIVE:
        raise ValueError(f"no camera model {model}; there are {', '.join(PERSPECTIVE + FISHEYE + PANORAMA)}")
    if k4:
        raise ValueError("k4 is not zero, which no perspective lens of OpenCV has")
    if k3:
        return Lens("FULL_OPENCV", width, height, (fx, fy, cx, cy, k1, k2, p1, p2, k3, 0.0, 0.0, 0.0))
    return Lens("OPENCV", width, height, (fx, fy, cx, cy, k1, k2, p1, p2))


def _focal(side: int, angle: float | None) -> float | None:
    """Focal length in pixels of a field of view in radians."""
    if angle is None:
        return None
    if not 0 < angle < math.pi:
        raise ValueError(f"a field of view of {angle:.6g} radians")
    return side / 2 / math.tan(angle / 2)


def _stored_size(photo: str, pictures: dict[str, Path]) -> tuple[int, int] | None:
    """The size of a photo, or None where it is missing or damaged: `capture` tells about that."""
    try:
        image = find_picture(photo_path(photo), pictures)
        return picture_size(image) if image else None
    except (BadNameError, InputError):
        return None


def _photo_folder(folder: Path, frames: list[_Frame], images: str) -> tuple[Path, str]:
    """The folder of the photos, and the prefix by which the file's paths reach it."""
    if all(_below("", frame.file_path).startswith("images/") for frame in frames):
        return folder / images, "images/"
    return folder, ""


def _below(prefix: str, file_path: str) -> str:
    return file_path.replace("\\", "/").removeprefix("./").removeprefix(prefix)


def _points(transforms: _Transforms, path: Path) -> Points:
    """The file's point cloud, in its own world frame; else COLMAP's points, brought to it; else none."""
    folder = path.parent
    if transforms.ply_file_path is not None:
        try:
            return read_points(folder / photo_path(transforms.ply_file_path))
        except BadNameError as error:
            fix = "give a path below the scene folder"
            raise InputError(Problem("ply_file_path cannot be used", str(path), fix, got=str(error))) from None
    model = folder / "colmap" / "sparse" / "0"
    if model_suffix(model) is None:
        return no_points()
    points = read_colmap_points(model)
    M = np.array(transforms.applied_transform or COLMAP_TO_NERFSTUDIO)
    return within_reach(points.xyz @ M[:, :3].T + M[:, 3], points.rgb)
