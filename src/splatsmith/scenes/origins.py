"""The photo that each prepared view was made of, and the way of label maps from the photo to the view.

`photos.json` of a prepared scene:

    {view: {"photo": name, "lens": {"model", "width", "height", "params", "face"}}}

so that what people say of a photo as given (boxes, points, masks) can be carried over, also where the lens was only
found by structure from motion.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from splatsmith.base import files
from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.capture import Shot
from splatsmith.scenes.lens import Lens, photo_pixels

TIE = 1e-2
"""Pixels. A view's pixel whose centre falls between two pixels shows the left and upper one, whatever the rounding."""


@dataclass(frozen=True)
class Origin:
    """Where a view's picture came from."""

    photo: str
    """The photo's name, see names.py; that of the view, but for a panorama, which gives several views."""
    lens: Lens
    """As large as the photo."""

    @classmethod
    def of_shot(cls, shot: Shot) -> Self:
        """Of the view that `shot` is developed into."""
        return cls(shot.photo, shot.lens)

    @classmethod
    def of_itself(cls, name: str, camera: Camera) -> Self:
        """Of a view called `name` whose picture is the photo."""
        params = (camera.fx, camera.fy, camera.cx, camera.cy)
        return cls(name, Lens("PINHOLE", camera.width, camera.height, params))


def write_origins(path: Path, origins: Mapping[str, Origin]) -> None:
    """Write `photos.json`, atomically."""
    files.write_json(path, {view: asdict(origin) for view, origin in origins.items()})


def read_origins(path: Path) -> dict[str, Origin]:
    """What `write_origins` wrote, by the names of the views."""
    return {view: _origin(**entry) for view, entry in json.loads(path.read_text(encoding="utf-8")).items()}


def _origin(photo: str, lens: dict) -> Origin:
    return Origin(photo, Lens(**lens | {"params": tuple(lens["params"])}))


def fits_photo(size: tuple[int, int], lens: Lens) -> bool:
    """Whether a picture of `size` = (W, H) is as large as the photo, or that resized by a whole factor.

    A photo that shrinks may lose or gain the fraction of a pixel.
    """
    photo = (lens.width, lens.height)
    larger = size[0] > photo[0]
    factor = round(size[0] / photo[0] if larger else photo[0] / size[0])
    if larger:
        return size == (photo[0] * factor, photo[1] * factor)
    return all(abs(side / factor - own) < 1 for side, own in zip(photo, size, strict=True))


def labels_in_view(labels: np.ndarray, lens: Lens, camera: Camera) -> np.ndarray:
    """(H, W): a label map in the frame of the photo as the view shows it: each pixel's nearest label, never a mixture.

    labels: (h, w), as large as the photo or resized. camera: the view's, in the place of the lens.
    """
    height, width = labels.shape
    pixels = photo_pixels(lens, camera)
    columns = _indices(pixels[..., 0] * (width / lens.width), width, wrapped=lens.spherical)
    rows = _indices(pixels[..., 1] * (height / lens.height), height, wrapped=False)
    return labels[rows, columns]


def _indices(positions: np.ndarray, count: int, wrapped: bool) -> np.ndarray:
    """Which of `count` pixels each position, with pixel centres at +0.5, lies in."""
    indices = np.floor(positions - TIE).astype(np.int64)
    return indices % count if wrapped else np.clip(indices, 0, count - 1)
