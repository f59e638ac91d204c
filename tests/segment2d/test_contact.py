"""Contact sheets: every view is there in its place, masks are seen in their colours, what to look at is red."""

import numpy as np
import pytest

from splatsmith.base.lettering import ALARM
from splatsmith.scenes.palette import colour
from splatsmith.segment2d.contact import COLUMNS, WIDTH, Tile, contact_sheet, overlay

LABELS = np.zeros((30, 40), np.int64)
LABELS[8:20, 5:15], LABELS[8:20, 20:35] = 1, 2
PHOTO = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def pixels_of(sheet: np.ndarray, rgb: tuple[int, int, int]) -> np.ndarray:
    """(P, 2) rows and columns with exactly this colour."""
    return np.argwhere((sheet == np.array(rgb, np.uint8)).all(axis=2))


def test_outlines_have_the_object_s_full_colour_and_the_inside_shows_the_photo():
    picture = overlay(PHOTO, LABELS)
    for label in (1, 2):
        inside = np.zeros_like(LABELS, dtype=bool)
        rows, columns = np.nonzero(label == LABELS)
        inside[rows.min() + 1 : rows.max(), columns.min() + 1 : columns.max()] = True
        edge = (label == LABELS) & ~inside
        assert (picture[edge] == colour(label)).all()
        mean = (PHOTO[inside].astype(float) + colour(label)) / 2
        assert np.abs(picture[inside] - mean).max() <= 1


def test_the_rest_is_darker_than_its_photo():
    white = np.full((30, 40, 3), 255, np.uint8)
    assert (overlay(white, LABELS)[LABELS == 0] < 200).all()


def test_every_view_is_there_once_in_reading_order():
    shades = [np.full((30, 40, 3), 20 * i, np.uint8) for i in range(COLUMNS + 3)]
    everywhere = np.ones((30, 40), np.int64)
    sheet = contact_sheet((Tile(f"v{i}", shade, everywhere) for i, shade in enumerate(shades)), ["mug"])
    places = []
    for shade in shades:
        middle = tuple(((shade[0, 0].astype(float) + colour(1)) / 2 + 0.5).astype(np.uint8).tolist())
        found = pixels_of(sheet, middle)
        assert len(found) == 30 * 40  # without a border between labels there is no outline
        places.append(tuple(found.min(axis=0)))
    assert places == sorted(places)


@pytest.mark.parametrize("flags", [(), ("mug: hidden",), ("a" * 300, "can: hidden")])
def test_only_what_is_flagged_is_red(flags):
    sheet = contact_sheet([Tile("v0", PHOTO, LABELS, flags), Tile("v1", PHOTO, LABELS)], ["mug", "can"])
    red = pixels_of(sheet, ALARM)
    assert (len(red) > 0) == bool(flags)
    assert (red[:, 1] < WIDTH + 10).all()


def test_the_legend_names_each_colour():
    names = [f"object number {i}" for i in range(30)]
    sheet = contact_sheet([Tile("v0", PHOTO, np.zeros_like(LABELS))], names)
    for i in range(1, 31):
        assert len(pixels_of(sheet, colour(i))) > 100


def test_large_photos_are_reduced_and_small_ones_left():
    large = contact_sheet([Tile("v0", np.zeros((600, 1000, 3), np.uint8), np.zeros((600, 1000), np.int64))], [])
    small = contact_sheet([Tile("v0", np.zeros((12, 20, 3), np.uint8), np.zeros((12, 20), np.int64))], [])
    assert large.shape[1] == small.shape[1] < WIDTH + 30
    assert large.shape[0] > small.shape[0]


def test_of_nothing_there_is_an_empty_sheet():
    assert contact_sheet([], []).shape[2] == 3
