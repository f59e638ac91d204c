"""Parts: found where some views tell them from their whole, and given the whole's votes."""

import numpy as np
import pytest
from scipy import sparse

from splatsmith.segment2d.association.hierarchy import families, handed_down, parents
from splatsmith.segment2d.association.overlaps import overlaps
from splatsmith.segment2d.association.signatures import signatures
from splatsmith.segment2d.association.votes import votes


def found_parents(toy, told_apart: list[bool], things: np.ndarray) -> list[int]:
    """Parents when view i shows `things` where told_apart[i], and elsewhere ball 1 as a whole, as cluster 9."""
    labelled = []
    for view, apart in zip(toy.views, told_apart, strict=True):
        labels = toy.true_labels(toy.projector, view, things if apart else np.where(things == 5, 1, things))
        labelled.append((view, labels if apart else np.where(labels == 1, 9, labels)))
    masks = signatures(toy.projector, labelled, "background")
    counted = votes(masks, masks.label_of, 9, "background")
    return parents(overlaps(masks), masks.label_of, counted).tolist()


@pytest.fixture(scope="module")
def capped(toy) -> np.ndarray:
    """Thing 5 is the top of the first ball."""
    things = toy.thing_of.copy()
    things[:12] = 5
    return things


def test_parts_are_found_where_some_views_tell_them_apart(toy, capped):
    assert found_parents(toy, [True, False] * 4, capped) == [0, 9, 0, 0, 0, 9, 0, 0, 0, 0]


def test_without_a_view_of_the_whole_there_are_no_parts(toy, capped):
    assert found_parents(toy, [True] * 8, capped) == [0] * 10


def test_a_rare_join_makes_no_whole(toy, capped):
    """One view in eight: an accident."""
    assert found_parents(toy, [False] + [True] * 7, capped) == [0] * 10


def test_one_thing_found_twice_is_no_part_of_itself(toy):
    """Its masks are one cluster in even views and another one in odd views, so that each lies within the other."""
    labelled = [(view, np.where(toy.truth[view.name] == 1, 1 + i % 2, 0)) for i, view in enumerate(toy.views)]
    masks = signatures(toy.projector, labelled, "background")
    found = parents(overlaps(masks), masks.label_of, votes(masks, masks.label_of, 2, "background"))
    assert not (found[1] and found[2])


def test_votes_for_the_whole_go_to_the_part_and_none_are_lost():
    """Gaussians 0 to 3: the whole's own, the part's, the part's with few votes, of neither."""
    counted = sparse.csr_array(np.array([[1, 1, 1, 5], [4, 2, 6, 0], [0, 2, 0.1, 0]], np.float32))
    handed = handed_down(counted, np.array([0, 0, 1]))
    np.testing.assert_allclose(handed.toarray(), [[1, 1, 1, 5], [4, 0, 6, 0], [0, 4, 0.1, 0]], atol=1e-6)
    np.testing.assert_allclose(handed.sum(axis=0), counted.sum(axis=0), rtol=1e-6)


def test_a_part_of_a_part_takes_from_all_that_it_belongs_to():
    counted = sparse.csr_array(np.array([[0, 0], [3, 3], [2, 2], [2, 0]], np.float32))
    handed = handed_down(counted, np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(handed.toarray(), [[0, 0], [0, 0], [0, 5], [7, 0]], atol=1e-6)


def test_families():
    family = families(np.array([0, 0, 1, 2, 0]))
    assert [np.flatnonzero(row).tolist() for row in family] == [[0], [1, 2, 3], [2, 3], [3], [4]]
