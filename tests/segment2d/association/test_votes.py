"""Votes: mass is conserved, agreement is a probability, and accidents are voted out."""

import numpy as np
import pytest

from splatsmith.segment2d.association.signatures import Signatures, signatures
from splatsmith.segment2d.association.votes import NOT_LOOKED, agreement, confirmed, shares, votes


@pytest.fixture(scope="module")
def masks(toy) -> Signatures:
    return signatures(toy.projector, [(view, toy.truth[view.name]) for view in toy.views], "background")


def test_every_mass_is_one_vote(masks):
    counted = votes(masks, masks.label_of, 4, "background")
    assert counted.sum() == pytest.approx(masks.mass.sum() + masks.unmasked.sum(), rel=1e-5)
    for c in (1, 4):
        np.testing.assert_allclose(counted[[c]].sum(), masks.mass[masks.label_of == c].sum(), rtol=1e-5)


def test_unknown_pixels_count_fully_beside_a_mask_and_little_elsewhere(masks):
    known, unknown = (votes(masks, masks.label_of, 4, rest)[[0]].toarray()[0] for rest in ("background", "unknown"))
    masked, unmasked = masks.masked.toarray(), masks.unmasked.toarray()
    beside = np.minimum(masked, unmasked).sum(axis=0)
    np.testing.assert_allclose(unknown, beside + NOT_LOOKED * (known - beside), atol=1e-4)
    assert (unknown <= known + 1e-4).all()


def test_shares_sum_to_one_where_there_are_votes(masks):
    total = shares(votes(masks, masks.label_of, 4, "background")).sum(axis=0)
    assert np.isclose(total, 1, atol=1e-5).sum() > 300
    assert (np.isclose(total, 1, atol=1e-5) | (total == 0)).all()


def test_true_clusters_agree_and_a_vote_less_mask_counts_for_nothing(masks):
    counted = votes(masks, masks.label_of, 4, "background")
    assert (agreement(counted)[1:] > 0.85).all()
    silent = np.where(masks.label_of == 2, 0, masks.label_of)
    assert votes(masks, silent, 4, "background")[[2]].nnz == 0


def test_accidents_are_dropped_and_what_many_views_say_is_kept(toy):
    """One view's mask of thing 1 is a cluster of its own, and so are ten views' masks of thing 3."""
    views = toy.ring(24)
    labelled = [(view, toy.true_labels(toy.projector, view, toy.thing_of)) for view in views]
    masks = signatures(toy.projector, labelled, "background")
    cluster_of = masks.label_of.copy()
    cluster_of[(masks.label_of == 1) & (masks.view_of == 0)] = 5
    cluster_of[(masks.label_of == 3) & (masks.view_of < 10)] = 6
    found = confirmed(masks, cluster_of, "background", np.zeros(7, bool))
    assert set(found[cluster_of == 5]) == {0}
    assert [len(set(found[cluster_of == c])) for c in (1, 2, 3, 4, 6)] == [1] * 5
    assert set(found) == {0, 1, 2, 3, 4, 5}
    kept = confirmed(masks, cluster_of, "background", np.arange(7) == 5)
    assert set(kept[cluster_of == 5]) == {5}
