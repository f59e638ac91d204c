"""What contact sheets are drawn with: paper, ink, letters, and pictures reduced to fit."""

from functools import cache

import numpy as np
from PIL import Image, ImageFont

PAPER, INK, FAINT, ALARM = (250, 250, 248), (36, 41, 47), (110, 118, 129), (200, 30, 30)
GAP = 8
"""Pixels between pictures."""
TEXT = 15
"""Height of the letters in pixels."""
LINE = 26


def reduced(picture: np.ndarray, width: int) -> Image.Image:
    """(H, W, 3) uint8 as a picture at most `width` pixels wide, by area averaging."""
    image = Image.fromarray(picture)
    factor = min(1.0, width / image.width)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image if size == image.size else image.resize(size, Image.Resampling.BOX)


def fitted(text: str, width: int, height: int = TEXT) -> str:
    """`text`, its end cut where it is longer than `width` pixels in letters of `height` pixels."""
    if font(height).getlength(text) <= width:
        return text
    while text and font(height).getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


@cache
def font(height: int = TEXT) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic and more."""
    import matplotlib

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", height)
