"""The edits of a description.yml: what each method takes, what they build on, and what is wrong with them."""

import json

import pytest

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed, typed_json
from splatsmith.scenes.description import read_description
from splatsmith.scenes.edits import (
    AnyEdit,
    Diffusion,
    Duplicate,
    KeepOnly,
    Move,
    PlainEdit,
    Recolour,
    Remove,
    Rotation,
    Swap,
    rgb_of,
)

OBJECTS = "objects: [{name: can}, {name: mug, parts: [{name: handle}]}]\n"
TARGET = "target: mug"


def edits_of(tmp_path, *lines: str) -> tuple[AnyEdit, ...]:
    text = OBJECTS + "edits:\n" + "".join(f"  - {{{line}}}\n" for line in lines)
    (tmp_path / "description.yml").write_text(text, encoding="utf-8")
    return read_description(tmp_path / "description.yml").edits


def problems_of(tmp_path, *lines: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as error:
        edits_of(tmp_path, *lines)
    return error.value.problems


READ = [
    ("method: extract", KeepOnly(name="e", target="mug", method="extract")),
    ("method: keep-only", KeepOnly(name="e", target="mug", method="keep-only")),
    ("method: remove", Remove(name="e", target="mug", method="remove")),
    ("method: remove, fill: true", Remove(name="e", target="mug", method="remove", fill=True)),
    ("method: recolour, color: purple", Recolour(name="e", target="mug", method="recolour", color="purple")),
    ("method: recolour, prompt: purple", Recolour(name="e", target="mug", method="recolour", color="purple")),
    ("method: recolour, color: '#ff8000'", Recolour(name="e", target="mug", method="recolour", color="#ff8000")),
    (
        "method: move, translate: [1, 2e-1, -3], rotate: {axis: [0, 0, 2], degrees: 90}, scale: 0.5",
        Move(
            name="e",
            target="mug",
            method="move",
            translate=(1, 0.2, -3),
            rotate=Rotation(axis=(0, 0, 2), degrees=90),
            scale=0.5,
        ),
    ),
    ("method: duplicate, scale: 2", Duplicate(name="e", target="mug", method="duplicate", scale=2)),
    ("method: swap, with: can", Swap(**{"name": "e", "target": "mug", "method": "swap", "with": "can"})),
    ("method: slamp+rsds, prompt: x", Diffusion(name="e", target="mug", method="slamp+rsds", prompt="x")),
]


@pytest.mark.parametrize(("text", "edit"), READ)
def test_each_method_has_its_own_keys(tmp_path, text, edit):
    assert edits_of(tmp_path, f"name: e, {TARGET}, {text}") == (edit,)


@pytest.mark.parametrize("edit", [edit for _, edit in READ if not isinstance(edit, Diffusion)])
def test_an_edit_survives_json(edit):
    assert typed_json(PlainEdit, json.dumps(edit.model_dump(mode="json"), sort_keys=True), "--edit") == edit


def test_what_needs_diffusion_is_no_plain_edit():
    value = {"name": "e", "target": "mug", "method": "rsds", "prompt": "x"}
    assert typed(AnyEdit, value, "here").method == "rsds"
    with pytest.raises(InputError) as error:
        typed(PlainEdit, value, "here")
    assert error.value.problems[0].got == "'rsds'"


@pytest.mark.parametrize(
    ("color", "rgb"), [("purple", (128, 0, 128)), ("Lime", (0, 255, 0)), ("#0a0B0c", (10, 11, 12))]
)
def test_colours_are_those_of_css(color, rgb):
    assert rgb_of(color) == rgb


def test_edits_may_stand_before_what_they_come_after(tmp_path):
    first, second, third = edits_of(
        tmp_path,
        f"name: c, {TARGET}, method: remove, after: b",
        f"name: b, {TARGET}, method: slamp, prompt: x, after: a",
        "name: a, target: mug/handle, method: recolour, color: red",
    )
    assert (first.after, second.after, third.after) == ("b", "a", None)


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        ("method: recolor, color: red", "0.method", "did you mean `recolour`?"),
        ("method: recolour, colour: red", "0.colour", "did you mean `color`?"),
        ("method: remove, fil: true", "0.fil", "did you mean `fill`?"),
        ("method: remove, scale: 2", "0.scale", "remove it"),
        ("method: move, rotate: {axes: [0, 0, 1], degrees: 3}", "0.rotate.axes", "did you mean `axis`?"),
        ("method: swap, wth: can", "0.wth", "did you mean `with`?"),
        ("method: swap, with: cann", "e.with", "did you mean `can`?"),
        ("method: remove, after: ee", "e.after", "did you mean `e`?"),
        ("method: remove, after: zzz", "e.after", "name another edit, or leave `after` out"),
        ("color: red", "0.method", "add it"),
        ("method: recolour", "0.color", "add it"),
        ("method: swap", "0.with", "add it"),
    ],
)
def test_what_is_wrong_is_told_with_the_nearest_right(tmp_path, text, where, fix):
    problems = problems_of(tmp_path, f"name: e, {TARGET}, {text}")
    assert (f"{tmp_path / 'description.yml'}: edits.{where}", fix) in [(p.where, p.fix) for p in problems]


