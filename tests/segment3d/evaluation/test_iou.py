"""IoU and boundary IoU: symmetric, 1 for equal masks, and what the slow and obvious definitions say."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from splatsmith.segment3d.evaluation.iou import boundary, boundary_iou, boundary_pixels, iou, resized

SHAPE = (60, 80)  # diagonal 100: a boundary of 2 pixels


def random_mask(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Blobs, some of which touch the border."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, bool)
    for _ in range(rng.integers(1, 6)):
        y, x, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(1, 20)
        mask |= (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    return mask


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def slow_boundary(mask: np.ndarray, times: int) -> np.ndarray:
    """The mask without what is left of it after eroding it by 3 x 3 so many times, pixel by pixel."""
    inner = np.pad(mask, 1)
    for _ in range(times):
        before = inner.copy()
        for y, x in np.ndindex(mask.shape):
            inner[y + 1, x + 1] = before[y : y + 3, x : x + 3].all()
    return mask & ~inner[1:-1, 1:-1]


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_both_measures_are_symmetric_within_0_and_1_and_1_for_equal_masks(one, other):
    a, b = random_mask(one), random_mask(other)
    for measure in (iou, boundary_iou):
        assert measure(a, a) == 1
        assert measure(a, b) == measure(b, a)
        assert 0 <= measure(a, b) <= 1
        assert (measure(a, b) == 1) == (a == b).all()


def test_iou_counts_pixels():
    assert iou(square(0, 0, 10), square(0, 5, 10)) == 50 / 150
    assert iou(square(0, 0, 10), square(20, 20, 10)) == 0
    assert iou(square(0, 0, 10), np.zeros(SHAPE, bool)) == 0


def test_two_empty_masks_have_no_iou():
    nothing = np.zeros(SHAPE, bool)
    assert math.isnan(iou(nothing, nothing))
    assert math.isnan(boundary_iou(nothing, nothing))


@pytest.mark.parametrize(
    ("shape", "pixels"), [((728, 986), 25), ((60, 80), 2), ((192, 256), 6), ((360, 480), 12), ((3, 4), 1)]
)
def test_the_boundary_is_a_fiftieth_of_the_diagonal_wide(shape, pixels):
    assert boundary_pixels(shape) == pixels


@pytest.mark.parametrize("seed", range(8))
def test_a_boundary_is_the_mask_without_its_repeated_erosion(seed):
    mask = random_mask(seed)
    np.testing.assert_array_equal(boundary(mask), slow_boundary(mask, 2))


@pytest.mark.parametrize("shift", [0, 1, 2, 3, 7])
def test_boundary_iou_of_a_shifted_square(shift):
    a, b = square(20, 20, 20), square(20, 20 + shift, 20)
    slow_a, slow_b = slow_boundary(a, 2), slow_boundary(b, 2)
    assert boundary_iou(a, b) == (slow_a & slow_b).sum() / (slow_a | slow_b).sum()


def test_the_picture_s_border_bounds_a_mask():
    everything = np.ones(SHAPE, bool)
    assert boundary(everything).sum() == 60 * 80 - 56 * 76


@given(st.tuples(*[st.integers(1, 30)] * 4))
def test_resizing_takes_the_nearest_centre_as_pillow_does(sides):
    old, new = sides[:2], sides[2:]
    assume(not any((2 * i + 1) * a % (2 * b) == 0 for a, b in zip(old, new, strict=True) for i in range(b)))  # ties
    labels = np.random.default_rng(0).integers(0, 200, old, dtype=np.uint8)
    expected = np.asarray(Image.fromarray(labels).resize(new[::-1], Image.Resampling.NEAREST))
    np.testing.assert_array_equal(resized(labels, new), expected)
