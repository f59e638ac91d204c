"""The masks of every view as a source gave them, on their way to label maps that agree with each other.

    raw/<view>.png      16-bit label map: the number of a mask within this view, 0 where there is none
    raw/masks.json      what the masks are, see `RawMasks`
    raw/contact.jpg     all views with their masks, the flagged ones marked
    raw/manifest.json   {relative path: sha256} of all of these, written last

Where masks overlap, the source has decided: the surer one, or in everything-mode the smaller one, is on top.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from splatsmith.scenes.description import Object, Slug
from splatsmith.scenes.prepared import PreparedScene

if TYPE_CHECKING:
    from splatsmith.gaussians import Gaussians


class Mask(BaseModel):
    """What a source says of one mask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: Slug | None = None
    """The object that it shows, where the source knows."""
    score: float
    """How sure the source is, 0 to 1."""
    track: int | None = None
    """Which masks of other views show the same thing, where the source followed it; unique among a source's tracks."""


@dataclass(frozen=True, eq=False)
class ViewMasks:
    """The masks of one view."""

    labels: np.ndarray
    """(H, W) uint16. Pixel with mask i holds i + 1; 0 where there is none."""
    masks: tuple[Mask, ...]
    flags: tuple[str, ...] = ()
    """What a person should look at, in words."""


class ViewEntry(BaseModel):
    """A view's entry in `masks.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    masks: tuple[Mask, ...]
    """Number i + 1 of the label map is mask i."""
    flags: tuple[str, ...] = ()


class RawMasks(BaseModel):
    """`masks.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Which source made them."""
    rest: Literal["background", "unknown"]
    """Whether pixels without a mask are known to show none of the objects."""
    objects: tuple[Object, ...]
    """What was asked for, in the order of the description; none in everything-mode."""
    missing: dict[str, str] = {}
    """Objects that were found in no view, with a sentence that says why and what to try."""
    views: dict[str, ViewEntry]
    """By the name of the view, all views of the scene."""


@dataclass(frozen=True, eq=False)
class Request:
    """What a source is asked to do."""

    scene: PreparedScene
    objects: Sequence[Object]
    """Of the description; boxes and points are already in pixels of the prepared views."""
    gaussians: "Gaussians | None"
    """The trained scene, for sources that carry masks from view to view through it."""
    backend: Literal["cpu", "gsplat"]
    """Rasterizer for that."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a source answers."""

    rest: Literal["background", "unknown"]
    views: Iterator[tuple[str, ViewMasks]]
    """Every view of the scene by its name, in any order, as they become ready."""
    missing: dict[str, str]
    """As in `RawMasks`; complete once `views` is exhausted."""


class MaskSource(Protocol):
    """Finds the masks of all views of a scene. Other packages may bring one: see sources.py."""

    def find(self, request: Request) -> Found:
        """Raises InputError where the input does not allow it; one object that is not found stops nothing."""
