"""Untyped data (YAML, JSON) into pydantic models, with errors that name the place and the nearest known key."""

from difflib import get_close_matches
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from splatsmith.base.errors import InputError, Problem

Model = TypeVar("Model", bound=BaseModel)


def typed(model: type[Model], value: object, where: str) -> Model:
    """`value` as a `model`. Raises InputError with every problem at once; `where` names the file or the option."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InputError(*(_problem(model, detail, where) for detail in error.errors())) from None


def typed_json(model: type[Model], text: str, where: str) -> Model:
    """A JSON text as a `model`. Raises InputError, also when it is not JSON; takes exactly what JSON can say."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InputError(*(_problem(model, detail, where) for detail in error.errors())) from None


def _problem(model: type[BaseModel], detail: dict, where: str) -> Problem:
    path = [str(step) for step in detail["loc"]]
    place = f"{where}: {'.'.join(path)}" if path else where
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        near = get_close_matches(path[-1], known, n=1)
        fix = f"did you mean `{near[0]}`?" if near else "remove it"
        return Problem(f"unknown key `{path[-1]}`", place, fix, expected=f"one of {', '.join(known)}")
    if detail["type"] == "missing":
        return Problem(f"missing key `{path[-1]}`", place, "add it")
    got = repr(detail["input"])
    message = detail["msg"].removeprefix("Value error, ")
    return Problem("invalid value", place, "change the value", message, got if len(got) <= 80 else got[:77] + "...")


def _known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that may stand at `path`. Steps that are no field (list indices, names in a mapping) are passed over."""
    here = [model]
    for step in path:
        inner = [m for one in here if step in one.model_fields for m in _models_in(one.model_fields[step].annotation)]
        here = inner or here
    return sorted({name for one in here for name in one.model_fields})


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
