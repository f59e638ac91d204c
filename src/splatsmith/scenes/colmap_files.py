"""Structure of COLMAP's model files, tested before pycolmap parses them, and what pycolmap does not hand out.

A damaged count makes pycolmap's reader allocate without bound or run for hours, so every binary record is walked
here: each must lie within its file. On the way the photos' names are kept, since pycolmap cuts them at the first space
when it reads text. Layouts: https://colmap.github.io/format.html
"""

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.documents import read_bytes
from splatsmith.scenes.lens import known_models
from splatsmith.scenes.poses import TOLERANCE

FIX = "export or copy the COLMAP model again: the file was cut short or damaged"

COUNT = struct.Struct("<Q")
CAMERA = struct.Struct("<IiQQ")  # id, model, width, height; then the parameters, 8 bytes each
IMAGE = struct.Struct("<I7dI")  # id, quaternion and translation, camera; then the name, and 24 bytes per 2D point
POINT = struct.Struct("<Q3d3BdQ")  # id, xyz, rgb, error, length of the track; then 8 bytes per element of the track

Names = dict[int, str]
"""Photos' names by image id."""

Found = TypeVar("Found")


class _DamagedError(Exception):
    def __init__(self, expected: str, got: str, what: str = "the COLMAP file is damaged", fix: str = FIX):
        super().__init__(expected, got)
        self.expected, self.got = expected, got if len(got) <= 80 else got[:77] + "..."
        self.what, self.fix = what, fix

    def at(self, where: str) -> InputError:
        return InputError(Problem(self.what, where, self.fix, self.expected, self.got))


class _UnknownModelError(_DamagedError):
    def __init__(self, got: str):
        known = ", ".join(f"{model.id} {name}" for name, model in known_models().items())
        fix = "export with a model of these, or undistort first: colmap image_undistorter"
        super().__init__(f"one of {known}", got, "the camera model is unknown", fix)


def model_suffix(folder: Path) -> str | None:
    """`.bin` or `.txt`, as the folder's COLMAP model has it (binary first); None where the folder has no model.

    Raises InputError where only some of a model's files are there.
    """
    for suffix in (".bin", ".txt"):
        files = [folder / f"{part}{suffix}" for part in PARTS]
        missing = [file for file in files if not file.is_file()]
        if not missing:
            return suffix
        if len(missing) < len(files):
            fix = f"restore it: a model has {', '.join(file.name for file in files)}"
            raise InputError(*(Problem("a file of the COLMAP model is missing", str(file), fix) for file in missing))
    return None


def walk_model(folder: Path, suffix: str) -> Names:
    """Walk every record of a model. Raises InputError with the first damaged record of each file."""
    problems, names = [], {}
    for part, walks in PARTS.items():
        try:
            names |= walks[suffix](folder / f"{part}{suffix}")
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return names


def _cameras_binary(path: Path) -> Names:
    parameters = {model.id: model.parameters for model in known_models().values()}

    def tail(data: bytes, at: int, head: tuple) -> int:
        if head[1] not in parameters:
            raise _UnknownModelError(str(head[1]))
        return 8 * parameters[head[1]]

    for _ in _records(path, CAMERA, tail):
        pass
    return {}


def _images_binary(path: Path) -> Names:
    def tail(data: bytes, at: int, head: tuple) -> int:
        _require_unit(head[1:5])
        end = data.find(b"\0", at)
        if end < 0:
            raise _DamagedError("a name that ends", "the end of the file")
        return end + 1 - at + COUNT.size + 24 * _unpack(COUNT, data, end + 1)[0]

    names = {}
    for data, at, head in _records(path, IMAGE, tail):
        names[head[0]] = data[at : data.index(b"\0", at)].decode("utf-8", "surrogateescape")
    return names


def _points_binary(path: Path) -> Names:
    for _ in _records(path, POINT, lambda data, at, head: 8 * head[-1]):
        pass
    return {}


