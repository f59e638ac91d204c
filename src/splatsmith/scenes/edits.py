"""The edits of a `description.yml`: what is to be done with an object, or with one of its parts.

    edits:
      - {name: no-can, target: can, method: remove, fill: true}
      - {name: only-figure, target: figure, method: keep-only}
      - {name: purple-hat, target: figure/hat, method: recolour, color: purple}
      - {name: turned-mug, target: mug, method: move, rotate: {axis: [0, 0, 1], degrees: 90}}
      - {name: two-balls, target: ball, method: duplicate, translate: [0.3, 0, 0], scale: 0.5}
      - {name: other-way-round, target: can, method: swap, with: mug, after: purple-hat}
      - {name: blue-lid, target: teapot/lid, method: slamp, prompt: a teapot with a bright blue lid}

Each edit has a result of its own, made from the segmented scene; or with `after` from another edit's result.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from splatsmith.base.errors import Problem
from splatsmith.scenes.slugs import Slug

Finite = Annotated[float, Field(allow_inf_nan=False)]
Vector = tuple[Finite, Finite, Finite]


def rgb_of(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a CSS colour: a name such as `purple`, or `#rrggbb`. Raises ValueError."""
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(color)
    except ValueError:
        near = get_close_matches(color.lower(), ImageColor.colormap, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise ValueError(f"a CSS colour such as purple, or #rrggbb{hint}") from None
    return red, green, blue


def _colour(text: str) -> str:
    rgb_of(text)
    return text


def _direction(vector: Vector) -> Vector:
    if not any(vector):
        raise ValueError("a direction, x y z, that is not 0 0 0")
    return vector


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, serialize_by_alias=True)


class Edit(_Model):
    """What all edits have, beside their `method`."""

    name: Slug
    """What its result is called."""
    target: str
    """`object` or `object/part`."""
    after: Slug | None = None
    """The edit whose result this one starts from; left out: the segmented scene."""


class KeepOnly(Edit):
    """The target alone, where it stands. Both names mean the same: an object taken out, a scene that is cleared."""

    method: Literal["extract", "keep-only"]


class Remove(Edit):
    """The scene without the target."""

    method: Literal["remove"]
    fill: bool = False
    """Close the gap with flat patches in the colours around it: a guess, nothing that was ever seen."""


class Recolour(Edit):
    """The target in another colour, its shading and its pattern kept."""

    method: Literal["recolour"]
    color: Annotated[str, AfterValidator(_colour)]
    """CSS name or #rrggbb that the target has on average afterwards; `prompt` is read as well."""

    @model_validator(mode="before")
    @classmethod
    def _prompt_is_a_color(cls, value: object) -> object:
        if isinstance(value, dict) and "prompt" in value and "color" not in value:
            return {"color" if key == "prompt" else key: item for key, item in value.items()}
        return value


class Rotation(_Model):
    """A turn, counter-clockwise as seen by whom the axis points at."""

    axis: Annotated[Vector, AfterValidator(_direction)]
    """x y z in the world frame, of any length."""
    degrees: Finite


class Placed(Edit):
    """What is turned and scaled about the target's centroid, and then shifted."""

    translate: Vector = (0.0, 0.0, 0.0)
    """x y z in scene units, along the axes of the world."""
    rotate: Rotation | None = None
    """A turn about the centroid."""
    scale: Annotated[float, Field(gt=0, le=1e3)] = 1.0
    """How many times as large."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Placed":
        if not any(self.translate) and self.rotate is None and self.scale == 1:
            raise ValueError("at least one of translate, rotate and scale")
        return self


class Move(Placed):
    """The target elsewhere, turned or of another size."""

    method: Literal["move"]


class Duplicate(Placed):
    """A copy of the target, placed as `move` would place the target itself; later edits of the target take both."""

    method: Literal["duplicate"]


class Swap(Edit):
    """Two things in each other's place: each stands where the other stood, as it was turned."""

    method: Literal["swap"]
    other: str = Field(alias="with")
    """`object` or `object/part` to change places with."""


class Diffusion(Edit):
    """The target drawn anew by a diffusion model."""

    method: Literal["slamp", "rsds", "slamp+rsds"]
    prompt: str | None = None
    """The wanted look."""


PlainEdit = Annotated[KeepOnly | Remove | Recolour | Move | Duplicate | Swap, Field(discriminator="method")]
"""An edit that needs no diffusion model."""
AnyEdit = Annotated[KeepOnly | Remove | Recolour | Move | Duplicate | Swap | Diffusion, Field(discriminator="method")]


def edit_problems(edits: Sequence[Edit], targets: Sequence[str], path: Path) -> list[Problem]:
    """What no edit can tell alone: targets that are not there, and edits that wait for none or for one another."""
    problems = []
    names = [edit.name for edit in edits]
    for edit in edits:
        where = f"{path}: edits.{edit.name}"
        problems += _unknown_target(edit.target, targets, f"{where}.target")
        if isinstance(edit, Swap):
            problems += _unknown_target(edit.other, targets, f"{where}.with") or _swapped_with_itself(edit, where)
        if edit.after is not None and edit.after not in names:
            fix = _nearest(edit.after, names, "name another edit, or leave `after` out")
            expected = f"one of {', '.join(names)}"
            problems.append(
                Problem("the edit to start from does not exist", f"{where}.after", fix, expected, edit.after)
            )
    return problems + _circles(edits, path)


def _unknown_target(target: str, targets: Sequence[str], where: str) -> list[Problem]:
    if target in targets:
        return []
    fix = _nearest(target, targets, "add the object, or correct the target")
    expected = f"one of {', '.join(targets)}" if targets else "an object of the description"
    return [Problem("the edit's target does not exist", where, fix, expected, target)]


def _swapped_with_itself(edit: Swap, where: str) -> list[Problem]:
    a, b = f"{edit.target}/", f"{edit.other}/"
    if not (a.startswith(b) or b.startswith(a)):
        return []
    fix, got = "name two things that share nothing", f"{edit.target} and {edit.other}"
    return [Problem("nothing can be swapped with itself or a part of itself", f"{where}.with", fix, got=got)]


def _circles(edits: Sequence[Edit], path: Path) -> list[Problem]:
    """One problem for each circle, told where the first of its edits by name stands."""
    before = {edit.name: edit.after for edit in edits}
    problems = []
    for start in before:
        walk = [start]
        while (name := before.get(walk[-1])) is not None and name not in walk:
            walk.append(name)
        if name == start == min(walk):
            fix, got = "leave `after` out of one of them", " after ".join([*walk, start])
            problems.append(Problem("edits wait for one another", f"{path}: edits.{start}.after", fix, got=got))
    return problems


def _nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise
