"""The arithmetic that the kernels have of their own."""

import numpy as np
import pytest

from splatsmith.render.cpu.numerics import CACHE_LINE, aligned, exp2


def test_exp2_in_every_part_of_its_range():
    x = np.concatenate([np.linspace(-125, 127, 5001), np.linspace(-9, 0.01, 5001), [-125, -0.5, 0, 0.5, 127]])
    x = x.astype(np.float32)
    got = np.array([exp2(value) for value in x], np.float64)
    assert np.abs(got / np.exp2(x.astype(np.float64)) - 1).max() < 2e-7


@pytest.mark.parametrize("x", [-126, -1e3, -3e38, -np.inf])
def test_exp2_of_anything_less_is_next_to_nothing(x):
    assert 0 < exp2(np.float32(x)) < 2**-124


def test_exp2_of_0_is_1():
    """A pixel at the very centre of a splat has its opacity, not nearly."""
    assert exp2(np.float32(0)) == 1


def test_aligned_arrays_begin_at_a_cache_line():
    for size in (1, 100, 1000, 12345):
        array = aligned(size)
        assert array.shape == (size,)
        assert array.dtype == np.float32
        assert array.ctypes.data % (4 * CACHE_LINE) == 0
