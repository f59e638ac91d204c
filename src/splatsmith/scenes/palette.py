"""One colour for each number of a legend: the same in every picture, whatever else is in it, and far from the others.

Colours are taken one after the other from a grid in sRGB, each as far as can be, in Oklab, from all those before it and
from black, grey and white; so the first few differ most, and the first hundreds can still be told apart side by side.
Source of Oklab: Ottosson, "A perceptual color space for image processing", 2020.
"""

from functools import cache

import numpy as np

REST = (128, 128, 128)
"""Colour of number 0, RGB of 8 bits."""
COUNT = 1024
"""Colours after which they come again."""
STEP = 15
"""Of the grid, in levels of 255."""
MIN_CHROMA = 0.09
"""In Oklab, where the most vivid colours of sRGB have about 0.3: what is greyer could be taken for the rest."""
LIGHTNESS = (0.4, 0.93)
"""In Oklab, where black is 0 and white is 1: outlines are to be seen on dark and on bright pictures."""

LMS_LINEAR = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def colours(ids: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB of numbers (...) of a legend: a label map becomes a picture. 0 is grey."""
    ids = np.asarray(ids)
    return np.where(ids[..., None] > 0, _palette()[(ids.astype(np.int64) - 1) % COUNT], np.uint8(REST))


def colour(id: int) -> tuple[int, int, int]:
    """RGB of one number, of 8 bits."""
    red, green, blue = colours(np.array(id)).tolist()
    return red, green, blue


def oklab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) float64. Lightness and the two opponent axes of colours (..., 3) in sRGB, uint8."""
    value = np.asarray(rgb) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ LMS_LINEAR.T) @ LAB_LMS.T


@cache
def _palette() -> np.ndarray:
    """(COUNT, 3) uint8."""
    levels = np.arange(0, 256, STEP, dtype=np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lab = oklab(rgb)
    vivid = np.hypot(lab[:, 1], lab[:, 2]) >= MIN_CHROMA
    rgb, lab = (a[vivid & (lab[:, 0] >= LIGHTNESS[0]) & (lab[:, 0] <= LIGHTNESS[1])] for a in (rgb, lab))
    taken = oklab(np.array([(0, 0, 0), REST, (255, 255, 255)]))
    distance = np.linalg.norm(lab[:, None] - taken, axis=2).min(1)
    order = []
    for _ in range(COUNT):
        order.append(best := int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[best], axis=1))
    palette = rgb[order]
    palette.flags.writeable = False
    return palette
