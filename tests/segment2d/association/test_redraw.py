"""Redrawing a view: outlines stay, joined masks part, gaps fill, and nonsense goes."""

import numpy as np
import pytest
from scipy import sparse

from splatsmith.segment2d.association.redraw import redraw
from splatsmith.segment2d.association.signatures import signatures
from splatsmith.segment2d.association.votes import shares, votes

FLAT = np.zeros(5, int)
"""Four clusters, none of them a part."""


@pytest.fixture(scope="module")
def voted(toy) -> sparse.csr_array:
    """The shares that true masks give to the four things."""
    masks = signatures(toy.projector, [(view, toy.truth[view.name]) for view in toy.views], "background")
    return shares(votes(masks, masks.label_of, 4, "background"))


def test_true_masks_stay_as_they_are(toy, voted):
    for view in toy.views:
        truth = toy.truth[view.name]
        map = redraw(toy.projector, view, truth, voted, FLAT)
        np.testing.assert_array_equal(map.labels[truth > 0], truth[truth > 0])
        assert (map.labels[truth == 0] > 0).mean() < 0.01
        assert (map.divided, map.dropped) == (0, 0)
        assert all(0.5 < map.scores[c] <= 1 for c in np.unique(truth[truth > 0]).tolist())


def test_the_numbers_of_the_masks_do_not_matter(toy, voted):
    again = toy.renumbered(toy.truth, 5)
    for view in toy.views[:3]:
        first, second = (redraw(toy.projector, view, maps[view.name], voted, FLAT) for maps in (toy.truth, again))
        np.testing.assert_array_equal(first.labels, second.labels)
        assert first.scores == second.scores


def test_a_joined_mask_is_divided(toy, voted):
    truth = toy.truth["v0"]
    map = redraw(toy.projector, toy.views[0], np.where(truth == 3, 2, truth), voted, FLAT)
    assert map.divided == 1
    assert (map.labels == truth)[truth > 0].mean() > 0.97


def test_a_cut_mask_is_whole_again(toy, voted):
    truth = toy.truth["v0"].astype(int)
    cut = np.where((truth == 2) & (np.arange(64) > 40), 7, truth)
    map = redraw(toy.projector, toy.views[0], cut, voted, FLAT)
    np.testing.assert_array_equal(map.labels[truth > 0], truth[truth > 0])


def test_pixels_without_a_mask_are_filled_where_the_votes_are_sure(toy, voted):
    truth = toy.truth["v0"]
    map = redraw(toy.projector, toy.views[0], np.where(truth == 2, 0, truth), voted, FLAT)
    filled = map.labels[truth == 2]
    assert set(filled.tolist()) == {0, 2}
    assert (filled == 2).mean() > 0.7
    assert (map.labels[truth == 0] > 0).mean() < 0.01


def test_a_view_without_masks_is_drawn_from_the_votes(toy, voted):
    truth = toy.truth["v0"]
    map = redraw(toy.projector, toy.views[0], np.zeros_like(truth), voted, FLAT)
    assert (map.labels == truth).mean() > 0.97


def test_a_mask_that_agrees_with_nothing_is_dropped(toy, voted):
    """A mask of the empty corner."""
    labels = toy.truth["v0"].astype(int)
    labels[:6, :20] = 9
    map = redraw(toy.projector, toy.views[0], labels, voted, FLAT)
    assert map.dropped == 1
    assert (map.labels[:6, :20] == 0).all()


def test_a_small_thing_is_not_lost_in_a_large_mask(toy, voted):
    """One mask over all of v2, where thing 4 has a sixteenth of the pixels; and a mask of a single pixel."""
    truth = toy.truth["v2"].astype(int)
    assert 16 * (truth == 4).sum() < (truth > 0).sum()
    labels = (truth > 0).astype(int)
    labels[-1, -1] = 2
    map = redraw(toy.projector, toy.views[2], labels, voted, FLAT)
    assert (map.divided, map.dropped) == (1, 1)
    assert (map.labels[truth == 4] == 4).mean() > 0.9
    assert (map.labels == truth)[truth > 0].mean() > 0.95


def test_a_mask_of_a_whole_shows_its_parts(toy, voted):
    """Things 2 and 3 are parts of thing 1."""
    truth = toy.truth["v0"]
    whole = np.where((truth > 0) & (truth < 4), 1, truth)
    map = redraw(toy.projector, toy.views[0], whole, voted, np.array([0, 0, 1, 1, 0]))
    assert (map.labels == truth)[truth > 0].mean() > 0.97
    assert (map.divided, map.dropped) == (0, 0)


def test_without_any_votes_nothing_is_drawn(toy):
    nothing = sparse.csr_array((1, len(toy.thing_of)), dtype=np.float32)
    map = redraw(toy.projector, toy.views[0], toy.truth["v0"], nothing, np.zeros(1, int))
    assert not map.labels.any()
    assert map.dropped == 4
