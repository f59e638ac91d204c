"""Hard labels: walks down the tree of objects and parts, and what a higher threshold may do to them."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from splatsmith.base.errors import InputError
from splatsmith.scenes.label_maps import Entry, Legend
from splatsmith.segment3d.labels import (
    check_known,
    family_shares,
    hard_labels,
    read_labels,
    tree_of,
    write_labels,
)
from splatsmith.segment3d.scores import Scores

TEAPOT = Legend(
    entries=(
        Entry(id=1, name="teapot"),
        Entry(id=2, name="cup"),
        Entry(id=300, name="lid", parent=1),
        Entry(id=301, name="spout", parent=1),
        Entry(id=65535, name="knob", parent=300),
    )
)
IDS = (0, *(entry.id for entry in TEAPOT.entries))


@st.composite
def legends(draw) -> Legend:
    """Forests of up to eight numbers, parents before their parts."""
    ids = sorted(draw(st.sets(st.integers(1, 65535), min_size=1, max_size=8)))
    parents = [draw(st.sampled_from([None, *ids[:i]])) for i in range(len(ids))]
    named = zip(ids, parents, strict=True)
    return Legend(entries=tuple(Entry(id=id, name=f"n{id}", parent=parent) for id, parent in named))


def random_scores(legend: Legend, rows: int, seed: int) -> Scores:
    ids = np.array([0, *(entry.id for entry in legend.entries)])
    probabilities = np.random.default_rng(seed).dirichlet(np.full(len(ids), 0.5), rows)
    return Scores.from_dense(probabilities, ids)


def walked(legend: Legend, ids: list[int], scores: list[float], min_share: float) -> int:
    """The label of one Gaussian, told as slowly and plainly as can be."""
    here, parts = 0, {0: [entry.id for entry in legend.entries if entry.parent is None]}
    parts |= {entry.id: [part.id for part in legend.entries if part.parent == entry.id] for entry in legend.entries}
    while True:
        branches = {part: legend.family(part) for part in parts[here]} | {here: (here,)}
        totals = {
            branch: sum(np.float32(s) for id, s in zip(ids, scores, strict=True) if id in family)
            for branch, family in branches.items()
        }
        best = max(totals, key=totals.get)
        if best == here or totals[best] <= min_share:
            return here
        here = best


@given(legend=legends(), seed=st.integers(0, 99), min_share=st.floats(0, 0.99))
def test_labels_are_those_of_a_walk_down_from_the_root(legend, seed, min_share):
    scores = random_scores(legend, 12, seed)
    labels = hard_labels(scores, tree_of(legend), min_share)
    rows = zip(scores.ids.tolist(), scores.scores.tolist(), strict=True)
    assert labels.tolist() == [walked(legend, ids, row, min_share) for ids, row in rows]


@given(legend=legends(), seed=st.integers(0, 99), low=st.floats(0, 0.99), more=st.floats(0, 0.99))
def test_a_larger_least_share_never_adds_gaussians_to_an_object(legend, seed, low, more):
    scores, tree = random_scores(legend, 40, seed), tree_of(legend)
    loose, strict = hard_labels(scores, tree, low), hard_labels(scores, tree, low + more)
    for entry in legend.entries:
        assert (tree.within(loose, entry.id) | ~tree.within(strict, entry.id)).all()


@given(seed=st.integers(0, 99), min_share=st.floats(0, 0.99))
def test_without_parts_a_label_is_the_likeliest_number(seed, min_share):
    legend = Legend(entries=tuple(Entry(id=id, name=f"n{id}") for id in (1, 7, 4000)))
    scores = random_scores(legend, 40, seed)
    np.testing.assert_array_equal(hard_labels(scores, tree_of(legend), min_share), scores.labels(min_share))


def test_a_gaussian_that_two_parts_share_is_their_object_s():
    ids = np.array([[300, 301, 0, 2], [300, 1, 0, 2], [65535, 300, 0, 2], [2, 300, 301, 1]], np.uint16)
    scores = np.array([[0.4, 0.4, 0.2, 0], [0.6, 0.2, 0.2, 0], [0.4, 0.3, 0.3, 0], [0.4, 0.2, 0.2, 0.2]], np.float16)
    labels = hard_labels(Scores(ids, scores), tree_of(TEAPOT), 0.5)
    assert labels.tolist() == [1, 300, 300, 1]


@given(legend=legends())
def test_the_tree_knows_the_families_and_parents_of_the_legend(legend):
    tree, ids = tree_of(legend), np.array([0, *(entry.id for entry in legend.entries)], np.uint16)
    for entry in legend.entries:
        assert ids[tree.within(ids, entry.id)].tolist() == list(legend.family(entry.id))
        assert tree.parents(np.array(entry.id)) == (entry.parent or 0)
    assert tree.within(ids, 0).all()
    assert tree.parents(np.array(0)) == 0


@given(legend=legends(), seed=st.integers(0, 99))
def test_shares_of_objects_and_of_the_rest_add_up(legend, seed):
    scores, tree = random_scores(legend, 20, seed), tree_of(legend)
    roots = [entry.id for entry in legend.entries if entry.parent is None]
    rest = np.where(scores.ids == 0, scores.scores, 0).sum(1, dtype=np.float32)
    total = sum((family_shares(scores, tree, id) for id in roots), start=rest)
    np.testing.assert_allclose(total, scores.scores.sum(1, dtype=np.float32), atol=1e-6)


def test_a_legend_without_entries_makes_everything_the_rest():
    scores = Scores.from_dense(np.ones((3, 1)), np.array([0]))
    assert hard_labels(scores, tree_of(Legend()), 0.5).tolist() == [0, 0, 0]


def test_numbers_that_the_legend_lacks_are_told(tmp_path):
    scores = Scores.from_dense(np.array([[0.5, 0.25, 0.25, 0]]), np.array([0, 1, 77, 78]))
    with pytest.raises(InputError) as error:
        check_known(scores, TEAPOT, "scores.npz")
    (problem,) = error.value.problems
    assert (problem.where, problem.got) == ("scores.npz", "77")
    check_known(Scores.from_dense(np.full((1, len(IDS)), 0.1), np.array(IDS)), TEAPOT, "scores.npz")


def test_labels_come_back_and_never_meet_another_ply(tmp_path):
    ply, path, labels = tmp_path / "a.ply", tmp_path / "labels.npz", np.array([0, 3, 65535], np.uint16)
    ply.write_bytes(b"one scene")
    write_labels(path, labels, ply)
    again = read_labels(path, ply)
    assert (again.dtype, again.tolist()) == (np.uint16, labels.tolist())
    ply.write_bytes(b"another scene")
    with pytest.raises(InputError, match="those of another PLY"):
        read_labels(path, ply)
    write_labels(path, labels.astype(float), ply)
    with pytest.raises(InputError, match="the labels are damaged"):
        read_labels(path, ply)
