"""Soft maps: those that are hard say what label maps say; votes are counted in shares; wrong ones are refused."""

import numpy as np
import pytest
import torch

from splatsmith.scenes.cameras import Camera, View
from splatsmith.segment3d.galp.soft_targets import SoftTarget, resized, soft_targets_of
from splatsmith.segment3d.targets import UNKNOWN, Target
from splatsmith.segment3d.votes import vote_mass

pytestmark = pytest.mark.usefixtures("one_thread")


def softened(target: Target, classes: int = 3) -> SoftTarget:
    """What a label map says, as shares."""
    return SoftTarget.of(target.camera, target.one_hot(torch.arange(classes)))


def test_a_hard_soft_map_says_what_its_label_map_says(pair):
    for target in pair.targets:
        soft = softened(target)
        assert torch.equal(soft.classes, target.classes)
        assert torch.equal(soft.present, target.present)
        assert torch.equal(soft.one_hot(soft.present), target.one_hot(target.present))


def test_unknown_pixels_stay_unknown(pair):
    camera, classes = pair.targets[0].camera, pair.targets[0].classes.clone()
    classes[:9] = UNKNOWN
    assert torch.equal(softened(Target(camera, classes)).classes, classes)


def test_votes_are_linear_in_shares(pair):
    camera = pair.targets[0].camera
    shares = torch.rand(40, 40, 3, generator=torch.Generator().manual_seed(0)) / 3
    whole, half = (vote_mass(pair.still, [SoftTarget.of(camera, part * shares)], 3) for part in (1, 0.5))
    torch.testing.assert_close(half, whole / 2)


def test_what_is_the_same_everywhere_is_so_at_any_size():
    shares = torch.tensor([0.2, 0.5, 0.1]).expand(3, 5, 3)
    torch.testing.assert_close(resized(shares, 40, 31), shares[:1, :1].expand(40, 31, 3))


def test_coarse_maps_keep_their_sums_and_their_sides(pair):
    shares = torch.zeros(2, 2, 3)
    shares[:, 0, 1] = shares[:, 1, 2] = 1
    soft = SoftTarget.of(pair.targets[0].camera, shares)
    full = soft.one_hot(torch.arange(3))
    torch.testing.assert_close(full.sum(dim=-1), torch.ones(40, 40))
    assert soft.classes[:, :20].unique().tolist() == [1]
    assert soft.classes[:, 20:].unique().tolist() == [2]


@pytest.mark.parametrize("shares", [torch.zeros(4, 4), torch.full((4, 4, 3), 0.5), torch.full((4, 4, 3), -0.1)])
def test_what_are_no_shares_is_refused(pair, shares):
    with pytest.raises(ValueError, match="expected shares"):
        SoftTarget.of(pair.targets[0].camera, shares)


def test_views_without_a_map_are_left_out_and_half_precision_is_kept():
    views = [View(name, None, Camera(8, 6, 5.0, 5.0, 4.0, 3.0), np.eye(4)) for name in "abc"]
    maps = {name: np.full((2, 2, 3), share, np.float16) for name, share in {"c": 0.25, "a": 0.125}.items()}
    found = soft_targets_of(views, maps, torch.device("cpu"))
    assert [float(target.shares[0, 0, 0]) for target in found] == [0.125, 0.25]
    assert {target.shares.dtype for target in found} == {torch.float16}
