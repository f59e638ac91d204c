"""Masks of one view that may overlap, made into one label map.

A pixel goes to the mask that claims it most surely: by its score, times the probability of this pixel. But a thing that
lies within a much larger one, as a cup on a table, keeps its pixels whatever the scores: the larger mask was meant to
leave it out, and a detector is often surer of the larger thing. A mask of no object takes what no object claims.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from splatsmith.segment2d.masks import Mask, ViewMasks
from splatsmith.segment2d.packed import PackedMask

WITHIN = 0.8
"""A mask lies within another if that one has more than this fraction of its pixels,"""
LARGER = 2.0
"""and is larger by this factor."""
CONTESTED = 0.5
"""Two masks claim the same thing if they share more than this fraction of the smaller one."""


def settled(size: tuple[int, int], claims: Sequence[tuple[Mask, PackedMask]], flags: Sequence[str] = ()) -> ViewMasks:
    """The label map of a view of `size` = (H, W). The order of `claims` does not matter.

    A mask that loses all its pixels is left out. Adds a flag for each two masks that claim the same thing.
    """
    claims = sorted(claims, key=lambda claim: _rank(claim[0]))
    probabilities = [packed.probability() for _, packed in claims]
    windows = [packed.window for _, packed in claims]
    flags = list(flags)
    named = sum(mask.object is not None for mask, _ in claims)
    yielded = [np.zeros(p.shape, dtype=bool) for p in probabilities]
    for i, j in combinations(range(named), 2):
        mine, theirs = _common(windows[i], windows[j])
        both = (probabilities[i][mine] > 0) & (probabilities[j][theirs] > 0)
        areas = [np.count_nonzero(probabilities[k]) for k in (i, j)]
        shared = np.count_nonzero(both) / min(areas)
        if shared > WITHIN and max(areas) >= LARGER * min(areas):
            large, part = (i, mine) if areas[0] > areas[1] else (j, theirs)
            yielded[large][part] |= both
        elif shared > CONTESTED:
            flags.append(f"`{claims[i][0].object}` and `{claims[j][0].object}` claim the same pixels")
    labels, best = np.zeros(size, dtype=np.uint16), np.full(size, -1.0, dtype=np.float32)
    for i, (mask, packed) in enumerate(claims):
        claim = mask.score * probabilities[i] + (i < named)  # scores are at most 1
        wins = (probabilities[i] > 0) & ~yielded[i] & (claim > best[packed.window])
        best[packed.window][wins] = claim[wins]
        labels[packed.window][wins] = i + 1
    return without_hidden(labels, [mask for mask, _ in claims], flags)


def without_hidden(labels: np.ndarray, masks: Sequence[Mask], flags: Sequence[str] = ()) -> ViewMasks:
    """Only masks that have a pixel left, numbered anew. `labels` (H, W) holds i + 1 where mask i is on top."""
    seen = np.bincount(labels.ravel(), minlength=len(masks) + 1)[1:] > 0
    numbers = np.concatenate([[0], np.cumsum(seen) * seen]).astype(np.uint16)
    return ViewMasks(numbers[labels], tuple(mask for mask, s in zip(masks, seen, strict=True) if s), tuple(flags))


def _rank(mask: Mask) -> tuple:
    """Objects first, then the surer; of equal ones by name, so that no order of the objects matters."""
    return mask.object is None, -mask.score, mask.object or "", -1 if mask.track is None else mask.track


def _common(first: tuple[slice, slice], second: tuple[slice, slice]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The part of each of two windows that lies in the other, counted from its own corner; maybe empty."""
    mine, theirs = [], []
    for a, b in zip(first, second, strict=True):
        low, high = max(a.start, b.start), min(a.stop, b.stop)
        high = max(low, high)
        mine.append(slice(low - a.start, high - a.start))
        theirs.append(slice(low - b.start, high - b.start))
    return tuple(mine), tuple(theirs)
