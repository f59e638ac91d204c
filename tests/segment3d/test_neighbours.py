"""Neighbours: the nearest are nearest, literal look-ahead is eq. 4, local look-ahead stays ahead and near."""

import pytest
import torch

from splatsmith.segment3d import neighbours

RANDOM = torch.Generator().manual_seed(3)
MEANS = torch.randn(200, 3, generator=RANDOM)
UNIT = torch.nn.functional.normalize(torch.randn(200, 3, generator=RANDOM), dim=1)
EVERY = torch.arange(200)


def test_the_nearest_are_those_of_a_full_search():
    distances = torch.cdist(MEANS, MEANS).fill_diagonal_(torch.inf)
    assert (neighbours.nearest(MEANS, 7) == distances.topk(7, largest=False).indices).all()


def test_coinciding_centres_are_each_other_s_neighbours_and_never_their_own():
    found = neighbours.nearest(torch.zeros(5, 3), 4)
    assert [sorted(row) for row in found.tolist()] == [[j for j in range(5) if j != i] for i in range(5)]


@pytest.mark.parametrize("n", [2, 5])
def test_where_there_are_few_all_others_are_neighbours(n):
    assert neighbours.nearest(MEANS[:n], 32).shape == (n, n - 1)


def test_the_nearest_of_some_rows_are_those_of_all():
    rows, all_of_them = torch.tensor([7, 3, 199, 7]), neighbours.nearest(MEANS, 7)
    assert (neighbours.nearest_to(MEANS, rows, 7) == all_of_them[rows]).all()
    assert (neighbours._by_search(MEANS, rows, 7) == all_of_them[rows]).all()  # what a GPU does


def test_literal_takes_the_smallest_positive_distances_ahead():
    found = neighbours.literal(MEANS, EVERY, UNIT, 3)
    for t in range(0, 200, 17):
        ahead = (MEANS - MEANS[t]) @ UNIT[t]
        ahead[ahead <= 0] = torch.inf
        ahead[t] = torch.inf
        if (ahead < torch.inf).sum() >= 3:
            torch.testing.assert_close(((MEANS - MEANS[t]) @ UNIT[t])[found[t]], ahead.sort().values[:3])


def test_a_firm_direction_is_followed_among_the_candidates():
    near = neighbours.nearest(MEANS, 32)
    found = neighbours.look_ahead(MEANS, near, EVERY, UNIT, 4)
    ahead = ((MEANS[found] - MEANS[:, None]) * UNIT[:, None]).sum(dim=2)
    enough = (((MEANS[near] - MEANS[:, None]) * UNIT[:, None]).sum(dim=2) > 0).sum(dim=1) >= 4
    assert enough.sum() > 150
    assert (ahead[enough] > 0).all()
    assert all(set(row) <= set(candidates) for row, candidates in zip(found.tolist(), near.tolist(), strict=True))


@pytest.mark.parametrize("length", [0.0, 0.2])
def test_without_a_firm_direction_they_are_the_nearest(length):
    near = neighbours.nearest(MEANS, 32)
    assert (neighbours.look_ahead(MEANS, near, EVERY, length * UNIT, 4) == near[:, :4]).all()


def test_turning_the_world_changes_no_neighbour():
    R = torch.linalg.qr(torch.randn(3, 3, generator=RANDOM)).Q
    near = neighbours.nearest(MEANS, 32)
    turned = neighbours.look_ahead(MEANS @ R.T, near, EVERY, UNIT @ R.T, 4)
    assert (turned == neighbours.look_ahead(MEANS, near, EVERY, UNIT, 4)).float().mean() > 0.999
