"""A contact sheet of label maps: every view with its masks in distinct colours, the doubtful ones marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from splatsmith.base.lettering import ALARM, FAINT, GAP, INK, LINE, PAPER, fitted, font, reduced
from splatsmith.scenes.palette import colour, colours

WIDTH, COLUMNS = 192, 8
"""Pixels of a thumbnail, and how many stand in a row."""
SMALL = 12
"""Height in pixels of the letters below a thumbnail."""
FRAME = 3
"""Pixels of the frame around a marked thumbnail."""
COVER = 0.5
"""How much of an object's colour lies over the photo."""
FADED = 0.55
"""How much of its brightness the rest of the photo keeps."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One view."""

    name: str
    photo: np.ndarray
    """(H, W, 3) uint8 RGB."""
    labels: np.ndarray
    """(H, W) whole numbers: 0 for none, else the position in the legend, from 1."""
    flags: Sequence[str] = ()
    """What a person should look at."""


@dataclass(frozen=True, eq=False)
class _Thumb:
    name: str
    picture: Image.Image
    flags: Sequence[str]


def contact_sheet(tiles: Iterable[Tile], legend: Sequence[str]) -> np.ndarray:
    """(H, W, 3) uint8 RGB: all tiles in rows under a legend; tiles with flags have a red frame and say why.

    Tiles are taken one by one, and their photos are not kept.
    """
    thumbs = [_Thumb(tile.name, _thumbnail(tile), tile.flags) for tile in tiles]
    columns = min(COLUMNS, max(1, len(thumbs)))
    cell, height = WIDTH + GAP, max((thumb.picture.height for thumb in thumbs), default=0) + 2 * LINE
    entries = _placed_entries(legend, GAP + columns * cell)
    top = LINE + GAP + (entries[-1][1] + LINE if entries else 0)
    sheet = Image.new("RGB", (GAP + columns * cell, top + -(-len(thumbs) // columns) * (height + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP // 2), _headline(thumbs, legend), FAINT, font())
    for i, (left, line) in enumerate(entries):
        draw.rectangle((left, LINE + line + 4, left + 14, LINE + line + 18), colour(i + 1))
        draw.text((left + 20, LINE + line), fitted(legend[i], cell), INK, font())
    for i, thumb in enumerate(thumbs):
        _paste(sheet, draw, GAP + i % columns * cell, top + i // columns * (height + GAP), thumb)
    return np.asarray(sheet)


def overlay(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the photo with the colours of `labels` (H, W) over it and outlines, the rest faded."""
    rest = photo.mean(axis=2, keepdims=True) * 0.5 + photo * 0.5
    picture = np.where(labels[..., None] > 0, photo, rest * FADED)
    cover = np.where(_outline(labels), 1.0, COVER)[..., None] * (labels > 0)[..., None]
    return (picture * (1 - cover) + colours(labels) * cover + 0.5).astype(np.uint8)


def _outline(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool. Pixels with a neighbour of another label."""
    padded = np.pad(labels, 1, mode="edge")
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.any([labels != neighbour for neighbour in neighbours], axis=0)


def _thumbnail(tile: Tile) -> Image.Image:
    """The overlay is drawn on the reduced photo, so that outlines stay visible."""
    photo = reduced(tile.photo, WIDTH)
    labels = Image.fromarray(tile.labels.astype(np.int32)).resize(photo.size, Image.Resampling.NEAREST)
    return Image.fromarray(overlay(np.asarray(photo), np.asarray(labels)))


def _headline(thumbs: Sequence[_Thumb], legend: Sequence[str]) -> str:
    marked = sum(bool(thumb.flags) for thumb in thumbs)
    return f"{len(thumbs)} views, {len(legend)} objects; {marked or 'none'} to look at" + (", in red" if marked else "")


def _placed_entries(legend: Sequence[str], width: int) -> list[tuple[int, int]]:
    """Left and top of each entry of the legend, as they run on in lines of `width` pixels."""
    places, left, top = [], GAP, 0
    for name in legend:
        room = 20 + int(font().getlength(fitted(name, WIDTH + GAP))) + 3 * GAP
        if left + room > width and left > GAP:
            left, top = GAP, top + LINE
        places.append((left, top))
        left += room
    return places


def _paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int, thumb: _Thumb) -> None:
    width, height = thumb.picture.size
    sheet.paste(thumb.picture, (left, top))
    below = top + height + 2
    draw.text((left, below), fitted(thumb.name, WIDTH, SMALL), INK, font(SMALL))
    if thumb.flags:
        more = f" (+{len(thumb.flags) - 1})" if len(thumb.flags) > 1 else ""
        room = WIDTH - int(font(SMALL).getlength(more))
        draw.rectangle((left, top, left + width - 1, top + height - 1), outline=ALARM, width=FRAME)
        draw.text((left, below + SMALL + 4), fitted(thumb.flags[0], room, SMALL) + more, ALARM, font(SMALL))
