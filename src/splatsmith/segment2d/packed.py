"""A soft mask in few bytes: the masks of all objects in all views wait in memory until it is known which count."""

import zlib
from dataclasses import dataclass

import numpy as np

from splatsmith.models.protocols import SoftMask

LEVELS = 255
"""Steps that a probability of 0.5 to 1 is kept in."""
STRAY = 0.01
"""Fraction of a mask's pixels at each of its sides that does not count for its extent."""


@dataclass(frozen=True, eq=False)
class PackedMask:
    """The pixels of a mask that is not empty, with their probabilities."""

    window: tuple[slice, slice]
    """Rows and columns that hold all its pixels."""
    extent: np.ndarray
    """(4,) float64. x0 y0 x1 y1, in pixels: where the mask is, but for stray pixels."""
    data: bytes

    @classmethod
    def of(cls, mask: SoftMask) -> "PackedMask | None":
        """None of a mask without pixels."""
        hit = mask.mask
        if not hit.any():
            return None
        window = tuple(slice(*_span(hit.any(axis=axis))) for axis in (1, 0))
        part = SoftMask(mask.logits[window], mask.score)
        levels = np.where(part.mask, 1 + np.rint((2 * part.probability - 1) * (LEVELS - 1)), 0)
        return cls(window, extent(hit), zlib.compress(levels.astype(np.uint8).tobytes(), level=1))

    def probability(self) -> np.ndarray:
        """(h, w) float32, of the window: each pixel's probability of 0.5 to 1, and 0 outside the mask."""
        rows, columns = self.window
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        levels = np.frombuffer(zlib.decompress(self.data), dtype=np.uint8).reshape(shape).astype(np.float32)
        return np.where(levels > 0, 0.5 + (levels - 1) / (2 * (LEVELS - 1)), np.float32(0))


def extent(mask: np.ndarray) -> np.ndarray:
    """(4,) float64 x0 y0 x1 y1: the box around a mask (H, W) bool that is not empty, in pixels.

    At each side a hundredth of the pixels may lie outside, for a tracker leaves specks.
    """
    sides = []
    for axis in (0, 1):
        reached = np.cumsum(mask.sum(axis=axis)) / mask.sum()
        sides.append((np.argmax(reached > STRAY), np.argmax(reached >= 1 - STRAY) + 1))
    (x0, x1), (y0, y1) = sides
    return np.array([x0, y0, x1, y1], dtype=np.float64)


def _span(hit: np.ndarray) -> tuple[int, int]:
    """The first position that is hit, and the one after the last."""
    (places,) = np.nonzero(hit)
    return int(places[0]), int(places[-1]) + 1