def test_keys_are_those_of_the_method(tmp_path):
    (problem,) = problems_of(tmp_path, f"name: e, {TARGET}, method: remove, zzz: 1")
    assert problem.expected == "one of after, fill, method, name, target"
    problem = problems_of(tmp_path, f"name: e, {TARGET}, method: swap, zzz: 1")[-1]
    assert problem.expected == "one of after, method, name, target, with"


def test_a_colour_s_nearest_name_is_told(tmp_path):
    (problem,) = problems_of(tmp_path, f"name: e, {TARGET}, method: recolour, color: purpel")
    assert problem.expected == "a CSS colour such as purple, or #rrggbb; did you mean `purple`?"
    assert problem.where.endswith("edits.0.color")


@pytest.mark.parametrize(
    "text",
    [
        "method: recolour, color: a bright purple hat",
        "method: recolour, color: '#ff00'",
        "method: recolour, color: '#ff00ff00'",
        "method: recolour, color: red, prompt: red",
        "method: move",
        "method: move, scale: 1",
        "method: move, scale: 0",
        "method: move, scale: -1",
        "method: move, translate: [0, 0, nan]",
        "method: move, translate: [0, 1]",
        "method: move, rotate: {axis: [0, 0, 0], degrees: 90}",
        "method: move, rotate: {axis: [0, 0, 1]}",
        "method: duplicate",
        "method: remove, fill: maybe",
        "method: remove, prompt: gone",
    ],
)
def test_values_that_say_nothing_are_refused(tmp_path, text):
    (problem,) = problems_of(tmp_path, f"name: e, {TARGET}, {text}")
    assert "edits.0" in problem.where


@pytest.mark.parametrize("other", ["mug", "mug/handle"])
def test_nothing_is_swapped_with_a_part_of_itself(tmp_path, other):
    (problem,) = problems_of(tmp_path, f"name: e, {TARGET}, method: swap, with: {other}")
    assert problem.what == "nothing can be swapped with itself or a part of itself"
    (problem,) = problems_of(tmp_path, f"name: e, target: {other}, method: swap, with: mug")
    assert problem.where.endswith("edits.e.with")


def test_a_circle_is_told_once(tmp_path):
    lines = [
        f"name: {name}, {TARGET}, method: remove, after: {after}" for name, after in ("bc", "ca", "ab", "da", "ee")
    ]
    circle, itself = problems_of(tmp_path, *lines)
    assert circle.what == itself.what == "edits wait for one another"
    assert (circle.where, circle.got) == (f"{tmp_path / 'description.yml'}: edits.a.after", "a after b after c after a")
    assert itself.got == "e after e"
