"""What the pipeline asks of a matcher, in numpy: the same points of an object, found in two pictures of it.

Points are x y in pixels of the pictures as they were given, from the left and top edge: the centre of the first pixel
is at (0.5, 0.5). What lies outside of the object counts for nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from PIL import Image

GREY = 128
"""What matchers see in place of the background."""
MARGIN = 0.05
"""Of it, that is left around the object, as a share of the object's longer side."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object in a picture."""

    image: np.ndarray
    """(H, W, 3) uint8."""
    mask: np.ndarray
    """(H, W) bool. The object's pixels; there may be none."""

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"Cutout.image: expected (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.mask.shape != self.image.shape[:2] or self.mask.dtype != bool:
            raise ValueError(f"Cutout.mask: expected {self.image.shape[:2]} bool, got {self.mask.shape}")

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """x0 y0 x1 y1 around the object's pixels; around the whole picture where there are none."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        if len(rows) == 0:
            return 0, 0, self.image.shape[1], self.image.shape[0]
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @cached_property
    def greyed(self) -> np.ndarray:
        """(H, W, 3) uint8. The picture with a grey background."""
        return np.where(self.mask[:, :, None], self.image, np.uint8(GREY))

    def covers(self, points: np.ndarray) -> np.ndarray:
        """(M,) bool. Which points (M, 2) lie in pixels of the object."""
        column, row = np.floor(points).astype(np.int64).T
        height, width = self.mask.shape
        within = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return within & self.mask[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


@dataclass(frozen=True, eq=False)
class Matches:
    """M points of an object, each where it is in picture a and in picture b."""

    points_a: np.ndarray
    """(M, 2) float64."""
    points_b: np.ndarray
    """(M, 2) float64."""
    scores: np.ndarray
    """(M,) float64. The higher the surer; scores of one matcher can be compared with each other."""

    def __post_init__(self) -> None:
        shapes = self.points_a.shape, self.points_b.shape, self.scores.shape
        if shapes != ((len(self), 2), (len(self), 2), (len(self),)):
            raise ValueError(f"Matches: expected (M, 2), (M, 2), (M,), got {shapes}")

    def __len__(self) -> int:
        return len(self.scores)

    def of(self, a: Cutout, b: Cutout) -> "Matches":
        """Those that lie on the object in both pictures."""
        kept = a.covers(self.points_a) & b.covers(self.points_b)
        return Matches(self.points_a[kept], self.points_b[kept], self.scores[kept])


class Matcher(Protocol):
    """Finds the same points of an object in two pictures of it, e.g. a photo and a render."""

    def match(self, pairs: Sequence[tuple[Cutout, Cutout]]) -> list[Matches]:
        """One answer per pair of a and b, in their order; it may be empty. Points lie on the object in both."""


@dataclass(frozen=True, eq=False)
class Framed:
    """A cutout as a model sees it: the object fills a picture of the model's size, its aspect ratio kept."""

    pixels: np.ndarray
    """(h, w, 3) uint8."""
    corner: np.ndarray
    """(2,) float64. Where the picture's left top corner is in the cutout, x y."""
    step: float
    """Pixels of the cutout that one of the picture spans."""

    def original(self, points: np.ndarray) -> np.ndarray:
        """(M, 2) float64. Where points (M, 2) of the picture are in the cutout, both x y from the left top corner."""
        return self.corner + self.step * np.asarray(points, np.float64)


def framed(cutout: Cutout, size: tuple[int, int]) -> Framed:
    """The object in the middle of a picture of `size` = (h, w), with a margin, and grey where the cutout ends."""
    x0, y0, x1, y1 = cutout.box
    grown = 1 + 2 * MARGIN
    step = grown * max((x1 - x0) / size[1], (y1 - y0) / size[0])
    reach = step * np.array([size[1], size[0]])
    corner = (np.array([x0 + x1, y0 + y1]) - reach) / 2
    # the piece of the picture that is needed, whole pixels, with one more all round for the interpolation
    first = [math.floor(value) - 1 for value in corner]
    last = [math.ceil(value) + 1 for value in corner + reach]
    canvas = np.full((last[1] - first[1], last[0] - first[0], 3), GREY, np.uint8)
    height, width = cutout.mask.shape
    left, top, right, bottom = max(first[0], 0), max(first[1], 0), min(last[0], width), min(last[1], height)
    inside = slice(top - first[1], bottom - first[1]), slice(left - first[0], right - first[0])
    canvas[inside] = cutout.greyed[top:bottom, left:right]
    low = corner - first
    box = (*low.tolist(), *(low + reach).tolist())
    pixels = Image.fromarray(canvas).resize((size[1], size[0]), Image.Resampling.BILINEAR, box)
    return Framed(np.asarray(pixels), corner, step)
