"""What an evaluation found: figures of every object in every view, and their means.

Means are Gaussian Grouping's: over the views of each object, then over the objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from splatsmith.segment3d.evaluation.selection import Ids, Rule

Protocol = Literal["named", "oracle", "oracle_elsewhere"]
PROTOCOLS: dict[Protocol, str] = {
    "named": "the numbers with the object's name",
    "oracle": "the best numbers in the first view with the object, in all views",
    "oracle_elsewhere": "the same numbers, in the other views",
}
"""How the numbers that stand for an object are chosen, in words."""


@dataclass(frozen=True)
class Pair:
    """One object in one view where the truth shows it."""

    object: str
    view: str
    ids: Ids
    """The numbers of the prediction that were taken for it."""
    missing: bool
    """Whether there is no prediction: no number stands for the object, or the view was not drawn."""
    iou: float
    """0 where the prediction is missing."""
    boundary_iou: float
    """0 where the prediction is missing."""


@dataclass(frozen=True)
class Means:
    """Means over pairs, or over objects."""

    miou: float
    """NaN over nothing."""
    mbiou: float
    """Of the boundary IoU; NaN over nothing."""
    missing: int
    """Pairs without a prediction, which count as 0."""
    pairs: int


@dataclass(frozen=True)
class Figures:
    """All pairs under one protocol and one rule."""

    pairs: tuple[Pair, ...]
    """Sorted by object and view."""

    @cached_property
    def objects(self) -> dict[str, Means]:
        """Each object's means over its views, by its name."""
        names = sorted({pair.object for pair in self.pairs})
        return {name: _means([pair for pair in self.pairs if pair.object == name]) for name in names}

    @cached_property
    def mean(self) -> Means:
        """The means over objects of their means over views."""
        of_objects = list(self.objects.values())
        return Means(
            _mean([one.miou for one in of_objects]),
            _mean([one.mbiou for one in of_objects]),
            sum(one.missing for one in of_objects),
            len(self.pairs),
        )


@dataclass(frozen=True)
class Table:
    """The figures of one prediction under every protocol, by both rules."""

    figures: Mapping[tuple[Protocol, Rule], Figures]

    def __getitem__(self, key: tuple[Protocol, Rule]) -> Figures:
        return self.figures[key]


def _means(pairs: list[Pair]) -> Means:
    iou, boundary_iou = _mean([pair.iou for pair in pairs]), _mean([pair.boundary_iou for pair in pairs])
    return Means(iou, boundary_iou, sum(pair.missing for pair in pairs), len(pairs))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
