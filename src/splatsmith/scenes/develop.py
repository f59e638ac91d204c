"""From a photo as captured to the picture of a prepared view: upright, undistorted, small enough."""

import shutil
from pathlib import Path

import numpy as np

from splatsmith.base import files
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.capture import Shot
from splatsmith.scenes.lens import is_pinhole, pinhole_of, undistort
from splatsmith.scenes.pictures import read_header, read_picture, write_png

SUFFIX = {"JPEG": ".jpg", "PNG": ".png"}


def develop(shot: Shot, folder: Path, max_side: int | None) -> View:
    """Write the picture of a shot into `folder`, and return its view. Raises InputError where the photo is damaged.

    A photo that already is what comes out is copied byte for byte.
    """
    pinhole = pinhole_of(shot.lens)
    camera = camera_within(pinhole, max_side)
    header = read_header(shot.image)
    if is_pinhole(shot.lens) and camera == pinhole and header.plain:
        image = folder / f"{shot.name}{SUFFIX[header.format]}"
        with files.atomic_path(image) as temporary:
            shutil.copyfile(shot.image, temporary)
    else:
        image = folder / f"{shot.name}.png"
        undistorted = undistort(read_picture(shot.image, shot.upright), shot.lens)
        write_png(image, _downscaled(undistorted, camera))
    return View(shot.name, image, camera, shot.T_camera_world)


def camera_within(camera: Camera, max_side: int | None) -> Camera:
    """`camera` shrunk in proportion (rounded to whole pixels) until no side is longer than `max_side`."""
    longest = max(camera.width, camera.height)
    if max_side is None or longest <= max_side:
        return camera
    width, height = (max(1, round(side * max_side / longest)) for side in (camera.width, camera.height))
    sx, sy = width / camera.width, height / camera.height
    return Camera(width, height, camera.fx * sx, camera.fy * sy, camera.cx * sx, camera.cy * sy)


def _downscaled(image: np.ndarray, camera: Camera) -> np.ndarray:
    """(H, W, 3): `image` at the size of `camera`, by area averaging."""
    import cv2

    size = (camera.width, camera.height)
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
