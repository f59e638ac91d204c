"""What a source itself says of which masks are one thing: by the object that it names, or by a track."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatsmith.scenes.description import Object
from splatsmith.segment2d.association.signatures import by_place
from splatsmith.segment2d.masks import Mask, ViewMasks


@dataclass(frozen=True, eq=False)
class Identities:
    """Numbers of things, from 1: the objects that were asked for, then tracks in the order of their first masks."""

    numbers: tuple[np.ndarray, ...]
    """By view: (1 + K,) the thing that each mask shows, 0 where the source does not say."""
    shows: np.ndarray
    """(1 + things,) which of the objects that were asked for a thing is, from 1; 0 for none."""
    complete: bool
    """Whether the source says it of every mask."""

    @property
    def count(self) -> int:
        """Number of things."""
        return len(self.shows) - 1


def identities(views: Sequence[ViewMasks], objects: Sequence[Object], trust: bool) -> Identities:
    """What the source says of the masks of all views; nothing, unless it is trusted."""
    things: dict[str | int, int] = {one.name: i for i, one in enumerate(objects, 1)}
    numbers, complete = [], trust
    for masks in views:
        of_mask = np.zeros(1 + len(masks.masks), int)
        for k in by_place(masks.labels)[0] if trust else ():
            said = _said(masks.masks[k - 1])
            of_mask[k] = 0 if said is None else things.setdefault(said, len(things) + 1)
            complete &= said is not None
        numbers.append(of_mask)
    shows = np.arange(1 + len(things))
    shows[1 + len(objects) :] = 0
    return Identities(tuple(numbers), shows, complete)


def mean_scores(masks: ViewMasks, numbers: np.ndarray) -> dict[int, float]:
    """By thing, the source's score of its masks in a view, by their areas. numbers: (1 + K,) the thing of each mask."""
    area = np.bincount(masks.labels.ravel(), minlength=len(numbers)).astype(float)
    score = np.array([0.0, *(mask.score for mask in masks.masks)])
    total, weighted = np.bincount(numbers, area), np.bincount(numbers, area * score)
    return {int(c): round(float(weighted[c] / total[c]), 4) for c in np.flatnonzero(total) if c}


def _said(mask: Mask) -> str | int | None:
    return mask.track if mask.object is None else mask.object
