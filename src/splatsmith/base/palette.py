"""Colours that tell things apart."""

import colorsys

import numpy as np

GOLDEN = 0.618034
"""Turns between the hues of two neighbours: any number of them spread evenly over the circle."""
SHADES = ((0.75, 1.0), (0.9, 0.72), (0.45, 1.0))
"""Saturation and value, in turn, one step for each round of seven hues."""


def distinct_colours(count: int) -> np.ndarray:
    """(count, 3) uint8 RGB. The first ones do not depend on how many follow."""
    colours = [colorsys.hsv_to_rgb(i * GOLDEN % 1, *SHADES[i // 7 % len(SHADES)]) for i in range(count)]
    return (np.array(colours).reshape(count, 3) * 255 + 0.5).astype(np.uint8)
