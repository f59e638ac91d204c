"""How label maps of views are measured against the truth.

An evaluation asks every pair of an object and a view in which the truth shows it; where the truth shows nothing of an
object, nothing is asked. A missing prediction counts as 0, unlike in Gaussian Grouping's script, which passes over it.

    named              the prediction knows the objects by name. With the numbers that `detected_ids` chooses for each
                       prompt, this is Gaussian Grouping's open-vocabulary protocol
    oracle             the numbers are chosen by the truth of the first view that shows the object: that measures
                       segmentation without naming, and no hand chooses
    oracle_elsewhere   the same, without the view that chose

Each by two rules, see `Prediction.mask`: `soft` is Gaussian Grouping's.
"""

from collections.abc import Collection, Mapping
from functools import cache
from itertools import product

import numpy as np

from splatsmith.segment3d.evaluation.iou import boundary_iou, iou, resized
from splatsmith.segment3d.evaluation.selection import RULES, Ids, Prediction, Rule, SoftMap, best_ids
from splatsmith.segment3d.evaluation.table import Figures, Pair, Protocol, Table

SLIVER = 20
"""Pixels. A label map that shows less of an object is not asked for it: nobody would have drawn the mask."""
Masks = Mapping[str, Mapping[str, np.ndarray]]
"""By view, then by object: (H, W) bool, True somewhere."""
Choice = Mapping[tuple[str, str], Ids]
"""The numbers that stand for an object in a view, by the names of both."""


def evaluate_maps(
    predictions: Mapping[str, SoftMap],
    truth: Mapping[str, np.ndarray],
    names: Mapping[int, str],
    ids: Mapping[str, Collection[int]] | None = None,
) -> Table:
    """Measure soft maps against label maps, both by the name of the view.

    truth: (H, W) whole numbers, of any size; the prediction is brought to it. names: the objects to measure, by their
    numbers in the truth. ids: the predictions' numbers for each object, parts included; an object left out is a missing
    prediction. None: the predictions number the objects as the truth does.
    """
    if ids is None:
        ids = {name: [id] for id, name in names.items()}
    drawn = {view: Prediction(soft_map) for view, soft_map in predictions.items() if view in truth}
    return evaluate_masks(drawn, {view: masks_of(labels, names) for view, labels in truth.items()}, ids)


def masks_of(labels: np.ndarray, names: Mapping[int, str]) -> dict[str, np.ndarray]:
    """The mask (H, W) bool of each of the objects that `labels` (H, W) show, slivers aside, by its name."""
    areas = np.bincount(labels.ravel())
    return {name: labels == id for id, name in names.items() if id < len(areas) and areas[id] >= SLIVER}


def evaluate_masks(drawn: Mapping[str, Prediction], truth: Masks, ids: Mapping[str, Collection[int]]) -> Table:
    """As `evaluate_maps`, against masks, which may overlap and need not be there for every object in every view."""
    chosen = _choices(drawn, truth, ids)

    @cache  # protocols mostly choose the same numbers
    def measured(name: str, view: str, numbers: Ids, rule: Rule) -> Pair:
        if not numbers or view not in drawn:
            return Pair(name, view, numbers, True, 0.0, 0.0)
        true = truth[view][name]
        mask = resized(drawn[view].mask(numbers, rule), true.shape)
        return Pair(name, view, numbers, False, iou(mask, true), boundary_iou(mask, true))

    def figures(choice: Choice, rule: Rule) -> Figures:
        return Figures(tuple(measured(*pair, numbers, rule) for pair, numbers in sorted(choice.items())))

    protocols = product(chosen.items(), RULES)
    return Table({(protocol, rule): figures(choice, rule) for (protocol, choice), rule in protocols})


def _choices(
    drawn: Mapping[str, Prediction], truth: Masks, ids: Mapping[str, Collection[int]]
) -> dict[Protocol, Choice]:
    """The numbers for each pair under each protocol."""
    pairs = sorted((name, view) for view, masks in truth.items() for name in masks)
    first = dict(reversed(pairs))  # of the views of an object the first is left
    best = {name: _best(drawn.get(view), truth[view][name]) for name, view in first.items()}
    return {
        "named": {(name, view): frozenset(ids.get(name, ())) for name, view in pairs},
        "oracle": {(name, view): best[name] for name, view in pairs},
        "oracle_elsewhere": {(name, view): best[name] for name, view in pairs if view != first[name]},
    }


def _best(prediction: Prediction | None, mask: np.ndarray) -> Ids:
    return frozenset() if prediction is None else best_ids(resized(prediction.labels, mask.shape), mask)
