"""Soft scores: the likeliest numbers survive, come back bit for bit, and never meet the rows of another PLY."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from splatsmith.base.errors import InputError
from splatsmith.base.sidecar import write_sidecar
from splatsmith.segment3d.scores import Scores, read_scores, write_scores

shares = st.floats(0, 1)


def dense(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Random probabilities, some rows of which sum to less than 1."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(columns, 0.3), rows) * rng.choice([1.0, 0.7, 0.0], (rows, 1), p=[0.8, 0.1, 0.1])


def sparse(rows: int = 30, seed: int = 0) -> Scores:
    return Scores.from_dense(dense(rows, 6, seed), np.array([0, 3, 300, 7, 65535, 9]))


@pytest.fixture
def ply(tmp_path):
    (tmp_path / "point_cloud.ply").write_bytes(b"one scene")
    return tmp_path / "point_cloud.ply"


@pytest.mark.parametrize(("columns", "kept"), [(1, 4), (3, 4), (4, 4), (9, 4), (9, 2)])
def test_the_likeliest_numbers_are_kept_in_their_order(columns, kept):
    probabilities, ids = dense(40, columns), np.arange(columns) * 100
    scores = Scores.from_dense(probabilities, ids, kept)
    assert scores.ids.shape == scores.scores.shape == (40, min(columns, kept))
    for row, found, told in zip(probabilities, scores.ids, scores.scores, strict=True):
        ranked = sorted(range(columns), key=lambda c: (-np.float32(row[c]), c))[:kept]
        assert found.tolist() == [ids[c] for c in ranked]
        assert told.tolist() == [np.float16(np.float32(row[c])) for c in ranked]


def test_of_equal_numbers_those_in_front_are_kept():
    scores = Scores.from_dense(np.full((2, 5), 0.2), np.array([9, 8, 7, 6, 5]))
    assert scores.ids.tolist() == [[9, 8, 7, 6]] * 2


def test_a_tensor_and_an_array_give_the_same_and_are_left_alone():
    probabilities, ids = dense(20, 6), np.arange(6)
    tensor, before = torch.from_numpy(probabilities).requires_grad_(), probabilities.copy()
    one, other = Scores.from_dense(probabilities, ids), Scores.from_dense(tensor, torch.arange(6))
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(probabilities, before)


def test_what_is_written_is_read_again_bit_for_bit(tmp_path, ply):
    scores = sparse()
    write_scores(tmp_path / "scores.npz", scores, ply)
    again = read_scores(tmp_path / "scores.npz", ply)
    assert (again.ids.dtype, again.scores.dtype) == (np.uint16, np.float16)
    assert again.ids.tobytes() == scores.ids.tobytes()
    assert again.scores.tobytes() == scores.scores.tobytes()
    first = (tmp_path / "scores.npz").read_bytes()
    write_scores(tmp_path / "scores.npz", again, ply)
    assert (tmp_path / "scores.npz").read_bytes() == first


@given(low=shares, more=shares, margin=shares, wider=shares)
def test_a_higher_threshold_never_gives_an_object_more(low, more, margin, wider):
    scores = sparse()
    loose, strict = scores.labels(low, margin), scores.labels(low + more, margin + wider)
    assert ((strict == loose) | (strict == 0)).all()


def test_a_label_is_the_likeliest_number_if_it_is_likely_enough_and_leads():
    scores = Scores(
        np.array([[5, 6], [5, 6], [5, 6], [6, 0], [0, 5]], np.uint16),
        np.array([[0.75, 0.25], [0.5, 0.5], [0.5, 0.25], [0.625, 0.375], [1, 0]], np.float16),
    )
    assert scores.labels().tolist() == [5, 0, 0, 6, 0]
    assert scores.labels(0.4).tolist() == [5, 5, 5, 6, 0]
    assert scores.labels(0.4, 0.25).tolist() == [5, 0, 5, 6, 0]
    assert scores.labels(0.4, 0.375).tolist() == [5, 0, 0, 0, 0]


def test_only_a_gaussian_of_which_nobody_spoke_is_unseen():
    scores = Scores.from_dense(np.array([[0, 0], [1, 0], [0, 0.2]]), np.array([0, 1]))
    assert scores.seen.tolist() == [False, True, True]


def test_rows_are_taken_together():
    scores, rows = sparse(), np.array([4, 2])
    assert scores.at(rows).ids.tolist() == scores.ids[rows].tolist()
    assert scores.at(rows).scores.tolist() == scores.scores[rows].tolist()


def test_scores_of_another_ply_are_refused(tmp_path, ply):
    write_scores(tmp_path / "scores.npz", sparse(), ply)
    ply.write_bytes(b"another scene")
    with pytest.raises(InputError) as error:
        read_scores(tmp_path / "scores.npz", ply)
    (problem,) = error.value.problems
    assert problem.what == "the rows described here are those of another PLY"
    assert (problem.where, problem.got.split()[0]) == (str(tmp_path / "scores.npz"), str(ply))
    ply.unlink()
    with pytest.raises(InputError, match="no such file"):
        read_scores(tmp_path / "scores.npz", ply)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "other"])
def test_a_file_that_holds_no_scores_is_named(tmp_path, ply, damage):
    path = tmp_path / "scores.npz"
    write_scores(path, sparse(400), ply)
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"not an archive")
        case "cut":
            path.write_bytes(path.read_bytes()[:-200])
        case "other":
            np.savez(path, labels=np.zeros(3))
    with pytest.raises(InputError) as error:
        read_scores(path, ply)
    (problem,) = error.value.problems
    assert problem.where == str(path)
    assert problem.what == "a sidecar file is missing or damaged"
    assert "pickle" not in str(problem)


UNSOUND = {
    "not both": (np.zeros((3, 2)), np.zeros((3, 3))),
    "not uint16 and float16": (np.zeros((3, 2), np.int64), np.zeros((3, 2))),
    "outside of 0 to 1": (np.zeros((1, 2), np.uint16), np.array([[np.nan, 0]], np.float16)),
    "do not descend": (np.zeros((1, 2), np.uint16), np.array([[0.25, 0.5]], np.float16)),
    "more than 1": (np.zeros((1, 2), np.uint16), np.array([[0.75, 0.5]], np.float16)),
}


@pytest.mark.parametrize("words", UNSOUND)
def test_scores_that_cannot_be_are_refused_as_arguments_and_in_files(tmp_path, ply, words):
    ids, scores = UNSOUND[words]
    with pytest.raises(ValueError, match=words):
        Scores(ids, scores)
    write_sidecar(tmp_path / "scores.npz", ply, ids=ids, scores=scores)
    with pytest.raises(InputError, match=words):
        read_scores(tmp_path / "scores.npz", ply)


@pytest.mark.parametrize(("shape", "ids"), [((3, 2), (3,)), ((3,), (3,)), ((3, 0), (0,))])
def test_probabilities_that_do_not_fit_their_numbers_are_refused(shape, ids):
    with pytest.raises(ValueError, match="expected probabilities"):
        Scores.from_dense(np.zeros(shape), np.zeros(ids, int))
