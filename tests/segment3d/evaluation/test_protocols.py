"""Protocols: means are taken as Gaussian Grouping takes them, missing predictions are 0, and nothing else matters."""

import math

import numpy as np
import pytest

from splatsmith.segment3d.evaluation import Prediction, detected_ids, evaluate_maps, evaluate_masks
from splatsmith.segment3d.evaluation.iou import boundary_iou, iou
from splatsmith.segment3d.evaluation.table import PROTOCOLS

NAMES = {1: "mug", 2: "can", 3: "ball"}
SHAPE = (30, 40)
EVERYTHING = [(protocol, rule) for protocol in PROTOCOLS for rule in ("soft", "argmax")]


def labels_of(**columns: tuple[int, int]) -> np.ndarray:
    """A label map with each object in its range of columns, 20 rows high."""
    labels = np.zeros(SHAPE, np.uint16)
    for id, name in NAMES.items():
        if name in columns:
            labels[5:25, slice(*columns[name])] = id
    return labels


def certain(labels: np.ndarray):
    """A soft map that is sure of `labels`."""
    ids = np.stack([labels, np.zeros_like(labels)], -1)
    return ids, np.broadcast_to(np.array([1, 0], np.float32), ids.shape)


TRUTH = {
    "a": labels_of(mug=(0, 10), can=(10, 20)),
    "b": labels_of(mug=(5, 15), can=(20, 30), ball=(30, 40)),
    "c": labels_of(mug=(20, 30), ball=(0, 10)),
}


def predicted(shift: int = 1):
    """What a slightly wrong prediction draws of all views."""
    return {view: certain(np.roll(labels, shift, 1)) for view, labels in TRUTH.items()}


def means(table):
    return {key: table[key].mean for key in EVERYTHING}


def test_the_truth_itself_scores_1_everywhere():
    table = evaluate_maps({view: certain(labels) for view, labels in TRUTH.items()}, TRUTH, NAMES)
    for key in EVERYTHING:
        assert (table[key].mean.miou, table[key].mean.mbiou, table[key].mean.missing) == (1, 1, 0)
    assert table["named", "soft"].mean.pairs == 7
    assert table["oracle_elsewhere", "soft"].mean.pairs == 4


def test_every_pair_is_measured_as_its_masks_are():
    predictions = predicted(2)
    table = evaluate_maps(predictions, TRUTH, NAMES)
    pairs = table["named", "soft"].pairs
    assert [(pair.object, pair.view) for pair in pairs] == sorted(
        [("mug", "a"), ("mug", "b"), ("mug", "c"), ("can", "a"), ("can", "b"), ("ball", "b"), ("ball", "c")]
    )
    for pair in pairs:
        (id,) = pair.ids
        found, true = predictions[pair.view][0][..., 0] == id, TRUTH[pair.view] == id
        assert (pair.iou, pair.boundary_iou) == (iou(found, true), boundary_iou(found, true))


def test_means_are_over_views_then_over_objects():
    truth = {"a": labels_of(mug=(0, 10)), "b": labels_of(mug=(0, 10), can=(20, 30))}
    predictions = {"a": certain(labels_of(mug=(0, 10))), "b": certain(labels_of(mug=(30, 40), can=(20, 30)))}
    figures = evaluate_maps(predictions, truth, NAMES)["named", "soft"]
    assert (figures.objects["mug"].miou, figures.objects["can"].miou) == (0.5, 1)
    assert (figures.mean.miou, figures.mean.mbiou) == (0.75, 0.75)


def test_names_and_numbers_that_are_one_to_one_make_the_protocols_agree():
    table = evaluate_maps(predicted(), TRUTH, NAMES)
    for rule in ("soft", "argmax"):
        assert table["named", rule] == table["oracle", rule]
    assert 0.5 < table["named", "soft"].mean.miou < 1


def test_the_numbers_of_a_prediction_mean_nothing():
    other = np.array([0, 700, 5, 65535], np.uint16)
    renumbered = {view: (other[ids], probabilities) for view, (ids, probabilities) in predicted().items()}
    ids = {name: [int(other[id])] for id, name in NAMES.items()}
    assert means(evaluate_maps(renumbered, TRUTH, NAMES, ids)) == means(evaluate_maps(predicted(), TRUTH, NAMES))


def test_the_numbers_of_the_truth_mean_nothing():
    other = np.array([0, 9, 4, 200], np.uint8)
    truth = {view: other[labels] for view, labels in TRUTH.items()}
    names = {int(other[id]): name for id, name in NAMES.items()}
    ids = {name: [id] for id, name in NAMES.items()}
    assert evaluate_maps(predicted(), truth, names, ids) == evaluate_maps(predicted(), TRUTH, NAMES)


