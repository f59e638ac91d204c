"""The tables of config/README.md, made from the models: python tools/config_reference.py; --check only compares."""

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from splatsmith.config import SECTIONS, Scene, WorkflowConfig
from splatsmith.segment3d.config import GradisegConfig

TARGET = Path(__file__).resolve().parent.parent / "config" / "README.md"
INTRODUCTION = """\
# Configuration

Made from the models by tools/config_reference.py: change those, then run it.

`config/config.yaml` says which scenes to work on and how. Another file can be laid over it, or, when it lists scenes of
its own, stand in for it: `./run --configfile mine.yaml`. Single keys of the top level can be given in the command:
`./run --config backend=cpu`.

Every key has a default, and an unknown key is an error that names the nearest known one. A scene may override any
key of any section:

```yaml
scenes:
  demo:
    path: resources/demo
  garden:
    path: ../captures/garden
    train: {preset: high}
train:
  preset: standard
```

The `backend` of the top level is that of every section which names none. Later stages draw with the background and the
antialiasing of the training, unless their section says otherwise.

A stage runs again when a key that it reads gets another value. Comments, order and defaults written out change nothing.
"""


def reference() -> str:
    """The whole file."""
    parts = [INTRODUCTION, "## Top level\n", *_table(_own_fields(WorkflowConfig))]
    parts += ["", "## A scene, under `scenes`\n", *_table(_own_fields(Scene))]
    names = " ".join(f"`{name}`" for name in SECTIONS)
    parts += [f"| {names} | mapping | `{{}}` | What differs from the sections below. |"]
    for name, model in SECTIONS.items():
        stage = model.__module__.rpartition(".")[2]
        parts += ["", f"## Section `{name}`, for the stage `{stage}`\n", *_table(_fields(model))]
        if name == "train":
            parts += ["", "What the presets set, unless a key is given beside them:", "", *_presets(model)]
        if name == "segment":
            parts += ["", "What the presets of `gradiseg` set, likewise:", "", *_presets(GradisegConfig)]
    return "\n".join(parts) + "\n"


def _presets(model: type[BaseModel]) -> list[str]:
    """The keys that differ between the presets."""
    presets = {name: model(preset=name) for name in get_args(model.model_fields["preset"].annotation)}
    rows = [f"| key | {' | '.join(f'`{name}`' for name in presets)} |", f"| --- |{' --- |' * len(presets)}"]
    for key in model.model_fields:
        values = [_yaml(getattr(preset, key)) for preset in presets.values()]
        if key != "preset" and len(set(values)) > 1:
            rows.append(f"| `{key}` | {' | '.join(values)} |")
    return rows


def _own_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    return ((name, field) for name, field in _fields(model) if name not in SECTIONS)


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a section, those of nested mappings with dots."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _table(fields: Iterator[tuple[str, FieldInfo]]) -> list[str]:
    rows = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    if not (keys := list(fields)):
        return ["It has no keys."]
    for name, field in keys:
        default = "required" if field.is_required() else f"`{_yaml(field.default)}`"
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {_values(field.annotation)} | {default} | {meaning} |")
    return rows


def _values(annotation: Any) -> str:
    """What a field takes, for people."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(arguments[0])
    if origin is Literal:
        return " \\| ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " \\| ".join(_values(one) for one in arguments)
    if origin is tuple and arguments[-1] is ...:
        return f"[{_values(arguments[0])}, ...]"
    if origin is tuple:
        return f"[{', '.join(_values(one) for one in arguments)}]"
    if origin is dict:
        return "mapping"
    return {str: "text", int: "whole number", float: "number", bool: "true \\| false", type(None): "null"}[annotation]


def _yaml(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    """Write the file, or leave with a message when it differs from what it should be."""
    text = reference()
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.exit("config/README.md does not follow the models: run python tools/config_reference.py")


if __name__ == "__main__":
    main()
