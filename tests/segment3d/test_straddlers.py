"""Straddlers: a Gaussian across a boundary is found, its normal and share are right, and wrong masks make none."""

import math

import pytest
import torch

from splatsmith.gaussians.ops import concat
from splatsmith.segment3d.igd import cut_along_boundaries
from splatsmith.segment3d.straddlers import gather, straddling
from splatsmith.segment3d.targets import Still, Target
from splatsmith.segment3d.votes import vote_mass


def halves(height: float, camera) -> Target:
    """Class 1 above a plane z = height through the origin's pixel column, class 2 below, as a level camera sees it."""
    rows = torch.arange(camera.height)[:, None].expand(camera.height, camera.width) + 0.5
    edge = camera.height / 2 - height * camera.K[1, 1] / 4
    return Target(camera, torch.where(rows < edge, 1, 2))


@pytest.mark.parametrize("height", [0.0, 0.1, -0.15])
def test_the_boundary_s_normal_and_place_are_found(height, round_blobs, cameras):
    """One large blob at the origin, cut by a level plane, with a small one on either side."""
    gaussians = concat(
        [round_blobs(torch.zeros(1, 3), 0.3), round_blobs(torch.tensor([[0, 0, 1.0], [0, 0, -1.0]]), 0.08)]
    )
    still = Still.of(gaussians, backend="cpu")
    evidence = gather(still, [halves(height, camera) for camera in cameras], 3)
    assert straddling(still, evidence).tolist() == [True, False, False]
    towards = 1.0 if evidence.first[0] == 1 else -1.0
    normal = torch.nn.functional.normalize(evidence.apart[0], dim=0)
    assert math.degrees(math.acos(min(1.0, float(normal[2] * towards)))) < 5
    above = float(1 - evidence.minority[0]) if towards > 0 else float(evidence.minority[0])
    expected = 0.5 * (1 + math.erf(-height / 0.3 / math.sqrt(2)))
    assert above == pytest.approx(expected, abs=0.06)


def test_after_the_cut_the_votes_are_hardly_mixed(round_blobs, cameras):
    still = Still.of(gaussians := round_blobs(torch.zeros(1, 3), 0.3), backend="cpu")
    targets = [halves(0.0, camera) for camera in cameras]
    before = vote_mass(still, targets, 3)
    cut = cut_along_boundaries(gaussians, still, targets, 3, most=1)
    after = vote_mass(still.moved_to(cut.rows.gaussians), targets, 3)
    wrong = [mass.topk(2, dim=1).values[:, 1].sum() / mass.sum() for mass in (before, after)]
    assert wrong[0] > 0.45
    assert wrong[1] < 0.15
    assert (after[:, 1:].argmax(dim=1)).tolist() in ([0, 1], [1, 0])


def test_masks_that_take_turns_make_no_straddler(round_blobs, cameras):
    """Half of the views name the whole blob 1, the other half 2: the masks are wrong, the Gaussian is whole."""
    gaussians = round_blobs(torch.zeros(1, 3), 0.3)
    still = Still.of(gaussians, backend="cpu")
    targets = [Target(c, torch.full((c.height, c.width), 1 + i % 2)) for i, c in enumerate(cameras)]
    assert not straddling(still, gather(still, targets, 3)).any()


def test_no_more_are_cut_than_wanted(pair):
    cut = cut_along_boundaries(pair.gaussians, pair.still, pair.targets, 3, most=3)
    assert int(cut.chosen.sum()) <= 3
    assert not cut_along_boundaries(pair.gaussians, pair.still, pair.targets, 3, most=0).chosen.any()
