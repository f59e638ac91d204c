"""Recolouring: the mean is the wanted colour, what differs from it stays; and the colour space behind it."""

import cv2
import numpy as np
import pytest
import torch

from splatsmith.edit.lab import lab_to_rgb, rgb_to_lab
from splatsmith.edit.recolour import recoloured
from splatsmith.edit.weights import prominence, weighted_mean
from splatsmith.gaussians.sh import dc_to_rgb

PURPLE = torch.tensor([128, 0, 128]) / 255


def lab_of(gaussians) -> torch.Tensor:
    return rgb_to_lab(dc_to_rgb(gaussians.sh[:, 0].double()))


@pytest.mark.parametrize("rgb", [PURPLE, torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 0.0])])
def test_the_mean_is_the_wanted_colour(labelled, rgb):
    after = recoloured(labelled(), rgb)
    torch.testing.assert_close(weighted_mean(after, lab_of(after)), rgb_to_lab(rgb), atol=1e-3, rtol=0)


def test_shading_and_pattern_stay(labelled):
    """What each Gaussian differs from the mean by, in lightness and in hue."""
    before = labelled()
    after = recoloured(before, PURPLE)
    was, now = ((lab - weighted_mean(one, lab)) for one, lab in ((before, lab_of(before)), (after, lab_of(after))))
    torch.testing.assert_close(now, was, atol=1e-3, rtol=0)
    assert was[:, 0].std() > 5


def test_only_the_constant_colour_changes(labelled):
    before = labelled()
    after = recoloured(before, PURPLE)
    assert torch.equal(after.sh[:, 1:], before.sh[:, 1:])
    assert all(
        torch.equal(after.columns[name], column)
        for name, column in before.columns.items()
        if name not in ("sh", "label")
    )
    assert not torch.isclose(after.sh[:, 0], before.sh[:, 0]).all(dim=1).any()


def test_its_own_mean_changes_nothing(labelled):
    before = labelled()
    mean = lab_to_rgb(weighted_mean(before, lab_of(before)))
    torch.testing.assert_close(recoloured(before, mean).sh, before.sh, atol=1e-5, rtol=0)


def test_what_covers_nothing_does_not_count(labelled):
    """A bright speck inside of a dark object must not make the object darker than wanted."""
    before = labelled()
    before.log_scales[0] = -12.0
    before.sh[0, 0] = 30.0
    assert prominence(before)[0] < 1e-6 * prominence(before).sum()
    without = before.map(lambda column: column[1:])
    torch.testing.assert_close(recoloured(before, PURPLE).sh[1:], recoloured(without, PURPLE).sh, atol=1e-5, rtol=0)


def test_lab_is_opencv_s():
    rgb = np.random.default_rng(0).random((1, 500, 3))
    ours = rgb_to_lab(torch.from_numpy(rgb)).numpy()
    theirs = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2Lab)  # interpolated in a table
    assert np.abs(ours - theirs).mean() < 0.1
    assert np.abs(ours - theirs).max() < 1


@pytest.mark.parametrize(("rgb", "lab"), [((1, 0, 0), (53.24, 80.09, 67.20)), ((0, 0, 1), (32.30, 79.19, -107.86))])
def test_lab_of_primaries_is_as_published(rgb, lab):
    np.testing.assert_allclose(rgb_to_lab(torch.tensor(rgb)).numpy(), lab, atol=0.03)


def test_lab_of_greys_has_no_hue_and_white_is_100():
    grey = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None].expand(11, 3)
    lab = rgb_to_lab(grey)
    assert lab[:, 1:].abs().max() < 1e-9
    torch.testing.assert_close(lab[[0, -1], 0], torch.tensor([0.0, 100.0], dtype=torch.float64))
    assert (lab[:, 0].diff() > 0).all()


def test_lab_has_an_inverse_for_all_colours_and_beyond():
    rgb = 6 * torch.rand(2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 3
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-9, rtol=0)
    lab = (rgb + torch.tensor([2.0, 0, 0])) * 50
    torch.testing.assert_close(rgb_to_lab(lab_to_rgb(lab)), lab, atol=1e-7, rtol=0)