def _records(
    path: Path, fixed: struct.Struct, tail: Callable[[bytes, int, tuple], int]
) -> Iterator[tuple[bytes, int, tuple]]:
    """Walk a file of counted records: yields the data, where the record's tail begins, and its fixed part.

    `tail` tells the length of the part that varies. Raises InputError unless the records fill the file exactly.
    """
    data, at, index = read_bytes(path), 0, 0
    try:
        (count,) = _unpack(COUNT, data, at)
        at += COUNT.size
        for index in range(1, count + 1):  # noqa: B007 (told when a record is damaged)
            head = _unpack(fixed, data, at)
            at += fixed.size
            length = tail(data, at, head)
            if at + length > len(data):
                raise _DamagedError(f"{length} bytes from byte {at} on", f"{len(data)} bytes in all")
            yield data, at, head
            at += length
        if at != len(data):
            raise _DamagedError(f"{at} bytes for {count} records", f"{len(data)} bytes")
    except _DamagedError as damage:
        where = f"{path}: record {index} of {count}" if index else f"{path}: header"
        raise damage.at(where) from None


def _unpack(layout: struct.Struct, data: bytes, at: int) -> tuple:
    if at + layout.size > len(data):
        raise _DamagedError(f"{layout.size} bytes from byte {at} on", f"{len(data)} bytes in all")
    return layout.unpack_from(data, at)


def _require_unit(quat: Iterable[float]) -> None:
    """pycolmap takes a zero quaternion for no rotation, so it is found here. NaN passes, to be told with the pose."""
    length = math.hypot(*quat)
    if abs(length - 1) > TOLERANCE:
        raise _DamagedError("a unit quaternion", f"length {length:.3g}")


def _cameras_text(path: Path) -> Names:
    def check(line: str) -> None:
        fields, models = line.split(), known_models()
        model = fields[1] if len(fields) > 1 else ""
        if model not in models:
            raise _UnknownModelError(model)
        if len(fields) != 4 + models[model].parameters:
            raise _DamagedError(f"id, {model}, width, height and {models[model].parameters} parameters", line)

    for _ in _lines(path, check):
        pass
    return {}


def _images_text(path: Path) -> Names:
    def check(line: str) -> tuple[int, str]:
        fields = line.split(maxsplit=9)
        try:
            image_id, quat, name = int(fields[0]), map(float, fields[1:5]), fields[9]
            _require_unit(quat)
        except (ValueError, IndexError):
            raise _DamagedError("IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME", line) from None
        return image_id, name

    return dict(_lines(path, check, skip=1))  # the line after, blank or not, holds the 2D points


def _points_text(path: Path) -> Names:
    def check(line: str) -> None:
        count = len(line.split())
        if count < 8 or count % 2:
            raise _DamagedError("POINT3D_ID X Y Z R G B ERROR, then pairs IMAGE_ID POINT2D_IDX", line)

    for _ in _lines(path, check):
        pass
    return {}


def _lines(path: Path, check: Callable[[str], Found], skip: int = 0) -> Iterator[Found]:
    """What `check` makes of each line that is neither blank nor a comment; `skip` lines are passed over after it."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            numbered = enumerate(file, 1)
            for number, line in numbered:
                line = line.strip()
                if line and not line.startswith("#"):
                    try:
                        yield check(line)
                    except _DamagedError as damage:
                        raise damage.at(f"{path}: line {number}") from None
                    for _ in range(skip):
                        next(numbered, None)
    except OSError as error:
        raise InputError(Problem("the file cannot be read", str(path), "restore it", got=error.strerror)) from None


PARTS: dict[str, dict[str, Callable[[Path], Names]]] = {
    "cameras": {".bin": _cameras_binary, ".txt": _cameras_text},
    "images": {".bin": _images_binary, ".txt": _images_text},
    "points3D": {".bin": _points_binary, ".txt": _points_text},
}
