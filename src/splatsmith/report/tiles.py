"""A sheet of tiles: one picture for each of many things, with its colour, its name and a few words on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from splatsmith.base.lettering import FAINT, GAP, INK, LINE, PAPER, fitted, font

SIDE = 220
"""Of a tile's picture in pixels; it is reduced or enlarged to fit."""
SWATCH = 6
"""Height in pixels of the stripe of colour above the picture."""
FEWEST_COLUMNS = 4
BLANK = (228, 230, 230)
"""Where there is no picture."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One thing."""

    colour: tuple[int, int, int]
    """RGB of 8 bits."""
    picture: np.ndarray | None
    """(H, W, 3) uint8 RGB; None where there is none."""
    name: str
    lines: Sequence[str]
    """What is to be said of it, as many lines for each tile."""


def tile_sheet(tiles: Sequence[Tile]) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the tiles in their order, row by row, on a sheet about as wide as it is high."""
    columns = max(FEWEST_COLUMNS, math.ceil(math.sqrt(len(tiles))))
    height = SWATCH + SIDE + LINE * (1 + max([len(tile.lines) for tile in tiles], default=0))
    rows = max(1, math.ceil(len(tiles) / columns))
    sheet = Image.new("RGB", (GAP + columns * (SIDE + GAP), GAP + rows * (height + GAP)), PAPER)
    for i, tile in enumerate(tiles):
        _place(sheet, tile, GAP + i % columns * (SIDE + GAP), GAP + i // columns * (height + GAP))
    return np.asarray(sheet)


def _place(sheet: Image.Image, tile: Tile, left: int, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left, top, left + SIDE - 1, top + SWATCH - 1), tile.colour)
    draw.rectangle((left, top + SWATCH, left + SIDE - 1, top + SWATCH + SIDE - 1), BLANK)
    if tile.picture is not None:
        image = Image.fromarray(tile.picture)
        factor = SIDE / max(image.size)
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(size, Image.Resampling.BICUBIC)
        sheet.paste(image, (left + (SIDE - size[0]) // 2, top + SWATCH + (SIDE - size[1]) // 2))
    for i, (text, ink) in enumerate([(tile.name, INK), *((line, FAINT) for line in tile.lines)]):
        draw.text((left, top + SWATCH + SIDE + LINE * i + 4), fitted(text, SIDE), ink, font())
