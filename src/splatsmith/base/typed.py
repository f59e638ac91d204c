"""Untyped data (YAML, JSON) into pydantic models, with errors that name the place and the nearest known key."""

from difflib import get_close_matches
from typing import Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from splatsmith.base.errors import InputError, Problem

Value = TypeVar("Value")


def typed(kind: type[Value], value: object, where: str) -> Value:
    """`value` as a `kind`: a model, or a union of models that one of their fields tells apart.

    Raises InputError with every problem at once; `where` names the file or the option.
    """
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise InputError(*(_problem(kind, detail, where) for detail in error.errors())) from None


def typed_json(kind: type[Value], text: str, where: str) -> Value:
    """A JSON text as a `kind`. Raises InputError, also when it is not JSON; takes exactly what JSON can say."""
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise InputError(*(_problem(kind, detail, where) for detail in error.errors())) from None


def _problem(kind: object, detail: dict, where: str) -> Problem:
    path, models = _located(kind, [str(step) for step in detail["loc"]])
    if detail["type"].startswith("union_tag_"):
        path.append(detail["ctx"]["discriminator"].strip("'"))
    place = f"{where}: {'.'.join(path)}" if path else where
    match detail["type"]:
        case "extra_forbidden":
            known = sorted({name for model in models for name in _fields(model)})
            fix, expected = _nearest(path[-1], known, "remove it"), f"one of {', '.join(known)}"
            return Problem(f"unknown key `{path[-1]}`", place, fix, expected)
        case "missing" | "union_tag_not_found":
            return Problem(f"missing key `{path[-1]}`", place, "add it")
        case "union_tag_invalid":
            tag, tags = str(detail["ctx"]["tag"]), detail["ctx"]["expected_tags"].replace("'", "")
            fix = _nearest(tag, tags.split(", "), "change the value")
            return Problem("invalid value", place, fix, f"one of {tags}", repr(tag))
    got = repr(detail["input"])
    message = detail["msg"].removeprefix("Value error, ")
    return Problem("invalid value", place, "change the value", message, got if len(got) <= 80 else got[:77] + "...")


def _nearest(name: str, known: list[str], otherwise: str) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise


def _located(kind: object, steps: list[str]) -> tuple[list[str], list[type[BaseModel]]]:
    """A place as its author wrote it, and the models that hold what is there.

    Pydantic names the chosen member of a union as a step of its own, by its tag: it is left out. Steps that are no
    field (list indices, names in a mapping, unknown keys) lead to no other model.
    """
    here, path = _models_in(kind), []
    for step in steps:
        tagged = [model for model in here if step in _tags(model)]
        if tagged and len(here) > 1:
            here = tagged
            continue
        path.append(step)
        fields = [_fields(model)[step] for model in here if step in _fields(model)]
        here = [model for field in fields for model in _models_in(field.annotation)] or here
    return path, here


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the names that are read."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _tags(model: type[BaseModel]) -> set[object]:
    """The values of the fields that allow only a few."""
    annotations = [field.annotation for field in model.model_fields.values()]
    return {value for annotation in annotations if get_origin(annotation) is Literal for value in get_args(annotation)}


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
