"""An object before its completion and after, in all views that are asked for, and as a surface; and the whole scene."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from splatsmith.base.progress import Progress
from splatsmith.complete.evaluation.appearance import (
    BEST_PSNR_DB,
    Appearance,
    Sight,
    appearance,
    drawn,
    mean_appearance,
)
from splatsmith.complete.evaluation.geometry import NEAR, Geometry, TrueSurface, geometry, seen_surface
from splatsmith.gaussians import Gaussians
from splatsmith.render import Rendered
from splatsmith.scenes.cameras import View
from splatsmith.scenes.prepared import read_image
from splatsmith.train.losses import psnr, ssim

if TYPE_CHECKING:
    from splatsmith.models.lpips import Lpips

STATES = ("before", "after")
Appearances = tuple[Appearance, Appearance]
"""Before and after."""


@dataclass(frozen=True, eq=False)
class Pair:
    """An object, or a scene, before and after."""

    before: Gaussians
    after: Gaussians

    @property
    def both(self) -> tuple[Gaussians, Gaussians]:
        """In the order of STATES."""
        return self.before, self.after


@dataclass(frozen=True)
class Drawing:
    """How all is drawn and measured."""

    backend: Literal["cpu", "gsplat"]
    antialiased: bool
    lpips: "Lpips | None"

    def picture(
        self, gaussians: Gaussians, view: View, background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ) -> Rendered:
        """The Gaussians as the camera of `view` sees them."""
        return drawn(gaussians, view, background=background, backend=self.backend, antialiased=self.antialiased)


@dataclass(frozen=True)
class Measured:
    """The figures of one object."""

    views: Mapping[str, Appearances]
    """By the name of the view; none where no view shows it."""
    surfaces: tuple[Geometry | None, Geometry | None] | None
    """Before and after, None for one that is nowhere solid; None where the true surface is not known."""

    @property
    def mean(self) -> Appearances | None:
        """Over its views."""
        return mean_of(self.views.values())

    def as_dict(self) -> dict:
        """As JSON takes it."""
        shapes = self.surfaces and [shape and shape.as_dict() for shape in self.surfaces]
        return {
            "mean": by_state(self.mean),
            "geometry": shapes and dict(zip(STATES, shapes, strict=True)),
            "views": {name: by_state(pair) for name, pair in self.views.items()},
        }


def measured(
    pair: Pair,
    sights: Mapping[str, Callable[[], Sight]],
    surface: TrueSurface | None,
    around: Sequence[View],
    drawing: Drawing,
    label: str,
) -> Measured:
    """Measure an object in the views of `sights`, and its surface as the views `around` it see it.

    sights: by the name of the view, what reads what it shows: photos are too many to keep. Raises InputError where one
    is missing or damaged. label heads the line of progress.
    """
    views = {}
    with Progress(label, len(sights), "views") as bar:
        for name, read in sights.items():
            sight = read()
            before, after = (appearance(drawing.picture(some, sight.view), sight, drawing.lpips) for some in pair.both)
            views[name] = (before, after)
            bar.advance()
    if surface is None:
        return Measured(views, None)
    before, after = (_compared(some, surface, around, drawing) for some in pair.both)
    return Measured(views, (before, after))


def mean_of(pairs: Iterable[Appearances]) -> Appearances | None:
    """The mean of each figure before and after; None where there are none."""
    pairs = list(pairs)
    if not pairs:
        return None
    before, after = (mean_appearance(column) for column in zip(*pairs, strict=True))
    return before, after


def by_state(pair: Appearances | None) -> dict | None:
    """As JSON takes it."""
    return pair and {state: one.as_dict() for state, one in zip(STATES, pair, strict=True)}


def scene_figures(
    scene: Pair, views: Sequence[View], background: tuple[float, float, float], drawing: Drawing, label: str
) -> dict[str, dict[str, float]]:
    """PSNR and SSIM of a whole scene against its photos, on average over `views`. Raises InputError for a bad photo."""
    figures: dict[str, list[tuple[float, float]]] = {state: [] for state in STATES}
    with Progress(label, len(views), "views") as bar:
        for view in views:
            photo = torch.from_numpy(read_image(view)).float() / 255
            for state, some in zip(STATES, scene.both, strict=True):
                image = drawing.picture(some, view, background).image.clamp(0, 1).cpu()
                figures[state].append((min(float(psnr(image, photo)), BEST_PSNR_DB), float(ssim(image, photo))))
            bar.advance()
    means = {state: np.mean(values, axis=0).round(4).tolist() for state, values in figures.items()}
    return {state: dict(zip(("psnr_db", "ssim"), mean, strict=True)) for state, mean in means.items()}


def _compared(gaussians: Gaussians, surface: TrueSurface, around: Sequence[View], drawing: Drawing) -> Geometry | None:
    drawn_as = {"backend": drawing.backend, "antialiased": drawing.antialiased}
    points = seen_surface(gaussians, around, NEAR * surface.diagonal, **drawn_as)
    return geometry(points, surface) if len(points) else None
