"""Colours of numbers: always the same, and far from each other."""

import numpy as np
import pytest

from splatsmith.scenes.palette import COUNT, REST, colour, colours, oklab

IDS = np.arange(1, COUNT + 1)


def nearest(count: int) -> float:
    """Least distance in Oklab among the colours of the first numbers."""
    lab = oklab(colours(IDS[:count]))
    apart = np.linalg.norm(lab[:, None] - lab, axis=2)
    return apart[~np.eye(count, dtype=bool)].min()


@pytest.mark.parametrize(("count", "least"), [(8, 0.25), (24, 0.13), (100, 0.06), (300, 0.04)])
def test_colours_are_far_from_each_other(count, least):
    """0.02 can be told apart side by side; black and white are 1 apart."""
    assert nearest(count) > least


def test_no_two_numbers_share_a_colour_until_they_come_again():
    assert len(np.unique(colours(IDS), axis=0)) == COUNT
    np.testing.assert_array_equal(colours(IDS + COUNT), colours(IDS))
    assert colour(65535) == colour((65535 - 1) % COUNT + 1)


def test_a_number_has_its_colour_whatever_else_is_there():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 65536, (5, 7)).astype(np.uint16)
    picture = colours(labels)
    assert (picture.dtype, picture.shape) == (np.uint8, (5, 7, 3))
    for id, pixel in zip(labels.ravel().tolist(), picture.reshape(-1, 3).tolist(), strict=True):
        assert tuple(pixel) == colour(id)


def test_the_first_colours_are_these():
    """Pictures of one version are compared with those of the next."""
    assert [colour(id) for id in range(5)] == [REST, (0, 0, 255), (255, 0, 255), (0, 240, 0), (120, 0, 135)]


def test_every_colour_is_vivid_and_seen_on_black_and_on_white():
    lab = oklab(colours(IDS))
    assert np.hypot(lab[:, 1], lab[:, 2]).min() > 0.08
    assert 0.35 < lab[:, 0].min() < lab[:, 0].max() < 0.95


def test_oklab_is_as_published():
    """Grey has no chroma, white has lightness 1; blue is oklab(0.452 -0.032 -0.312), as style sheets call it."""
    np.testing.assert_allclose(oklab(np.array([255, 255, 255])), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(oklab(np.array([[0, 0, 0], [90, 90, 90]]))[:, 1:], 0, atol=1e-6)
    np.testing.assert_allclose(oklab(np.array([0, 0, 255])), [0.4520, -0.0325, -0.3115], atol=5e-4)
