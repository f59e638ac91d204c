"""What a generator of proxies is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from splatsmith.base.outcome import Outcome
from splatsmith.complete.observations import Observation
from splatsmith.complete.subject import Subject
from splatsmith.gaussians import Gaussians
from splatsmith.scenes.orientation import up_axis


@dataclass(frozen=True)
class ChosenView:
    """A photo that shows the object well."""

    name: str
    """Of the view."""
    rgba: Path
    """The photo cut to the object, whose mask is the alpha channel."""


@dataclass(frozen=True, eq=False)
class Request:
    """The object that wants completing."""

    subject: Subject
    chosen: Sequence[ChosenView]
    """Views to show to a model, the best first."""
    backend: Literal["cpu", "gsplat"] = "cpu"
    """The rasterizer that draws."""
    antialiased: bool = False
    """As in training."""

    @cached_property
    def up(self) -> np.ndarray:
        """(3,) unit vector of the world."""
        return up_axis(self.subject.views)

    @cached_property
    def observations(self) -> list[Observation]:
        """The object in all views that may be looked at. Raises Unusable, InputError."""
        drawing = {"backend": self.backend, "antialiased": self.antialiased}
        return self.subject.observations(self.subject.views, **drawing)


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh with colours."""

    vertices: np.ndarray
    """(V, 3) float64."""
    faces: np.ndarray
    """(F, 3) int64, counter-clockwise from outside."""
    colours: np.ndarray
    """(V, 3) float64. RGB, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Proxy:
    """A whole object."""

    gaussians: Gaussians
    """With the column `provenance`, (N,) uint8."""
    kind: str
    """user, visual_hull_sym, generative."""
    aligned: bool
    """Whether it stands in the scene already; otherwise it has a frame of its own."""
    up: np.ndarray | None = None
    """(3,) unit vector of its frame, where that is known."""
    surface: Surface | None = None
    """As a mesh, in the same frame, where there is one."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else is to be said of it, as JSON takes it."""
    outcome: Outcome = Outcome()


class ProxyGenerator(Protocol):
    """Makes a whole object out of one that is seen in part."""

    def generate(self, request: Request) -> Proxy:
        """A proxy of the object. Raises Unusable where there can be none, InputError where an input is wrong."""
        ...
