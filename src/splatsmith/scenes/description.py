"""`description.yml`: what the scene holds and what is to be done with it. SCORP's keys are all still read.

    objects:
      - name: teapot                            # slug: what people type, and what files are called
        prompt: yellow teapot                   # what a detector reads; default: the name
        boxes: {frame_003: [12, 40, 88, 120]}   # optional, x0 y0 x1 y1 in pixels of the photo as given
        points: {frame_003: [[50, 80]]}         # optional, x y in pixels of the photo as given
        parts:
          - {name: lid, prompt: lid}
        complete: true                          # optional: make it whole, or `{file: teapot.glb}` to put in its place
    edits:
      - {name: blue-lid, target: teapot/lid, method: slamp, prompt: a teapot with a bright blue lid}
      - {name: no-teapot, target: teapot, method: remove}

SCORP's `prompts: "yellow bottle,red bag"` gives one object for each prompt, named by its slug.

What an edit may be is said in `edits.py`.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.scenes.documents import read_yaml
from splatsmith.scenes.edits import AnyEdit, edit_problems
from splatsmith.scenes.names import photo_path
from splatsmith.scenes.slugs import Slug, slug_of

FILE_NAME = "description.yml"

Coordinate = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
"""Pixels of the photo as given."""


def _ordered(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError("a box is x0 y0 x1 y1 with x0 < x1 and y0 < y1")
    return box


def _none_if_blank(value: object) -> object:
    return None if value in ("", "null", "~", "None") else value


def _inside(path: str) -> str:
    photo_path(path)  # raises BadNameError, a ValueError, where it leaves the folder
    return path


Inside = Annotated[str, AfterValidator(_inside)]
"""A file of the scene's folder, by its path from there."""
Box = Annotated[tuple[Coordinate, Coordinate, Coordinate, Coordinate], AfterValidator(_ordered)]
Point = tuple[Coordinate, Coordinate]
Name = Annotated[str | None, BeforeValidator(_none_if_blank)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Model):
    """A part of an object."""

    name: Slug
    prompt: str = ""
    """What a detector reads; the name where it is not given."""

    @model_validator(mode="before")
    @classmethod
    def _prompt_is_the_name(cls, value: object) -> object:
        return {"prompt": value["name"]} | value if isinstance(value, dict) and "name" in value else value


class Completion(_Model):
    """How an object that was badly seen is made whole."""

    file: Inside | None = None
    """A proxy to use: a PLY of Gaussians or a mesh (OBJ, PLY, GLB), relative to the scene's folder."""
    pose: Inside | None = None
    """A YAML file that says where the proxy stands, relative to the scene's folder."""


def _asked(value: object) -> object:
    match str(value).lower():
        case "true" | "yes":
            return {}
        case "false" | "no" | "null" | "none" | "":
            return None
        case _:
            return value


class Object(Part):
    """An object of the scene."""

    boxes: dict[str, Box] = {}
    """One box by the name of the photo."""
    points: dict[str, tuple[Point, ...]] = {}
    """Points on the object by the name of the photo."""
    parts: tuple[Part, ...] = ()
    complete: Annotated[Completion | None, BeforeValidator(_asked)] = None
    """Whether it is made whole, and how; left out or false: it stays as it was seen."""


class Description(_Model):
    """What a `description.yml` holds."""

    objects: tuple[Object, ...] = ()
    edits: tuple[AnyEdit, ...] = ()

    prompts: Name = None
    """SCORP: the objects' prompts, parted by commas; `objects` holds what they give."""
    ext: str | None = None
    """SCORP: suffix of the photos. Not needed here, photos are found with any suffix."""
    first_image_name: Name = None
    """SCORP: the view where detection begins; null: the first."""
    detect_conf: float | None = Field(default=None, ge=0, le=1)
    """SCORP: threshold of the detector, for boxes and text both."""
    box_threshold: float | None = Field(default=None, ge=0, le=1)
    text_threshold: float | None = Field(default=None, ge=0, le=1)
    combine_prompt: bool | None = None
    """SCORP: all prompts in one caption."""
    img_num: int | None = Field(default=None, ge=1)
    """SCORP: views to select for the proxy."""
    num_iterations: int | None = Field(default=None, ge=1)
    """SCORP: iterations of the alignment."""
    opt_shape_iterations: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """SCORP: which of them, from 0, solve for the shape too."""
    cam_list_interval: int | None = Field(default=None, ge=1)
    """SCORP: every n-th camera aligns."""
    iteration: int | None = Field(default=None, ge=0)
    unseen_ratio: float | None = Field(default=None, ge=0, le=1)
    rerender: bool | None = None


def read_description(path: Path) -> Description:
    """The description in the file `path`; an empty one where there is no such file. Raises InputError."""
    if not path.exists():
        return Description()
    value = read_yaml(path)
    given = typed(Description, {} if value in (None, "") else value, str(path))
    problems = []
    if given.prompts and given.objects:
        fix = "keep one of them"
        problems.append(Problem("`prompts` and `objects` are both given", f"{path}: prompts", fix))
    description = given if given.objects else given.model_copy(update={"objects": _objects_of(given.prompts or "")})
    problems += _faults(description, path)
    if problems:
        raise InputError(*problems)
    return description


def _objects_of(prompts: str) -> tuple[Object, ...]:
    """SCORP's objects: one for each of the prompts, which commas part."""
    listed = [prompt.strip() for prompt in prompts.split(",") if prompt.strip()]
    return tuple(Object(name=slug_of(prompt, f"object-{i}"), prompt=prompt) for i, prompt in enumerate(listed, 1))


def _faults(description: Description, path: Path) -> list[Problem]:
    """What no single field can tell: names given twice, edits of nothing."""
    named = {"objects": description.objects, "edits": description.edits}
    named |= {f"objects.{one.name}.parts": one.parts for one in description.objects}
    problems = [
        Problem("a name is given twice", f"{path}: {place}", "rename one of them", got=name)
        for place, things in named.items()
        for name, count in Counter(thing.name for thing in things).items()
        if count > 1
    ]
    targets = [one.name for one in description.objects]
    targets += [f"{one.name}/{part.name}" for one in description.objects for part in one.parts]
    problems += [
        Problem("there is no such file", f"{path}: objects.{one.name}.complete.{key}", "correct the path", got=file)
        for one in description.objects
        for key, file in (one.complete.model_dump() if one.complete else {}).items()
        if file is not None and not (path.parent / file).is_file()
    ]
    return problems + edit_problems(description.edits, targets, path)
