"""Which numbers of a prediction stand for an object of the truth, and the masks that they give.

A number is an object's where enough of its area lies in the object's mask. Areas are those of the label map, where
every pixel has its likeliest number. 0 is nobody's: it is the rest.
"""

from collections.abc import Iterable
from typing import Literal, assert_never

import numpy as np

from splatsmith.scenes.label_maps import Legend
from splatsmith.scenes.slugs import slug_of

Ids = frozenset[int]
SoftMap = tuple[np.ndarray, np.ndarray]
"""ids (H, W, T), the likeliest first, and their probabilities (H, W, T) in [0, 1]: see scenes/label_maps.py."""
Rule = Literal["soft", "argmax"]
RULES: tuple[Rule, ...] = ("soft", "argmax")
LIKELY = 0.2
"""Least probability, exclusive, of a mask's pixels by the rule `soft`. Gaussian Grouping, code."""
DETECTED = 0.7
"""Share of a number's area in what a detector found, exclusive, from which it is chosen. Gaussian Grouping, code."""
HALF = 0.5
"""Share of a number's area in the true mask, inclusive, from which it belongs to the best set."""


class Prediction:
    """A view's soft map, ready to be asked for masks."""

    def __init__(self, soft_map: SoftMap):
        ids, probabilities = soft_map
        self.labels = ids[..., 0]
        """(H, W). The likeliest number of each pixel."""
        likely = (probabilities > LIKELY) & (ids != 0)
        self._pixels = (np.flatnonzero(likely) // ids.shape[-1]).astype(np.uint32)
        self._ids = ids[likely]

    def mask(self, ids: Ids, rule: Rule) -> np.ndarray:
        """(H, W) bool. By `soft`, where any of `ids` has a probability above `LIKELY`; by `argmax`, where any of them
        is the likeliest."""
        match rule:
            case "soft":
                mask = np.zeros(self.labels.shape, bool)
                mask.ravel()[self._pixels[np.isin(self._ids, list(ids))]] = True
                return mask
            case "argmax":
                return np.isin(self.labels, list(ids))
            case _:
                assert_never(rule)


def named_ids(legend: Legend, names: Iterable[str]) -> dict[str, Ids]:
    """The numbers of each object that the legend knows, its parts' included, by its name: `mug`, `mug/handle`.

    A name means the entry with this path, or else the first object whose prompt suggests it.
    """
    of_prompts = {slug_of(e.prompt, e.name): e.id for e in reversed(legend.entries) if e.parent is None}
    known = of_prompts | legend.paths
    return {name: frozenset(legend.family(known[name])) for name in names if name in known}


def best_ids(labels: np.ndarray, mask: np.ndarray) -> Ids:
    """The numbers of `labels` (H, W) with at least half of their area in `mask` (H, W) bool.

    Of all sets of such numbers this one has the largest IoU with the mask. For a number with i pixels inside and o
    outside, i >= o, changes an IoU of I/U to (I + i)/(U + o), which is no smaller since I <= U.
    """
    return frozenset(id for id, share in shares_within(labels, mask).items() if share >= HALF)


def detected_ids(labels: np.ndarray, detected: np.ndarray) -> Ids:
    """Gaussian Grouping's choice for a text prompt: the numbers of `labels` (H, W) with more than 70 % of their area in
    `detected` (H, W) bool, the union of what a detector found in the first held-out view, drawn from the Gaussians."""
    return frozenset(id for id, share in shares_within(labels, detected).items() if share > DETECTED)


def shares_within(labels: np.ndarray, mask: np.ndarray) -> dict[int, float]:
    """The share of each number's area that lies in `mask`, for all numbers of `labels` but 0; both (H, W)."""
    areas = np.bincount(labels.ravel())
    inside = np.bincount(labels[mask], minlength=len(areas))
    return {int(id): float(inside[id] / areas[id]) for id in np.flatnonzero(areas) if id != 0}
