"""Untyped data meets its model: every problem at once, each with its place and the nearest known key."""

import pytest
from pydantic import BaseModel, ConfigDict

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
