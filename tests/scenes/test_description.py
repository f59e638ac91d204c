"""description.yml: SCORP's keys, ours, and what is wrong with them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.base.errors import InputError
from splatsmith.scenes.description import Description, Object, Part, read_description
from splatsmith.scenes.edits import Diffusion, Remove
from splatsmith.scenes.slugs import SLUG, slug_of

SCORP = """\
detect_conf: 0.27
ext: "jpg"
first_image_name: "0001"
iteration: 30000
prompts: "yellow bottle,red bag, Käse"
combine_prompt: true
unseen_ratio: 0.6
rerender: false
box_threshold: 0.35
text_threshold: 0.25

# for view selection
img_num: 4

# for alignment
num_iterations: 6
opt_shape_iterations:
  - 3
  - 4
cam_list_interval: 8
"""


def parse(tmp_path, text: str) -> Description:
    (tmp_path / "description.yml").write_text(text, encoding="utf-8")
    return read_description(tmp_path / "description.yml")


def test_scorp_s_keys_are_read(tmp_path):
    description = parse(tmp_path, SCORP)
    names = [(one.name, one.prompt) for one in description.objects]
    assert names == [("yellow-bottle", "yellow bottle"), ("red-bag", "red bag"), ("kase", "Käse")]
    got = description.model_dump(exclude={"objects", "edits", "prompts"})
    assert got == {
        "ext": "jpg",
        "first_image_name": "0001",
        "detect_conf": 0.27,
        "box_threshold": 0.35,
        "text_threshold": 0.25,
        "combine_prompt": True,
        "img_num": 4,
        "num_iterations": 6,
        "opt_shape_iterations": (3, 4),
        "cam_list_interval": 8,
        "iteration": 30000,
        "unseen_ratio": 0.6,
        "rerender": False,
    }


def test_objects_parts_and_edits(tmp_path):
    text = """\
objects:
  - name: teapot
    prompt: yellow teapot
    boxes: {0001: [12, 40, 88, 120], no: [0, 0, 1.5, 2]}
    points: {0001: [[50, 80], [51, 81]]}
    parts:
      - {name: lid, prompt: the lid}
      - name: spout
edits:
  - {name: blue-lid, target: teapot/lid, method: slamp, prompt: "a teapot with a bright blue lid"}
  - {name: no-teapot, target: teapot, method: remove}
"""
    teapot = Object(
        name="teapot",
        prompt="yellow teapot",
        boxes={"0001": (12, 40, 88, 120), "no": (0, 0, 1.5, 2)},
        points={"0001": ((50, 80), (51, 81))},
        parts=(Part(name="lid", prompt="the lid"), Part(name="spout", prompt="spout")),
    )
    edits = (
        Diffusion(name="blue-lid", target="teapot/lid", method="slamp", prompt="a teapot with a bright blue lid"),
        Remove(name="no-teapot", target="teapot", method="remove"),
    )
    assert parse(tmp_path, text) == Description(objects=(teapot,), edits=edits)


@pytest.mark.parametrize("text", ["", "# nothing\n", "objects: []\n"])
def test_nothing_is_fine(tmp_path, text):
    assert parse(tmp_path, text) == Description()


def test_no_file_is_fine(tmp_path):
    assert read_description(Path(tmp_path, "description.yml")) == Description()


@pytest.mark.parametrize("blank", ["null", "~", ""])
def test_scorp_s_first_image_may_be_left_open(tmp_path, blank):
    assert parse(tmp_path, f"first_image_name: {blank}\n").first_image_name is None


@given(st.text())
def test_every_prompt_has_a_slug_that_is_its_own(prompt):
    slug = slug_of(prompt, "object-1")
    assert re.fullmatch(SLUG, slug)
    assert slug_of(slug, "x") == slug


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        ("objcts: []", "objcts", "did you mean `objects`?"),
        ("promts: a", "promts", "did you mean `prompts`?"),
        ("objects: [{name: a, boxs: {}}]", "objects.0.boxs", "did you mean `boxes`?"),
        ("objects: [{name: a, parts: [{name: b, promt: c}]}]", "objects.0.parts.0.promt", "did you mean `prompt`?"),
        (
            "objects: [{name: lid}]\nedits: [{name: e, target: lidd, method: remove}]",
            "edits.e.target",
            "did you mean `lid`?",
        ),
    ],
)
def test_the_nearest_known_name_is_told(tmp_path, text, where, fix):
    with pytest.raises(InputError) as error:
        parse(tmp_path, text)
    (problem,) = error.value.problems
    assert (problem.where, problem.fix) == (f"{tmp_path / 'description.yml'}: {where}", fix)


@pytest.mark.parametrize(
    "text",
    [
        "objects: [{name: Teapot}]",
        "objects: [{name: a}, {name: a}]",
        "objects: [{name: a, parts: [{name: b}, {name: b}]}]",
        "objects: [{prompt: a}]",
        "objects: [{name: a, boxes: {v: [5, 5, 1, 1]}}]",
        "objects: [{name: a, boxes: {v: [0, 0, nan, 1]}}]",
        "objects: [{name: a, boxes: {v: [0, 0, 1]}}]",
        "objects: [{name: a, points: {v: [[0, -1]]}}]",
        "prompts: a\nobjects: [{name: b}]",
        'prompts: "a, A"',
        "detect_conf: 2",
        "img_num: many",
        "edits: [{name: e, target: x, method: remove}]",
        "objects: [{name: a}]\nedits: [{name: e, target: a, method: vanish}]",
        "- a\n- b",
        "just words",
        "a: [",
        "objects: &o []\nedits: *o",
        "ext: a\next: b",
    ],
)
def test_what_is_wrong_is_refused(tmp_path, text):
    with pytest.raises(InputError):
        parse(tmp_path, text)
