"""Signatures: each mask's Gaussians as an oracle weighs them, whatever the numbers of the masks."""

import numpy as np
import pytest
import torch

from splatsmith.segment2d.association.signatures import LEAST_MASS, by_place, signatures


def weights_of(toy, view) -> np.ndarray:
    """(H, W, N) the weight of every Gaussian in every pixel, each drawn on its own."""
    one = torch.ones(1)
    rows = [(torch.tensor([i]), one) for i in range(len(toy.projector.gaussians))]
    return toy.projector.draw(view, rows).image.double().numpy()


@pytest.mark.parametrize("rest", ["background", "unknown"])
def test_masses_are_those_of_an_oracle(toy, rest):
    view = toy.views[0]
    labels, weights = toy.truth[view.name], weights_of(toy, view)
    found = signatures(toy.projector, [(view, labels)], rest)
    expected = np.array([weights[labels == number].sum(axis=0) for number in found.label_of])
    unmasked = weights[labels == 0].sum(axis=0)
    total = expected.sum(axis=0) + (unmasked if rest == "background" else 0)
    sure = np.abs(expected - LEAST_MASS) > 0.01
    np.testing.assert_allclose(
        found.mass.toarray()[sure], np.where(expected > LEAST_MASS, expected, 0)[sure], atol=1e-3
    )
    np.testing.assert_allclose(found.unmasked.toarray()[0], np.where(unmasked > LEAST_MASS, unmasked, 0), atol=1e-3)
    clear = (total > 2 * LEAST_MASS) & (np.abs(expected - total / 2) > LEAST_MASS).all(axis=0)  # whatever was left out
    assert clear.sum() > 100
    owner = np.where(expected > total / 2, np.sqrt(total), 0)
    np.testing.assert_allclose(found.owned.toarray()[:, clear], owner[:, clear], atol=0.4)
    assert ((found.owned.toarray() > 0).sum(axis=0) <= 1).all()


def test_more_masks_than_channels_at_once(toy):
    """A mask's mass is the same beside many others as alone."""
    view = toy.views[0]
    stripes = np.arange(48 * 64).reshape(48, 64) // 40 + 1
    found = signatures(toy.projector, [(view, stripes)], "unknown")
    assert len(found.label_of) == 77
    for k in (0, 31, 32, 40, 76):
        alone = signatures(toy.projector, [(view, stripes == k + 1)], "unknown")
        np.testing.assert_allclose(found.mass[[k]].toarray(), alone.mass.toarray(), atol=1e-4)


def test_numbers_of_masks_do_not_matter(toy):
    labelled = [(view, toy.truth[view.name]) for view in toy.views]
    again = [(view, toy.renumbered(toy.truth, 3)[view.name]) for view in toy.views]
    first, second = (signatures(toy.projector, pairs, "background") for pairs in (labelled, again))
    for name in ("mass", "owned", "seen", "unmasked"):
        assert (getattr(first, name) != getattr(second, name)).nnz == 0
    np.testing.assert_array_equal(first.view_of, second.view_of)


def test_a_view_without_masks_and_one_without_rest(toy):
    view = toy.views[0]
    nothing, all_one = np.zeros((48, 64), int), np.full((48, 64), 7)
    found = signatures(toy.projector, [(view, nothing), (view, all_one)], "unknown")
    assert found.view_of.tolist() == [1]
    assert found.label_of.tolist() == [7]
    assert found.seen[[0]].nnz == found.unmasked[[1]].nnz == 0
    np.testing.assert_allclose(found.unmasked[[0]].toarray(), found.mass.toarray(), atol=1e-4)
    np.testing.assert_allclose(found.masked[[1]].toarray(), found.mass.toarray())


def test_dense_scenes_keep_small_masses(toy):
    """Where Gaussians are smaller than the least mass, they still count."""
    view = toy.ring(1, width=16, height=12)[0]
    found = signatures(toy.projector, [(view, np.ones((12, 16), int))], "unknown")
    assert 0 < found.mass.data.min() < LEAST_MASS
    assert found.owned.nnz > 50


def test_masks_are_ordered_by_their_first_pixels():
    labels = np.array([[0, 9, 9], [4, 0, 2], [4, 4, 2]])
    numbers, places = by_place(labels)
    assert numbers.tolist() == [9, 4, 2]
    assert places.tolist() == [[0, 1, 1], [2, 0, 3], [2, 2, 3]]
    numbers, places = by_place(np.array([[5, 5], [3, 3]]))
    assert numbers.tolist() == [5, 3]
    assert places.tolist() == [[1, 1], [2, 2]]
    assert by_place(np.zeros((2, 2), int))[0].tolist() == []
