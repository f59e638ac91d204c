"""Label maps as trackers spoil them, for benchmarks: exact ones in, wrong ones out, by a seed.

Every mask of every view by itself, in this order:

    boundary    grows or shrinks by up to SHIFT pixels
    flip        with probability FLIP another object's number (the background's, where there is no other object)
    drop        with probability DROP not there at all

And once for the whole sequence, in the order of the views' names:

    switch      each object swaps numbers with another for a run of SWITCH of the views
"""

from collections.abc import Mapping

import cv2
import numpy as np

SHIFT, FLIP, DROP, SWITCH = 3, 0.2, 0.1, 0.1


def corrupted(maps: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Each label map (H, W) of whole numbers, 0 = background, by the name of its view."""
    rng = np.random.default_rng(seed)
    ids = sorted({int(id) for labels in maps.values() for id in np.unique(labels)} - {0})
    switched = _switches(sorted(maps), ids, rng)
    return {name: _view(maps[name], ids, switched[name], rng) for name in sorted(maps)}


def _view(labels: np.ndarray, ids: list[int], renamed: dict[int, int], rng: np.random.Generator) -> np.ndarray:
    """One view. Larger masks are laid down first, so that what grows over a small one does not swallow it."""
    present = sorted((id for id in ids if (labels == id).any()), key=lambda id: -(labels == id).sum())
    spoilt = np.zeros_like(labels)
    for id in present:
        mask = _shifted(labels == id, int(rng.integers(-SHIFT, SHIFT + 1)))
        number = _other(ids, id, rng) if rng.random() < FLIP else id
        if rng.random() >= DROP:
            spoilt[mask] = renamed.get(number, number)
    return spoilt


def _shifted(mask: np.ndarray, pixels: int) -> np.ndarray:
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(mask.astype(np.uint8), disk).astype(bool)


def _other(ids: list[int], id: int, rng: np.random.Generator) -> int:
    others = [one for one in ids if one != id]
    return int(rng.choice(others)) if others else 0


def _switches(names: list[str], ids: list[int], rng: np.random.Generator) -> dict[str, dict[int, int]]:
    """By view, which number stands for which."""
    renamed: dict[str, dict[int, int]] = {name: {} for name in names}
    run = max(1, round(SWITCH * len(names)))
    for id in ids:
        other, start = _other(ids, id, rng), int(rng.integers(0, len(names) - run + 1))
        for name in names[start : start + run]:
            renamed[name] |= {id: other, other: id} if other else {id: 0}
    return renamed
