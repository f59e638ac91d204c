"""Splits: who trains and who is held out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.base.errors import InputError
from splatsmith.scenes.split import Split, SplitFile, every_nth, read_split, split_of

VIEWS = {name: [name] for name in ("0001", "a.b", "left__x", "right__x", "left__y", "写真 1")}
VIEWS["pano"] = ["pano__back", "pano__front"]


def split(*, train, test) -> Split:
    return split_of(train, test, VIEWS, "split.yml")


def test_names_stand_with_or_without_suffix_and_folder():
    expected = Split(("0001", "left__x", "left__y"), ("a.b", "right__x", "写真 1"))
    assert split(train=["0001", "left__x", "y"], test=["a.b", "right__x", "写真 1"]) == expected
    assert split(train=["0001.jpg", "left/x.png", "y.PNG"], test=["a.b.jpg", "right/x", "./写真 1.webp"]) == expected


def test_a_panorama_is_split_whole_or_by_face():
    assert split(train=["pano.jpg"], test=["0001"]) == Split(("pano__back", "pano__front"), ("0001",))
    assert split(train=["pano__back"], test=["pano__front"]) == Split(("pano__back",), ("pano__front",))


@given(st.sets(st.text(), min_size=1), st.integers(0, 20).filter(lambda n: n != 1))
def test_every_nth_parts_the_names(names, n):
    parts = every_nth(names, n)
    assert sorted(parts.train + parts.test) == sorted(names)
    assert list(parts.test) == (sorted(names)[::n] if n else [])
    assert list(parts.train) == sorted(parts.train)


def test_views_in_neither_list_are_left_aside():
    assert split(train=["0001"], test=["a.b"]).among(["0001", "x"]) == Split(("0001",), ())


@pytest.mark.parametrize(
    ("train", "test", "what", "where"),
    [
        ([], ["0001"], "a part of the split is empty", "split.yml: train"),
        (["0001"], [], "a part of the split is empty", "split.yml: test"),
        (["0001", "0001.png"], ["a.b"], "names are given twice", "split.yml: train"),
        (["0001"], ["a.b", "0001"], "train and test overlap", "split.yml"),
        (["0001", "0002"], ["a.b"], "there are no such photos", "split.yml: train"),
        (["0001"], ["x"], "there are no such photos", "split.yml: test"),  # left's or right's?
        (["0001"], ["../0001"], "there are no such photos", "split.yml: test"),
    ],
)
def test_what_is_wrong_is_told(train, test, what, where):
    with pytest.raises(InputError) as error:
        split(train=train, test=test)
    assert [(problem.what, problem.where) for problem in error.value.problems] == [(what, where)]


def test_names_keep_their_spelling_in_yaml(tmp_path):
    """0001 is no number, `no` is not false and 1e3 not a thousand."""
    (tmp_path / "split.yml").write_text('"train":\n- 0001\n- no\n- 1e3\n"test": [2024-01-01, ~]\n')
    assert read_split(tmp_path / "split.yml") == SplitFile(train=["0001", "no", "1e3"], test=["2024-01-01", "~"])
