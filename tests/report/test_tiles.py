"""A sheet of tiles: each in its place, whatever its picture is like."""

import numpy as np
import pytest

from splatsmith.base.lettering import GAP, LINE
from splatsmith.report.tiles import BLANK, SIDE, SWATCH, Tile, tile_sheet


def tile(i: int, picture: np.ndarray | None = None) -> Tile:
    return Tile((i % 256, i // 256, 77), picture, f"object-{i}", ("one", "two"))


@pytest.mark.parametrize("count", [0, 1, 4, 5, 16, 300])
def test_every_tile_has_its_place_on_an_even_sheet(count):
    sheet = tile_sheet([tile(i) for i in range(count)])
    height, width = SWATCH + SIDE + 3 * LINE + GAP, SIDE + GAP
    columns = (sheet.shape[1] - GAP) // width
    assert columns == max(4, int(np.ceil(count**0.5)))
    for i in range(count):
        top, left = GAP + i // columns * height, GAP + i % columns * width
        swatch = sheet[top : top + SWATCH, left : left + SIDE]
        assert (swatch == (i % 256, i // 256, 77)).all()
        assert (sheet[top + SWATCH : top + SWATCH + SIDE, left : left + SIDE] == BLANK).all()
        assert sheet[top + SWATCH + SIDE : top + height - GAP, left : left + SIDE].min() < 100  # letters


@pytest.mark.parametrize("size", [(30, 60), (60, 30), (1, 500), (2000, 1000), (1, 1)])
def test_a_picture_is_fitted_whole_into_its_tile(size):
    picture = np.full((*size, 3), (10, 200, 30), np.uint8)
    sheet = tile_sheet([tile(0, picture)])[GAP + SWATCH : GAP + SWATCH + SIDE, GAP : GAP + SIDE]
    rows, columns = np.nonzero((sheet == (10, 200, 30)).all(2))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(height, width) == SIDE
    assert (height, width) == (max(1, round(SIDE * size[0] / max(size))), max(1, round(SIDE * size[1] / max(size))))
    assert abs((rows.min() + rows.max()) / 2 - SIDE / 2) <= 1
