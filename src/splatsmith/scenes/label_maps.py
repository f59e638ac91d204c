"""Label maps: which object every pixel of a view shows; and the legend that gives the numbers names.

    <view>.png     16-bit grey PNG, as large as the view: a number of the legend, 0 where none of its objects is
    <view>.npz     soft map: the few likeliest numbers of every pixel with their probabilities
    legend.json    {"rest": "background" | "unknown", "entries": [{"id", "name", "prompt", "parent"}, ...]}

An object's pixels are those with its own number or with that of a part of it, at any depth.
"""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed_json
from splatsmith.scenes.description import Slug
from splatsmith.scenes.pictures import FAULTS

MOST_ID = 2**16 - 1
KEPT = 4
"""Numbers per pixel that a soft map keeps."""
LEGEND_NAME = "legend.json"
GREY_MODES = ("L", "P", "1", "I;16", "I;16B", "I")
"""Pillow's names for pictures with one whole number per pixel."""


class Entry(BaseModel):
    """One object, or one part of an object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[int, Field(ge=1, le=MOST_ID)]
    name: Slug
    """Unique among the entries with the same parent."""
    prompt: str = ""
    """What a person called it."""
    parent: int | None = None
    """Number of the object that this is a part of."""


class Legend(BaseModel):
    """What the numbers of a scene's label maps mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rest: Literal["background", "unknown"] = "background"
    """What 0 means: certainly none of the objects, or nobody looked."""
    entries: tuple[Entry, ...] = ()
    """Sorted by number; a part's number is larger than its object's."""

    @model_validator(mode="after")
    def _is_a_forest(self) -> "Legend":
        ids = [entry.id for entry in self.entries]
        if ids != sorted(set(ids)):
            raise ValueError("numbers are given once each, in ascending order")
        for entry in self.entries:
            if entry.parent is not None and (entry.parent not in ids or entry.parent >= entry.id):
                raise ValueError(f"`{entry.name}` names a parent {entry.parent} that does not stand before it")
        twice = [name for (name, _), count in Counter((e.name, e.parent) for e in self.entries).items() if count > 1]
        if twice:
            raise ValueError(f"names are given twice: {', '.join(twice)}")
        return self

    @property
    def paths(self) -> dict[str, int]:
        """Numbers by path: `mug`, `mug/handle`."""
        by_id = {entry.id: entry for entry in self.entries}

        def path(entry: Entry) -> str:
            return entry.name if entry.parent is None else f"{path(by_id[entry.parent])}/{entry.name}"

        return {path(entry): entry.id for entry in self.entries}

    def family(self, id: int) -> tuple[int, ...]:
        """`id` and the numbers of all its parts, at any depth, ascending."""
        members = {id}
        for entry in self.entries:  # parents stand before their parts
            if entry.parent in members:
                members.add(entry.id)
        return tuple(sorted(members))


def write_legend(path: Path, legend: Legend) -> None:
    """Write it as JSON, atomically."""
    files.write_json(path, legend.model_dump(mode="json"))


def read_legend(path: Path) -> Legend:
    """Read what `write_legend` wrote. Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        what, fix = "the legend of the label maps cannot be read", "redo the stage that makes it"
        raise InputError(Problem(what, str(path), fix, got=str(error))) from None
    return typed_json(Legend, text, str(path))


def write_label_map(path: Path, labels: np.ndarray) -> None:
    """Write labels (H, W), whole numbers of 0 to 65535, as a 16-bit PNG, atomically."""
    if labels.size and not 0 <= labels.min() <= labels.max() <= MOST_ID:
        raise ValueError(f"a label map holds 0 to {MOST_ID}, got {labels.min()} to {labels.max()}")
    with files.atomic_path(path) as temporary:
        Image.fromarray(labels.astype(np.uint16)).save(temporary, "PNG", compress_level=4)


def read_label_map(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """(H, W) uint16 of a grey or palette PNG of 1, 8 or 16 bits. `size` = (W, H) that it must have.

    Raises InputError where it is missing, damaged, of another size, or has colours instead of numbers.
    """
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            mode, found = picture.mode, picture.size
            if size is not None and found != size:
                raise _unusable(path, f"{size[0]}x{size[1]} pixels, as its photo has", f"{found[0]}x{found[1]}")
            if mode not in GREY_MODES:
                raise _unusable(path, "one whole number per pixel (grey or palette)", f"mode {mode}")
            labels = np.asarray(picture).astype(np.int64)
    except FileNotFoundError:
        raise _unusable(path, "a label map", "no such file") from None
    except FAULTS as error:
        raise _unusable(path, "a whole PNG", " ".join(str(error).split()) or type(error).__name__) from None
    if labels.min() < 0 or labels.max() > MOST_ID:
        raise _unusable(path, f"numbers of 0 to {MOST_ID}", f"{labels.min()} to {labels.max()}")
    return labels.astype(np.uint16)


def write_soft_map(path: Path, ids: np.ndarray, probabilities: np.ndarray) -> None:
    """Write the likeliest numbers of each pixel, ids (H, W, T) with probabilities (H, W, T) in [0, 1], atomically."""
    levels = np.round(np.clip(probabilities, 0, 1) * 255).astype(np.uint8)
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, ids=ids.astype(np.uint16), levels=levels)


def read_soft_map(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """ids (H, W, T) uint16, the likeliest first, and probabilities (H, W, T) float32. Raises InputError."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            ids, levels = stored["ids"], stored["levels"]
    except (*FAULTS, KeyError, zipfile.BadZipFile) as error:
        raise _unusable(path, "a soft map", str(error)) from None
    return ids, levels.astype(np.float32) / 255


def _unusable(path: Path, expected: str, got: str) -> InputError:
    fix = "write it again, or redo the stage that made it"
    return InputError(Problem("a label map is missing or damaged", str(path), fix, expected, got))
