"""Overlaps of masks: sets of Gaussians compared where both views see, and evidence only where there is some."""

import numpy as np
import pytest

from splatsmith.segment2d.association.overlaps import APART, KNOWN, Overlaps, affinities, overlaps
from splatsmith.segment2d.association.signatures import signatures


@pytest.fixture(scope="module")
def pairs(toy) -> tuple[Overlaps, np.ndarray]:
    """All pairs of true masks, and the thing that each mask shows."""
    masks = signatures(toy.projector, [(view, toy.truth[view.name]) for view in toy.views], "unknown")
    return overlaps(masks), masks.label_of


def unsaid(pairs: Overlaps) -> np.ndarray:
    return np.zeros(len(pairs.view_of), int)


def test_intersections_are_sums_over_the_gaussians_of_both(toy, pairs):
    masks = signatures(toy.projector, [(view, toy.truth[view.name]) for view in toy.views], "unknown")
    owned, seen = masks.owned.toarray().astype(float), masks.seen.toarray().astype(float)
    m, n = 2, 17
    both = (owned[m] > 0) & (owned[n] > 0)
    visible_m = (owned[m] > 0) & (seen[masks.view_of[n]] > 0)
    found = pairs[0]
    root = seen[masks.view_of[m]] * seen[masks.view_of[n]]
    assert found.shared[m, n] == pytest.approx(root[both].sum(), rel=1e-5)
    assert found.reach[m, masks.view_of[n]] == pytest.approx(root[visible_m].sum(), rel=1e-5)
    assert found.size[m] == pytest.approx((owned[m] ** 2).sum(), rel=1e-5)


def test_one_thing_attracts_and_two_repel(pairs):
    found, thing = pairs
    odds = affinities(found, unsaid(found), 0.5)
    np.testing.assert_array_equal(odds, odds.T)
    other_view = ~np.equal.outer(found.view_of, found.view_of)
    same = np.equal.outer(thing, thing)
    assert (odds[same & other_view] >= 0).all()
    assert (odds[same & other_view] > 2).mean() > 0.5
    assert (odds[~same & other_view] <= 0).all()
    assert (odds[~other_view] == APART).all()


def test_a_mask_given_twice_has_the_surest_overlap(toy):
    view, labels = toy.views[0], toy.truth["v0"]
    found = overlaps(signatures(toy.projector, [(view, labels), (view, labels)], "unknown"))
    count = len(found.view_of) // 2
    np.testing.assert_allclose(np.diag(found.shared[:count, count:]), np.diag(found.union[:count, count:]), rtol=1e-5)


@pytest.mark.parametrize(
    ("seen", "size", "counts"), [(0, 1000, False), (40, 1000, False), (60, 1000, True), (12, 20, True), (8, 20, False)]
)
def test_what_two_views_do_not_both_see_is_no_evidence(seen, size, counts):
    """Two equal masks of `size` pixels: `seen` of these must be 50 or half of them, or they say nothing."""
    reach = np.array([[size, seen], [seen, size]], np.float32)
    found = Overlaps(np.array([0, 1]), np.full((2, 2), seen, np.float32), reach)
    assert (affinities(found, np.zeros(2, int), 0.5)[0, 1] != 0) == counts


def test_the_least_iou_is_where_evidence_changes_sides():
    """Two masks of 1000 pixels that share two thirds of their union."""
    shared, reach = np.full((2, 2), 800.0, np.float32), np.full((2, 2), 1000.0, np.float32)
    found = Overlaps(np.array([0, 1]), shared, reach)
    odds = [affinities(found, np.zeros(2, int), least)[0, 1] for least in (0.5, 2 / 3, 0.8)]
    assert odds[0] == pytest.approx(np.log(2), abs=1e-5)
    assert odds[1] == pytest.approx(0, abs=1e-5)
    assert odds[2] < 0


def test_what_the_source_says_outweighs_everything(pairs):
    found, thing = pairs
    known = np.where(thing <= 2, 1, 0)
    known[thing == 3] = 2
    odds = affinities(found, known, 0.5)
    assert (odds[np.ix_(thing <= 2, thing <= 2)] == np.float32(KNOWN)).all()
    assert (odds[np.ix_(thing == 3, thing <= 2)] == -np.float32(KNOWN)).all()
    assert (np.abs(odds[thing == 4]) <= -APART).all()
