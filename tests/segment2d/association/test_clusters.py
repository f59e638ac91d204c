"""Contraction of a signed graph: planted clusters come back, in any order, and nothing is left to join."""

import numpy as np
import pytest

from splatsmith.segment2d.association.clusters import contract


def planted(seed: int, sizes=(5, 9, 1, 14, 7), noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Weights of +1 within and -1 between clusters, with noise; and the clusters."""
    draw = np.random.default_rng(seed)
    truth = draw.permutation(np.repeat(np.arange(len(sizes)), sizes))
    weights = np.where(np.equal.outer(truth, truth), 1.0, -1.0)
    weights += noise * draw.normal(size=weights.shape)
    return ((weights + weights.T) / 2).astype(np.float32), truth


def same(clusters: np.ndarray) -> np.ndarray:
    return np.equal.outer(clusters, clusters)


@pytest.mark.parametrize("seed", range(5))
def test_planted_clusters_are_found_through_noise(seed):
    """A third of the single weights has the wrong sign or nearly; their sums do not."""
    weights, truth = planted(seed)
    np.testing.assert_array_equal(same(contract(weights)), same(truth))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_nodes_does_not_matter(seed):
    weights, _ = planted(seed, noise=3.0)
    order = np.random.default_rng(seed).permutation(len(weights))
    clusters = contract(weights)
    np.testing.assert_array_equal(same(contract(weights[np.ix_(order, order)])), same(clusters[order]))


@pytest.mark.parametrize("seed", range(5))
def test_no_two_clusters_are_left_that_attract_each_other(seed):
    weights, _ = planted(seed, noise=4.0)
    clusters = contract(weights)
    member = np.equal.outer(np.unique(clusters), clusters).astype(float)
    between = member @ weights.astype(float) @ member.T
    np.fill_diagonal(between, 0)
    assert between.max() <= 1e-4
    assert 1 < len(member) < len(weights)


def test_clusters_are_numbered_by_their_first_nodes():
    weights = np.array([[0, -1, 2, -1], [-1, 0, -1, -1], [2, -1, 0, -1], [-1, -1, -1, 0]], np.float32)
    before = weights.copy()
    assert contract(weights).tolist() == [1, 2, 1, 3]
    np.testing.assert_array_equal(weights, before)


def test_one_wrong_pair_is_outvoted():
    """Node 0 and node 3 look alike, but all their companions say that they are not."""
    weights = np.full((6, 6), -1.0, np.float32)
    weights[:3, :3] = weights[3:, 3:] = 1.0
    weights[0, 3] = weights[3, 0] = 0.9
    assert contract(weights).tolist() == [1, 1, 1, 2, 2, 2]


def test_without_evidence_nothing_is_joined():
    assert contract(np.zeros((3, 3), np.float32)).tolist() == [1, 2, 3]
    assert contract(np.zeros((1, 1), np.float32)).tolist() == [1]
    assert contract(np.zeros((0, 0), np.float32)).tolist() == []
