"""A contact sheet: one row of pictures per view, with its name and figures, to be looked at without a browser."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from splatsmith.base.lettering import FAINT, GAP, INK, LINE, PAPER, fitted, font, reduced


@dataclass(frozen=True, eq=False)
class Row:
    """One view: what it is called, what is to be said of it, and its pictures in the order of the columns."""

    name: str
    figures: str
    pictures: Sequence[np.ndarray]
    """Each (H, W, 3) uint8 RGB."""


def spread(psnrs_db: Sequence[float], most: int) -> list[int]:
    """Indices of at most `most` views, in order, given all their PSNRs: the worst, the best, and evenly between."""
    by_psnr = sorted(range(len(psnrs_db)), key=lambda i: (psnrs_db[i], i))
    ranks = np.linspace(0, len(psnrs_db) - 1, min(most, len(psnrs_db))).round().astype(int)
    return sorted(by_psnr[rank] for rank in ranks)


def contact_sheet(columns: Sequence[str], rows: Sequence[Row], *, width: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the rows under the titles of the columns. Pictures wider than `width` pixels are reduced."""
    thumbs = [[reduced(picture, width) for picture in row.pictures] for row in rows]
    cell = max(thumb.width for row in thumbs for thumb in row)
    heights = [max(thumb.height for thumb in row) for row in thumbs]
    size = (GAP + len(columns) * (cell + GAP), LINE + GAP + sum(LINE + height + GAP for height in heights))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    lefts = [GAP + i * (cell + GAP) for i in range(len(columns))]
    for left, title in zip(lefts, columns, strict=True):
        draw.text((left, GAP), fitted(title, cell), FAINT, font())
    top = LINE + GAP
    for row, pictures, height in zip(rows, thumbs, heights, strict=True):
        name = fitted(row.name, size[0] // 2)
        draw.text((GAP, top), name, INK, font())
        draw.text((GAP + font().getlength(name) + 2 * GAP, top), row.figures, FAINT, font())
        for left, picture in zip(lefts, pictures, strict=True):
            sheet.paste(picture, (left, top + LINE))
        top += LINE + height + GAP
    return np.asarray(sheet)
