"""Results on disk, read for a page: files are given out only as their manifest lists them, and documents as they should
be; whatever is not so is an InputError that names the file and the stage to redo."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.pictures import read_picture

Parsed = TypeVar("Parsed")


class Document(BaseModel):
    """What the page needs of a JSON file; further keys are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


@dataclass(frozen=True, eq=False)
class Listed:
    """The folder that a stage wrote."""

    folder: Path
    stage: str
    manifest: dict[str, str]

    @classmethod
    def at(cls, folder: Path, stage: str) -> "Listed":
        """The folder as its manifest has it. Raises InputError where there is none."""
        return cls(folder, stage, read_json(dict[str, str], folder / "manifest.json", stage))

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        data = read_bytes(self.folder / name, self.stage)
        if hashlib.sha256(data).hexdigest() != self.manifest.get(name):
            raise unusable(self.folder / name, self.stage, "its bytes are not those that the manifest lists")
        return data

    def picture(self, name: str) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        self.read(name)
        return read_picture(self.folder / name)

    def json(self, kind: type[Parsed], name: str) -> Parsed:
        """A JSON file as a `kind`."""
        return parsed(kind, self.read(name), self.folder / name, self.stage)


def read_json(kind: type[Parsed], path: Path, stage: str) -> Parsed:
    """A JSON file that `stage` wrote as a `kind`."""
    return parsed(kind, read_bytes(path, stage), path, stage)


def parsed(kind: type[Parsed], text: bytes, path: Path, stage: str) -> Parsed:
    """JSON as a `kind`; `path` is where it stands."""
    try:
        return TypeAdapter(kind).validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise unusable(path, stage, f"{place}: {first['msg']}" if place else first["msg"]) from None


def read_bytes(path: Path, stage: str) -> bytes:
    """A whole file that `stage` wrote."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise unusable(path, stage, "no such file") from None
    except OSError as error:
        raise unusable(path, stage, str(error)) from None


def unusable(path: Path, stage: str, got: str) -> InputError:
    """That a result which `stage` wrote is not as it should be."""
    fix = f"redo the stage {stage}: ./run redo {stage}"
    return InputError(Problem("a result that the report shows is missing or damaged", str(path), fix, got=got))
