"""The atlas of a segmented scene: for each number of its legend, what and where it is, and whether to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splatsmith.scenes.label_maps import Entry, Legend
from splatsmith.scenes.palette import colour
from splatsmith.segment3d.labels import Tree, family_shares
from splatsmith.segment3d.scores import Scores
from splatsmith.segment3d.sightings import Box, Sighting

Status = Literal["ok", "empty", "single-view"]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Plate:
    """One object or part, its own parts included. Lengths are in scene units, in the world frame."""

    id: int
    name: str
    path: str
    """With the names of what it is a part of: `mug/handle`."""
    prompt: str
    parent: int | None
    colour: tuple[int, int, int]
    """RGB of 8 bits, in all pictures."""
    count: int
    """Gaussians."""
    centroid: Vector | None
    """Mean of their centres; None where there are none."""
    box_min: Vector | None
    """Least coordinates of their centres."""
    box_max: Vector | None
    mean_score: float | None
    """Mean share of it in its Gaussians, 0 to 1."""
    views: int
    """How many views show it."""
    view: str | None
    """The view that shows it best."""
    view_box: Box | None
    """Where in that view, x0 y0 x1 y1 in pixels."""
    status: Status
    reason: str
    """What is wrong and what to do about it, where the status is not ok."""
    ply: str | None
    """Its Gaussians, relative to the atlas; None where there are none."""

    @property
    def size(self) -> Vector | None:
        """Lengths of the box along the axes of the world."""
        if self.box_min is None or self.box_max is None:
            return None
        x, y, z = (high - low for low, high in zip(self.box_min, self.box_max, strict=True))
        return x, y, z


def plates(
    legend: Legend,
    tree: Tree,
    means: np.ndarray,
    labels: np.ndarray,
    scores: Scores,
    seen: Mapping[int, Sighting],
) -> list[Plate]:
    """The plates of all entries of a legend, in its order: means (N, 3) and labels (N,) of the Gaussians that `scores`
    describe, and how the views show each entry."""
    paths = {id: path for path, id in legend.paths.items()}
    found = []
    for entry in legend.entries:
        rows = np.flatnonzero(tree.within(labels, entry.id))
        shares = family_shares(scores.at(rows), tree, entry.id)
        found.append(_plate(entry, paths[entry.id], means[rows], shares, seen[entry.id]))
    return found


def _plate(entry: Entry, path: str, means: np.ndarray, shares: np.ndarray, sighting: Sighting) -> Plate:
    status, reason = _status(len(means), sighting)
    return Plate(
        id=entry.id,
        name=entry.name,
        path=path,
        prompt=entry.prompt,
        parent=entry.parent,
        colour=colour(entry.id),
        count=len(means),
        centroid=_vector(means.mean(0)) if len(means) else None,
        box_min=_vector(means.min(0)) if len(means) else None,
        box_max=_vector(means.max(0)) if len(means) else None,
        mean_score=round(float(shares.mean()), 4) if len(means) else None,
        views=sighting.views,
        view=sighting.view,
        view_box=sighting.box,
        status=status,
        reason=reason,
        ply=f"{path}/gaussians.ply" if len(means) else None,
    )


def _status(count: int, sighting: Sighting) -> tuple[Status, str]:
    if not count and not sighting.views:
        return "empty", "no view shows it: correct its prompt, or give boxes"
    if not count:
        return "empty", "no Gaussian is surely part of it: look at its masks, or lower `objects.min_share`"
    if sighting.views <= 1:
        return (
            "single-view",
            "fewer than two views show it, so how far back it reaches is a guess: give boxes in others",
        )
    return "ok", ""


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(f"{value:.6g}") for value in values)
    return x, y, z