def test_the_order_of_views_means_nothing():
    backwards = dict(reversed(predicted().items())), dict(reversed(TRUTH.items())), dict(reversed(NAMES.items()))
    assert evaluate_maps(*backwards) == evaluate_maps(predicted(), TRUTH, NAMES)


def test_an_object_without_a_number_is_missing_and_scores_0():
    table = evaluate_maps(predicted(0), TRUTH, NAMES, {"mug": [1], "can": [2]})
    named = table["named", "soft"]
    assert named.objects["ball"].miou == named.objects["ball"].mbiou == 0
    assert (named.mean.miou, named.mean.missing) == (pytest.approx(2 / 3), 2)
    assert table["oracle", "soft"].mean.miou == 1  # which does not ask for names


def test_a_view_that_was_not_drawn_is_missing_and_scores_0():
    predictions = {view: soft_map for view, soft_map in predicted(0).items() if view != "b"}
    named = evaluate_maps(predictions, TRUTH, NAMES)["named", "soft"]
    assert [pair.view for pair in named.pairs if pair.missing] == ["b", "b", "b"]
    assert named.mean.miou == pytest.approx(np.mean([1 / 2, 2 / 3, 1 / 2]))


def test_nothing_is_asked_of_a_view_where_an_object_is_not_seen():
    everywhere = {view: certain(np.full(SHAPE, 3, np.uint16)) for view in TRUTH}
    named = evaluate_maps(everywhere, TRUTH, NAMES, {"ball": [3]})["named", "soft"]
    assert [pair.view for pair in named.pairs if pair.object == "ball"] == ["b", "c"]
    assert named.objects["ball"].miou == 200 / 1200


def test_slivers_of_a_label_map_are_not_asked_for():
    truth = np.zeros(SHAPE, np.uint16)
    truth[0, :19], truth[5, :20] = 1, 2
    table = evaluate_maps({"a": certain(truth)}, {"a": truth}, NAMES)
    assert list(table["named", "soft"].objects) == ["can"]


def test_the_oracle_joins_the_pieces_of_an_object_and_is_judged_in_the_other_views():
    first, second = labels_of(mug=(0, 20)), labels_of(mug=(10, 30))
    pieces, later = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.uint16)
    pieces[5:25, :8], pieces[5:25, 8:20] = 11, 12
    later[5:25, 10:25], later[5:25, 25:30] = 12, 13  # 13 was not there in the first view
    table = evaluate_maps({"a": certain(pieces), "b": certain(later)}, {"a": first, "b": second}, NAMES)
    assert {pair.view: pair.iou for pair in table["oracle", "soft"].pairs} == {"a": 1.0, "b": 0.75}
    assert table["oracle_elsewhere", "soft"].mean.miou == 0.75
    assert {pair.ids for pair in table["oracle", "soft"].pairs} == {frozenset({11, 12})}


def test_an_object_seen_once_has_no_other_views():
    table = evaluate_maps({"a": certain(TRUTH["a"])}, {"a": TRUTH["a"]}, NAMES)
    assert math.isnan(table["oracle_elsewhere", "soft"].mean.miou)


def test_a_coarser_prediction_is_brought_to_the_truth():
    truth = labels_of(mug=(0, 10), can=(10, 20))[5:25].repeat(2, 0).repeat(2, 1)
    coarse = certain(labels_of(mug=(0, 10), can=(10, 20))[5:25])
    table = evaluate_maps({"a": coarse}, {"a": truth}, NAMES)
    assert {table[key].mean.miou for key in EVERYTHING[:4]} == {1.0}


def test_soft_masks_are_those_of_gaussian_grouping():
    """A pixel at 0.25 is in the soft mask though something else is likelier there."""
    truth = labels_of(mug=(0, 20))
    ids = np.stack([labels_of(mug=(0, 10)), labels_of(mug=(10, 20))], -1)
    probabilities = np.broadcast_to(np.array([0.75, 0.25], np.float32), ids.shape)
    table = evaluate_maps({"a": (ids, probabilities)}, {"a": truth}, NAMES)
    assert (table["named", "soft"].mean.miou, table["named", "argmax"].mean.miou) == (1, 0.5)


def test_a_detector_s_choice_is_evaluated_as_names_are():
    """Masks of prompts may overlap; what a detector found in the first view chooses the numbers."""
    drawn = {view: Prediction(soft_map) for view, soft_map in predicted(0).items()}
    both = {view: {"crockery": np.isin(labels, (1, 2)), "mug": labels == 1} for view, labels in TRUTH.items()}
    ids = {"crockery": detected_ids(drawn["a"].labels, both["a"]["crockery"])}
    named = evaluate_masks(drawn, both, ids)["named", "soft"]
    assert (named.objects["crockery"].miou, named.objects["mug"].miou) == (1, 0)
