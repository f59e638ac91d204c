"""All edits: what they leave alone keeps its bytes and its order, and they fit together."""

import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.base.typed import typed
from splatsmith.edit.apply import applied, selections
from splatsmith.edit.rows import touched
from splatsmith.gaussians.ops import Rows, select
from splatsmith.scenes.edits import PlainEdit

UP = torch.tensor([0.0, 0.0, 1.0])
PLACE = {"translate": [0.3, -1, 2], "rotate": {"axis": [1, 2, 3], "degrees": 50}, "scale": 1.3}
EDITS = [
    {"method": "extract"},
    {"method": "keep-only"},
    {"method": "remove"},
    {"method": "recolour", "color": "purple"},
    {"method": "move", **PLACE},
    {"method": "duplicate", **PLACE},
    {"method": "swap", "with": "can"},
]


def done(gaussians, legend, target: str = "mug", **words) -> Rows:
    edit = typed(PlainEdit, {"name": "e", "target": target, **words}, "edit")
    return applied(edit, gaussians, selections(edit, gaussians, legend), UP)


@pytest.mark.parametrize("words", EDITS, ids=lambda words: words["method"])
def test_what_is_not_touched_keeps_its_bytes_and_its_order(labelled, legend, equal, words):
    before = labelled()
    rows = done(before, legend, **words)
    same = rows.origin[~rows.fresh]
    equal(select(rows.gaussians, ~rows.fresh), select(before, same))
    assert (same.diff() > 0).all()


@pytest.mark.parametrize("words", EDITS, ids=lambda words: words["method"])
def test_labels_and_other_extra_columns_ride_along(labelled, legend, words):
    before = labelled()
    rows = done(before, legend, **words)
    assert list(rows.gaussians.extra) == list(before.extra)
    for name, column in rows.gaussians.extra.items():
        assert torch.equal(column.double(), before.extra[name][rows.origin].double()), name


@pytest.mark.parametrize("words", EDITS, ids=lambda words: words["method"])
def test_the_scene_before_is_left_as_it_was(labelled, legend, equal, words):
    before = labelled()
    done(before, legend, **words)
    equal(before, labelled())


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (EDITS[0], (0, 5)),
        (EDITS[2], (3, 9)),
        (EDITS[3], (3, 9)),
        (EDITS[4], (3, 9)),
        (EDITS[5], ()),
        (EDITS[6], (3, 5, 9)),
    ],
    ids=lambda value: value["method"] if isinstance(value, dict) else "",
)
def test_an_object_is_edited_with_its_parts_and_nothing_else(labelled, legend, words, labels):
    before = labelled()
    gone = touched(done(before, legend, **words), len(before))
    assert gone.tolist() == [int(label) in labels for label in before.extra["label"]]


def test_a_part_is_edited_alone(labelled, legend):
    before = labelled()
    gone = touched(done(before, legend, "mug/handle", method="remove"), len(before))
    assert gone.tolist() == [int(label) == 9 for label in before.extra["label"]]


def test_keep_only_and_remove_part_the_scene(labelled, legend):
    before = labelled()
    only, rest = done(before, legend, method="keep-only"), done(before, legend, method="remove")
    assert sorted([*only.origin.tolist(), *rest.origin.tolist()]) == list(range(len(before)))
    assert not only.fresh.any()
    assert not rest.fresh.any()


def test_a_copy_is_what_a_move_would_give_behind_all_old_rows(labelled, legend, equal):
    before = labelled()
    twice = done(before, legend, method="duplicate", **PLACE).gaussians
    moved = done(before, legend, method="move", **PLACE)
    count = int(moved.fresh.sum())
    assert len(twice) == len(before) + count
    equal(twice.map(lambda column: column[: len(before)]), before)
    equal(twice.map(lambda column: column[len(before) :]), select(moved.gaussians, moved.fresh))


def test_an_edit_builds_on_another_s_result(labelled, legend, equal):
    """Whatever the order, when each is about another thing."""
    before = labelled()
    red = {"method": "recolour", "color": "red"}
    one = done(done(before, legend, "can", **red).gaussians, legend, "mug/handle", method="remove").gaussians
    other = done(done(before, legend, "mug/handle", method="remove").gaussians, legend, "can", **red).gaussians
    equal(one, other)
    assert len(one) == 30


@pytest.mark.parametrize(
    ("target", "what", "got"),
    [
        ("pot", "the scene was segmented without this target", "pot"),
        ("mug/lid", "the scene was segmented without this target", "mug/lid"),
        ("can", "no Gaussian belongs to the edit's target", "can: 0"),
    ],
)
def test_a_target_that_is_not_there_is_told(labelled, legend, target, what, got):
    without = done(labelled(), legend, "can", method="remove").gaussians
    for words, key in (
        ({"target": target, "method": "extract"}, "target"),
        ({"method": "swap", "with": target}, "with"),
    ):
        with pytest.raises(InputError) as error:
            done(without, legend, **words)
        (problem,) = error.value.problems
        assert (problem.what, problem.where, problem.got) == (what, f"edits.e.{key}", got)


def test_gaussians_without_labels_are_told(labelled, legend):
    plain = labelled()
    plain.extra.pop("label")
    with pytest.raises(InputError, match="the Gaussians have no labels"):
        done(plain, legend, method="remove")
