"""Pulls: what is not seen feels nothing, a steady pull is a firm direction, and only what is old keeps a direction."""

import pytest
import torch

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows
from splatsmith.segment3d.pulls import Pulls

CPU = torch.device("cpu")
SEEN = torch.tensor([[3, 2], [5, 5], [0, 0]], dtype=torch.int32)
V_CODES = torch.tensor([[3.0, 4.0], [0.0, 0.0], [9.0, 9.0]])
V_MEANS = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0], [7.0, 7.0, 7.0]])


def after(looks: int) -> Pulls:
    pulls = Pulls.none(3, CPU)
    for _ in range(looks):
        pulls = pulls.felt(V_CODES, V_MEANS, SEEN, pixels=10)
    return pulls


@pytest.mark.parametrize("looks", [0, 1, 7])
def test_the_mean_pull_is_that_of_the_views_that_see_a_gaussian(looks):
    torch.testing.assert_close(after(looks).mean, torch.tensor([50.0, 0.0, 0.0]) * bool(looks))


def test_a_steady_pull_is_a_firm_direction_down_the_gradient():
    directions = after(200).directions
    torch.testing.assert_close(directions, torch.tensor([[0.0, -1, 0], [-1, 0, 0], [0, 0, 0]]), atol=1e-3, rtol=0)


def test_pulls_that_contradict_each_other_have_no_firm_direction():
    pulls = Pulls.none(3, CPU)
    for look in range(200):
        pulls = pulls.felt(V_CODES, (-1) ** look * V_MEANS, SEEN, pixels=10)
    assert pulls.directions.norm(dim=1).max() < 0.05
    assert pulls.mean[0] == 50


def test_directions_are_felt_only_if_they_are_wanted():
    pulls = Pulls.none(3, CPU).felt(V_CODES, None, SEEN, pixels=10)
    assert not pulls.directions.any()
    assert pulls.mean[0] == 50


def test_after_a_change_of_rows_the_old_keep_their_direction_and_all_are_pulled_anew():
    origin, fresh = torch.tensor([1, 0, 0]), torch.tensor([False, False, True])
    whatever = Gaussians(*(torch.zeros(3, *size) for size in ((3,), (4,), (3,), (), (1, 3))))
    moved = after(5).moved(Rows(whatever, origin, fresh))
    assert torch.equal(moved.directions[:2], after(5).directions[origin[:2]])
    assert not moved.directions[2].any()
    assert not moved.pull.any()
    assert not moved.looks.any()
