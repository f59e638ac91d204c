"""Prompts become one caption, and its tokens go back to the prompts that they came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.models.captions import batches, caption, members, phrase, winners


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Red Chair", "red chair"),
        ("  a   cat.", "a cat"),
        ("TEA-POT?", "tea-pot"),
        ("lid.handle", "lid handle"),
        ("Éclair\tÀ la  crème", "éclair à la crème"),
        (" . ? ", ""),
        ("", ""),
    ],
)
def test_a_phrase_is_lower_case_without_separators(prompt, words):
    assert phrase(prompt) == words


def test_a_caption_is_closed_phrases():
    text, spans = caption(["a cat", "red chair"])
    assert text == "a cat. red chair."
    assert [text[a:b] for a, b in spans] == ["a cat", "red chair"]


@given(st.lists(st.text(alphabet="abé -", min_size=1).map(phrase).filter(bool), min_size=1))
def test_every_phrase_stands_where_its_span_says(phrases):
    text, spans = caption(phrases)
    assert [text[a:b] for a, b in spans] == phrases
    assert text.count(".") == len(phrases)


def words(text: str) -> list[tuple[int, int]]:
    """Offsets of words and full stops, as a tokenizer gives them, between two special tokens."""
    found, start = [(0, 0)], 0
    for i, letter in enumerate(text):
        if letter in " .":
            found += [(start, i)] if i > start else []
            found += [(i, i + 1)] if letter == "." else []
            start = i + 1
    return [*found, (0, 0)]


def test_tokens_belong_to_the_phrase_they_lie_in():
    text, spans = caption(["red chair", "red table top", "lid"])
    offsets = words(text)
    owned = [[text[a:b] for (a, b), mine in zip(offsets, row, strict=True) if mine] for row in members(offsets, spans)]
    assert owned == [["red", "chair"], ["red", "table", "top"], ["lid"]]


@given(st.lists(st.text(alphabet="abc ", min_size=1).map(phrase).filter(bool), min_size=1))
def test_no_token_belongs_to_two_phrases_and_full_stops_to_none(phrases):
    text, spans = caption(phrases)
    offsets = words(text)
    mine = members(offsets, spans)
    assert (mine.sum(axis=0) == [text[a:b] not in ("", ".") for a, b in offsets]).all()


SHARED = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0]], dtype=bool)  # red chair . red table .


def test_a_shared_word_does_not_decide():
    red_table = np.array([[0.5, 0.1, 0.45, 0.4, 0.0]])  # `red` of the wrong phrase fires strongest
    shown, score = winners(red_table, SHARED)
    assert shown.tolist() == [1]
    assert score.tolist() == [0.45]


def test_tokens_outside_every_phrase_do_not_count():
    shown, score = winners(np.array([[0.2, 0.2, 0.1, 0.1, 0.99]]), SHARED)
    assert (shown.tolist(), score.tolist()) == ([0], [0.2])


@given(st.integers(0, 2**32 - 1), st.permutations(range(3)))
def test_the_order_of_phrases_does_not_matter(seed, order):
    scores = np.random.default_rng(seed).random((7, 9))
    mine = np.repeat(np.eye(3, dtype=bool), 3, axis=1)
    shown, score = winners(scores, mine)
    again, same = winners(scores, mine[list(order)])
    assert np.array_equal(np.array(order)[again], shown)
    assert np.array_equal(score, same)


@given(st.lists(st.integers(1, 10)), st.integers(10, 30))
def test_batches_keep_order_and_limit_and_are_as_full_as_they_go(lengths, limit):
    groups = list(batches(lengths, limit))
    assert [i for group in groups for i in group] == list(range(len(lengths)))
    used = [sum(lengths[i] for i in group) for group in groups]
    assert all(0 < total <= limit for total in used)
    assert all(used[g] + lengths[groups[g + 1][0]] > limit for g in range(len(groups) - 1))
