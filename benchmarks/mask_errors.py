"""What segmenters do to true masks. Label maps (H, W), 0 where nothing is; a generator makes every draw."""

from collections.abc import Callable

import cv2
import numpy as np
from scipy import ndimage

LabelMaps = dict[str, np.ndarray]
"""By the name of the view."""


def renumbered(maps: LabelMaps, draw: np.random.Generator) -> LabelMaps:
    """Every view numbers its masks anew, 1, 2, ... in random order."""
    result = {}
    for name, labels in maps.items():
        numbers, place = np.unique(labels, return_inverse=True)
        new = np.zeros(len(numbers), int)
        new[numbers > 0] = draw.permutation((numbers > 0).sum()) + 1
        result[name] = new[place].reshape(labels.shape)
    return result


def merged_or_split(maps: LabelMaps, draw: np.random.Generator, rate: float = 0.2) -> LabelMaps:
    """A mask is spoilt at this rate: half of the time joined with one that it touches, else cut in two by a line."""

    def spoil(labels: np.ndarray, number: int) -> None:
        mask = labels == number
        touching = np.unique(labels[ndimage.binary_dilation(mask, iterations=2) & ~mask & (labels > 0)])
        if draw.random() < 0.5 and len(touching):
            labels[mask] = draw.choice(touching)
        else:
            y, x = np.nonzero(mask)
            angle = draw.uniform(0, np.pi)
            along = np.cos(angle) * x + np.sin(angle) * y
            beyond = along > np.quantile(along, draw.uniform(0.3, 0.7))
            labels[y[beyond], x[beyond]] = labels.max() + 1

    return _spoilt(maps, draw, rate, spoil)


def dropped(maps: LabelMaps, draw: np.random.Generator, rate: float = 0.3) -> LabelMaps:
    """A mask is missing at this rate."""

    def spoil(labels: np.ndarray, number: int) -> None:
        labels[labels == number] = 0

    return _spoilt(maps, draw, rate, spoil)


def shifted(maps: LabelMaps, draw: np.random.Generator, pixels: int = 3) -> LabelMaps:
    """Every mask's outline is off by the same distance all round, of -`pixels` to `pixels`."""
    result = {}
    for name, labels in maps.items():
        result[name] = np.zeros_like(labels)
        for number in np.unique(labels[labels > 0]):
            mask, by = labels == number, int(draw.integers(-pixels, pixels + 1))
            change = ndimage.binary_dilation if by > 0 else ndimage.binary_erosion
            mask = change(mask, iterations=abs(by)) if by else mask
            result[name][mask & ((labels == number) | (result[name] == 0))] = number
    return result


def _spoilt(
    maps: LabelMaps, draw: np.random.Generator, rate: float, spoil: Callable[[np.ndarray, int], None]
) -> LabelMaps:
    result = {name: labels.copy() for name, labels in maps.items()}
    for labels in result.values():
        for number in np.unique(labels[labels > 0]):
            if draw.random() < rate and (labels == number).any():
                spoil(labels, number)
    return result


def flipped(maps: LabelMaps, draw: np.random.Generator, rate: float = 0.2) -> LabelMaps:
    """A mask has the number of another object at this rate; no number, where there is no other object."""
    numbers = _numbers(maps)

    def spoil(labels: np.ndarray, number: int) -> None:
        labels[labels == number] = _another(numbers, number, draw)

    return _spoilt(maps, draw, rate, spoil)


def switched(maps: LabelMaps, draw: np.random.Generator, share: float = 0.1) -> LabelMaps:
    """Each object swaps numbers with another for a run of this share of the views, in the order of their names."""
    result, names, numbers = {name: labels.copy() for name, labels in maps.items()}, sorted(maps), _numbers(maps)
    run = max(1, round(share * len(names)))
    for number in numbers:
        other, start = _another(numbers, number, draw), int(draw.integers(0, len(names) - run + 1))
        for name in names[start : start + run]:
            mine, theirs = result[name] == number, result[name] == other
            result[name][mine] = other
            if other:
                result[name][theirs] = number
    return result


def as_trackers_do(maps: LabelMaps, draw: np.random.Generator) -> LabelMaps:
    """Outlines shifted by up to 3 pixels, a fifth of the masks misnamed, a tenth missing, numbers switched at times."""
    return switched(dropped(flipped(shifted(maps, draw), draw), draw, rate=0.1), draw)


def as_attention_does(maps: LabelMaps, draw: np.random.Generator, cells: int = 32) -> dict[str, np.ndarray]:
    """Soft maps (H, W, 1 + P) of one object's P parts, float16, the rest first: a grid of cells x cells around it.

    Every map of every view is blurred by 0.5 to 1.5 cells and weighed by a factor of its own (lognormal, sigma 0.5),
    then all are scaled to sum to one. So parts bleed into those around them, from each side in another way.
    """
    numbers = [0, *_numbers(maps)]
    result = {}
    for name, labels in maps.items():
        result[name] = np.zeros((*labels.shape, len(numbers)), np.float16)
        result[name][..., 0] = 1
        if not labels.any():
            continue
        around = _around(labels > 0)
        crop = labels[around]
        grids = []
        for number in numbers:
            grid = cv2.resize((crop == number).astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
            grids.append(draw.lognormal(0, 0.5) * ndimage.gaussian_filter(grid, draw.uniform(0.5, 1.5)))
        shares = np.stack(grids, 2)
        shares /= shares.sum(2, keepdims=True)
        result[name][around] = cv2.resize(shares, crop.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return result


def _around(mask: np.ndarray, margin: float = 0.1) -> tuple[slice, slice]:
    """Rows and columns of a mask (H, W) bool, and a margin of its size on every side."""

    def widened(inside: np.ndarray) -> slice:
        first, last = np.flatnonzero(inside)[[0, -1]]
        by = 1 + round(margin * (last - first))
        return slice(max(0, first - by), last + by + 1)

    return widened(mask.any(1)), widened(mask.any(0))


def _numbers(maps: LabelMaps) -> list[int]:
    return sorted({int(number) for labels in maps.values() for number in np.unique(labels)} - {0})


def _another(numbers: list[int], number: int, draw: np.random.Generator) -> int:
    others = [one for one in numbers if one != number]
    return int(draw.choice(others)) if others else 0
