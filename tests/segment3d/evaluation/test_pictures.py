"""Pictures and tables of an evaluation show what was measured."""

import json

import numpy as np

from splatsmith.segment3d.evaluation import evaluate_maps
from splatsmith.segment3d.evaluation.pictures import FALSE, MISSED, error_picture, label_picture, painted
from splatsmith.segment3d.evaluation.summary import Measured, as_json, markdown

TRUTH = np.array([[1, 1, 2, 0]], np.uint16)
LABELS = np.array([[1, 2, 0, 2]], np.uint16)
PHOTO = np.full((1, 4, 3), 100, np.uint8)


def test_masks_are_painted_over_those_before():
    masks = {"b": TRUTH == 2, "a": TRUTH > 0}
    assert painted(masks, {1: "a", 2: "b", 3: "none"}, (1, 4)).tolist() == [[1, 1, 2, 0]]
    assert painted(masks, {1: "b", 2: "a"}, (1, 4)).tolist() == [[2, 2, 2, 0]]


def test_colours_show_equal_numbers_alike_and_leave_the_rest_as_it_is():
    picture = label_picture(PHOTO, TRUTH)
    assert (picture[0, 0] == picture[0, 1]).all()
    assert (picture[0, 0] != picture[0, 2]).any()
    assert (picture[0, 3] == PHOTO[0, 3]).all()


def test_errors_are_coloured_and_nothing_else():
    picture = error_picture(PHOTO, TRUTH, LABELS)
    assert picture[0, 1:].tolist() == [list(MISSED), list(MISSED), list(FALSE)]
    assert len(set(picture[0, 0].tolist())) == 1


def test_what_cannot_be_measured_is_null_in_json_and_a_dash_in_the_table():
    labels = np.zeros((10, 10), np.uint16)
    labels[:5] = 1
    soft_map = labels[..., None], np.ones((10, 10, 1), np.float32)
    measured = Measured(evaluate_maps({"a": soft_map}, {"a": labels}, {1: "mug"}), None)
    told = json.loads(json.dumps(as_json(measured), allow_nan=False))
    assert told["named"]["soft"]["miou"] == 1
    assert told["oracle_elsewhere"]["soft"]["miou"] is None
    assert told["gaussians"] is None
    assert "| votes | oracle_elsewhere | – | – | – | – | 0 of 0 |  |  |" in markdown({"votes": measured})
    assert "| mug | 100.0 / 100.0 |" in markdown({"votes": measured})
