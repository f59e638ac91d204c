"""Numbers chosen for objects: the best set there is, Gaussian Grouping's shares, and names."""

from itertools import chain, combinations

import numpy as np
import pytest

from splatsmith.scenes.label_maps import Entry, Legend
from splatsmith.segment3d.evaluation.iou import iou
from splatsmith.segment3d.evaluation.selection import Prediction, best_ids, detected_ids, named_ids, shares_within


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels in patches of 0 to 6, and a mask that follows them more or less."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, (4, 5)).repeat(4, 0).repeat(4, 1).astype(np.uint16)
    mask = np.isin(labels, rng.choice(7, 3, replace=False))
    return labels, mask ^ (rng.random(mask.shape) < rng.choice([0.0, 0.1, 0.3]))


def subsets(items: list[int]):
    return chain.from_iterable(combinations(items, count) for count in range(1, len(items) + 1))


@pytest.mark.parametrize("seed", range(20))
def test_no_other_set_of_numbers_mostly_inside_does_better(seed):
    labels, mask = random_case(seed)
    mostly = [
        id for id in range(1, 7) if (labels == id).any() and 2 * (mask & (labels == id)).sum() >= (labels == id).sum()
    ]
    best = max((iou(np.isin(labels, ids), mask) for ids in subsets(mostly)), default=0)
    assert iou(np.isin(labels, list(best_ids(labels, mask))), mask) == pytest.approx(best)


def test_a_number_that_is_half_inside_belongs_to_the_best_set():
    labels = np.array([[1, 1, 2, 2, 2]])
    assert best_ids(labels, np.array([[1, 0, 1, 0, 0]], bool)) == {1}


@pytest.mark.parametrize("seed", range(5))
def test_numbers_mean_nothing(seed):
    labels, mask = random_case(seed)
    other = np.array([0, *(1000 + np.random.default_rng(seed).permutation(6))], np.uint16)
    assert best_ids(other[labels], mask) == {int(other[id]) for id in best_ids(labels, mask)}
    assert detected_ids(other[labels], mask) == {int(other[id]) for id in detected_ids(labels, mask)}


def test_shares_are_of_the_number_s_area():
    labels = np.array([[1, 1, 1, 1], [2, 2, 0, 0], [3, 0, 0, 0]])
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    assert shares_within(labels, mask) == {1: 0.75, 2: 1.0, 3: 0.0}


def test_a_detector_s_mask_chooses_what_lies_in_it_by_more_than_70_percent():
    labels = np.repeat([[1], [2], [3]], 10, axis=1)
    mask = np.zeros((3, 10), bool)
    mask[0, :7] = mask[1, :8] = mask[2, :] = True
    assert detected_ids(labels, mask) == {2, 3}
    assert best_ids(labels, mask) == {1, 2, 3}


def test_the_rest_is_never_chosen():
    labels = np.zeros((5, 5), np.uint16)
    assert best_ids(labels, labels == 0) == detected_ids(labels, labels == 0) == frozenset()


LEGEND = Legend(
    entries=(
        Entry(id=1, name="mug", prompt="blue cup"),
        Entry(id=2, name="apple", prompt="green apple"),
        Entry(id=3, name="handle", parent=1, prompt="green apple"),
        Entry(id=4, name="knob", parent=3),
    )
)


def test_a_name_means_the_object_with_its_parts():
    found = named_ids(LEGEND, ["mug", "mug/handle", "apple", "pear"])
    assert found == {"mug": {1, 3, 4}, "mug/handle": {3, 4}, "apple": {2}}


def test_a_prompt_is_a_name_too_where_none_is_called_so():
    assert named_ids(LEGEND, ["green-apple", "blue-cup"]) == {"green-apple": {2}, "blue-cup": {1, 3, 4}}
    twin = Legend(entries=(Entry(id=1, name="mug", prompt="apple"), Entry(id=2, name="apple")))
    assert named_ids(twin, ["apple"]) == {"apple": {2}}


def test_a_mask_is_where_any_number_is_likely_or_the_likeliest():
    ids = np.array([[[1, 2], [2, 1], [1, 3], [0, 1]]], np.uint16)
    probabilities = np.array([[[0.7, 0.2], [0.5, 0.4], [0.15, 0.1], [0.7, 0.3]]], np.float32)
    prediction = Prediction((ids, probabilities))
    assert prediction.mask(frozenset({1}), "soft").tolist() == [[True, True, False, True]]
    assert prediction.mask(frozenset({2}), "soft").tolist() == [[False, True, False, False]]
    assert prediction.mask(frozenset({1}), "argmax").tolist() == [[True, False, True, False]]
    assert prediction.mask(frozenset({1, 2}), "argmax").tolist() == [[True, True, True, False]]
    assert not prediction.mask(frozenset(), "soft").any()
