"""JSON and YAML files that people write, as plain values. `base.typed` then gives them their types.

YAML scalars stay text until a model types them, so that a view called `0001`, `no` or `1e3` keeps its name.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from splatsmith.base.errors import InputError, Problem

MAX_BYTES = 256 * 2**20
"""Longer documents are refused: no scene needs them, and parsing them would eat the memory."""


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises InputError when it is missing, not text, not JSON, or nested absurdly deep."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(path, "JSON", f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except (RecursionError, ValueError) as error:
        raise _broken(path, "JSON", str(error)) from None


def read_yaml(path: Path) -> Any:
    """The value of a YAML file, made of dict, list and str alone. Raises InputError as `read_json` does.

    Keys given twice, and aliases (`*name`: a small file could unfold to gigabytes), are errors.
    """
    text = read_text(path)
    try:
        return yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise _broken(path, "YAML", f"{error.problem or error.context}{place}") from None
    except yaml.YAMLError as error:
        raise _broken(path, "YAML", " ".join(str(error).split())) from None
    except (RecursionError, ValueError) as error:
        raise _broken(path, "YAML", str(error)) from None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark. Raises InputError."""
    data = read_bytes(path)
    if len(data) > MAX_BYTES:
        expected = f"at most {MAX_BYTES} bytes"
        raise InputError(Problem("the file is too long", str(path), "shorten it", expected, f"{len(data)} bytes"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fix = "save the file as UTF-8 text"
        raise InputError(Problem("the file is not UTF-8 text", f"{path}: byte {error.start}", fix)) from None


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(Problem("the file cannot be read", str(path), "restore it", got=error.strerror)) from None


def _broken(path: Path, kind: str, message: str) -> InputError:
    return InputError(Problem(f"the file is not valid {kind}", str(path), f"correct the {kind}", got=message))


class _TextLoader(yaml.BaseLoader):
    """PyYAML's BaseLoader (text, lists and mappings alone), without aliases and repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.constructor.ConstructorError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        mapping = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(problem="a key is not text", problem_mark=key_node.start_mark)
            if key in mapping:
                problem = f"the key `{key}` is given twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping
