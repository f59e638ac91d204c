"""Untyped data meets its model: every problem at once, each with its place and the nearest known key."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base.errors import InputError
from splatsmith.base.typed import typed, typed_json


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    prompt: str = ""


class Description(BaseModel):
    model_config = ConfigDict(extra="forbid")
    objects: list[Part] = []
    by_name: dict[str, Part | None] = {}
    steps: int = 3


class Turn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["turn", "roll"]
    degrees: float
    about: str = Field(default="z", alias="with")


class Shift(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["shift"]
    by: tuple[float, float] = (0, 0)


Motion = Annotated[Turn | Shift, Field(discriminator="kind")]


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")
    motions: list[Motion] = []


def problems(value: object) -> list[tuple[str, str, str | None, str | None, str]]:
    with pytest.raises(InputError) as error:
        typed(Description, value, "a.yml")
    return [(p.what, p.where, p.expected, p.got, p.fix) for p in error.value.problems]


def test_valid_data_become_the_model():
    assert typed(Description, {"objects": [{"name": "lid"}]}, "a.yml").objects[0].name == "lid"


def test_an_unknown_key_names_the_nearest_one():
    assert problems({"object": []}) == [
        ("unknown key `object`", "a.yml: object", "one of by_name, objects, steps", None, "did you mean `objects`?")
    ]


def test_nearest_keys_are_those_of_the_place():
    assert problems({"objects": [{"name": "lid", "promt": "a lid"}]})[0][1:] == (
        *("a.yml: objects.0.promt", "one of name, prompt", None, "did you mean `prompt`?"),
    )
    assert problems({"by_name": {"lid": {"name": "lid", "nme": 1}}})[0][-1] == "did you mean `name`?"


def test_a_key_like_no_other_is_to_be_removed():
    assert problems({"zzz": 1})[0][-1] == "remove it"


def test_every_problem_is_told_at_once():
    found = problems({"steps": "many", "objects": [{}], "stesp": 1})
    assert [(what, where) for what, where, *_ in found] == [
        ("missing key `name`", "a.yml: objects.0.name"),
        ("invalid value", "a.yml: steps"),
        ("unknown key `stesp`", "a.yml: stesp"),
    ]
    assert found[1][3] == "'many'"


def test_a_long_value_is_cut():
    assert len(problems({"steps": "m" * 1000})[0][3]) == 80


def test_json_text():
    assert typed_json(Description, '{"steps": 4}', "--config").steps == 4
    with pytest.raises(InputError, match="Invalid JSON"):
        typed_json(Description, '{"steps": 4', "--config")


def test_a_union_is_read_by_its_tag():
    assert typed(Motion, {"kind": "roll", "degrees": "3", "with": "x"}, "here").about == "x"
    assert typed_json(Motion, '{"kind": "shift", "by": [1, 2]}', "here") == Shift(kind="shift", by=(1, 2))


@pytest.mark.parametrize(
    ("motion", "told"),
    [
        ({"kind": "turn", "degree": 3}, ("unknown key `degree`", "degree", "one of degrees, kind, with", "degrees")),
        ({"kind": "roll", "wth": "x"}, ("unknown key `wth`", "wth", "one of degrees, kind, with", "with")),
        ({"kind": "shift", "bye": 3}, ("unknown key `bye`", "bye", "one of by, kind", "by")),
        ({"kind": "shfit"}, ("invalid value", "kind", "one of turn, roll, shift", "shift")),
    ],
)
def test_a_union_s_problems_are_those_of_the_tagged_member(motion, told):
    """Pydantic's own name for the member is no part of the place, which is that in the file."""
    what, key, expected, near = told
    for kind, value, place in ((Motion, motion, ""), (Plan, {"motions": [motion]}, "motions.0.")):
        with pytest.raises(InputError) as error:
            typed(kind, value, "a.yml")
        problem = error.value.problems[-1]
        assert (problem.what, problem.where, problem.expected) == (what, f"a.yml: {place}{key}", expected)
        assert problem.fix == f"did you mean `{near}`?"


def test_a_union_without_its_tag_misses_it():
    with pytest.raises(InputError) as error:
        typed(Plan, {"motions": [{"by": [1, 2]}]}, "a.yml")
    (problem,) = error.value.problems
    assert (problem.what, problem.where, problem.fix) == ("missing key `kind`", "a.yml: motions.0.kind", "add it")
