"""Camera models as captured, and their undistortion. The models are COLMAP's, by name and parameters.

A lens maps a direction (x, y, z) of its OpenCV frame to pixels; pycolmap does the mapping. Undistortion asks, for each
pixel of a pinhole camera, where the lens saw that pixel's direction, and samples the photo there. A spherical lens has
no single pinhole camera: it is taken apart into the six faces of a cube, and each face becomes a view.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from splatsmith.scenes.cameras import Camera

FACES = {
    "front": np.eye(3),
    "right": np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
    "back": np.array([[-1.0, 0, 0], [0, 1, 0], [0, 0, -1]]),
    "left": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "up": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "down": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
"""R_face_lens of each face of the cube about a spherical lens."""

WHOLE = np.eye(3)
MAX_SIDE = 100_000
"""Pixels."""

ROWS = 256
"""Rows of pixels mapped at once: bounds the memory."""


@dataclass(frozen=True)
class Lens:
    """A camera model with its parameters."""

    model: str
    """COLMAP's name, e.g. OPENCV."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    params: tuple[float, ...]
    """In COLMAP's order for the model."""
    face: str | None = None
    """Which face of the cube this is, for a spherical lens."""

    @property
    def spherical(self) -> bool:
        """Whether the lens sees all around."""
        return self.model == "EQUIRECTANGULAR"

    @property
    def R_face_lens(self) -> np.ndarray:
        """(3, 3). Rotation from the lens's frame to the frame of the view that it gives."""
        return WHOLE if self.face is None else FACES[self.face]


class Model(NamedTuple):
    """A camera model of COLMAP."""

    id: int
    parameters: int
    """How many it takes."""


@cache
def known_models() -> dict[str, Model]:
    """Every camera model that pycolmap knows, by name."""
    from splatsmith.scenes.colmap_library import pycolmap

    ids = {name: model for name, model in pycolmap.CameraModelId.__members__.items() if name != "INVALID"}
    return {
        name: Model(int(model), len(pycolmap.Camera.create_from_model_id(1, model, 1.0, 1, 1).params))
        for name, model in sorted(ids.items(), key=lambda item: int(item[1]))
    }


def lens_fault(lens: Lens) -> str | None:
    """What makes the lens impossible, in words, or None."""
    if lens.model not in known_models():
        return f"no camera model {lens.model}; there are {', '.join(known_models())}"
    if len(lens.params) != known_models()[lens.model].parameters:
        return f"{lens.model} takes {known_models()[lens.model].parameters} parameters, not {len(lens.params)}"
    if not (0 < lens.width <= MAX_SIDE and 0 < lens.height <= MAX_SIDE):
        return f"{lens.width}x{lens.height} pixels"
    if not np.isfinite(lens.params).all():
        return "its parameters hold NaN or infinity"
    if not lens.spherical and min(_camera(lens).focal_length_x, _camera(lens).focal_length_y) <= 0:
        return "its focal length is not positive"
    try:
        pinhole_of(lens)
    except ValueError as error:
        return str(error)
    return None


def rescaled(lens: Lens, width: int, height: int) -> Lens:
    """The lens for the same photo stored at another size."""
    camera = _camera(lens)
    camera.rescale(width, height)
    return Lens(lens.model, width, height, tuple(camera.params.tolist()), lens.face)


def is_pinhole(lens: Lens) -> bool:
    """Whether the photo is undistorted already, as a pinhole's or with all coefficients zero."""
    camera = _camera(lens)
    return camera.is_perspective_pinhole() and camera.is_undistorted()


@lru_cache(maxsize=4)
def pinhole_of(lens: Lens) -> Camera:
    """The pinhole camera of the undistorted photo: the lens's own, or the largest without blank pixels.

    A face of a spherical lens has 90 degrees and the photo's resolution at its centre. Raises ValueError where the
    parameters make no usable lens.
    """
    from splatsmith.scenes.colmap_library import pycolmap

    if lens.spherical:
        side = max(1, round(lens.width / np.pi))
        return Camera(side, side, side / 2, side / 2, side / 2, side / 2)
    camera = _camera(lens)
    if not is_pinhole(lens):
        camera = pycolmap.undistort_camera(pycolmap.UndistortCameraOptions(), camera)
    pinhole = Camera(
        camera.width,
        camera.height,
        float(camera.focal_length_x),
        float(camera.focal_length_y),
        float(camera.principal_point_x),
        float(camera.principal_point_y),
    )
    if not (pinhole.width > 1 and pinhole.height > 1 and np.isfinite(pinhole.K).all()):
        raise ValueError("no pinhole camera sees what it sees")
    return pinhole


@lru_cache(maxsize=2)
def undistortion_map(lens: Lens) -> np.ndarray:
    """(H, W, 2) float32: for each pixel of `pinhole_of(lens)`, the x, y in the photo that it shows, centres at +0.5."""
    return photo_pixels(lens, pinhole_of(lens))


def photo_pixels(lens: Lens, pinhole: Camera) -> np.ndarray:
    """(H, W, 2) float32: for each pixel of a pinhole camera in the lens's place, the x, y in the photo that it shows.

    Pixel centres at +0.5. For a face of a spherical lens, `pinhole` looks through that face.
    """
    camera = _camera(lens)
    R_lens_face = lens.R_face_lens.T
    x = (np.arange(pinhole.width) + 0.5 - pinhole.cx) / pinhole.fx
    mapped = np.empty((pinhole.height, pinhole.width, 2), np.float32)
    for top in range(0, pinhole.height, ROWS):
        y = (np.arange(top, min(top + ROWS, pinhole.height)) + 0.5 - pinhole.cy) / pinhole.fy
        rays = x[:, None] * R_lens_face[:, 0] + y[:, None, None] * R_lens_face[:, 1] + R_lens_face[:, 2]
        pixels = camera.img_from_cam(rays.reshape(-1, 3))
        mapped[top : top + len(y)] = pixels.reshape(len(y), len(x), 2)
    return mapped


def pinhole_pixels(lens: Lens, pinhole: Camera, pixels: np.ndarray) -> np.ndarray:
    """(P, 2) float64: where a pinhole camera in the lens's place shows what the photo shows at `pixels` (P, 2) x y.

    The inverse of `photo_pixels`, not clipped to the picture; NaN for what is behind the camera or beyond the lens.
    """
    rays = _camera(lens).cam_ray_from_img(np.asarray(pixels, np.float64).reshape(-1, 2)) @ lens.R_face_lens.T
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (rays[:, axis] / np.where(rays[:, 2] > 0, rays[:, 2], np.nan) for axis in (0, 1))
    return np.stack([x * pinhole.fx + pinhole.cx, y * pinhole.fy + pinhole.cy], axis=1)


def undistort(image: np.ndarray, lens: Lens, nearest: bool = False) -> np.ndarray:
    """(H, W, ...): `image` as `pinhole_of(lens)` sees it, cubically interpolated, or `nearest` for label maps."""
    import cv2

    if is_pinhole(lens):
        return image
    border = cv2.BORDER_WRAP if lens.spherical else cv2.BORDER_REPLICATE
    flag = cv2.INTER_NEAREST if nearest else cv2.INTER_CUBIC
    return cv2.remap(image, undistortion_map(lens) - np.float32(0.5), None, flag, borderMode=border)


def _camera(lens: Lens):
    from splatsmith.scenes.colmap_library import pycolmap

    return pycolmap.Camera(model=lens.model, width=lens.width, height=lens.height, params=list(lens.params))
