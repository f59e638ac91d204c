"""Two other ways to make masks agree, for comparison: a memory bank of Gaussians, and tracking by overlap in pixels.

Both take the views one after the other, as they lie in the folder, and give each mask a number that stays.
"""

from collections.abc import Sequence

import numpy as np
from mask_errors import LabelMaps
from scipy.optimize import linear_sum_assignment

from splatsmith.scenes.cameras import View

PATCHES, FRONT, LEAST_OVERLAP = 32, 0.2, 0.1
"""Gaga: patches along each side, the part of a patch's Gaussians that is in front, and what joins a group."""
LEAST_IOU = 0.3
"""Tracking: masks of two views in a row with less overlap are different things (as in SORT)."""


def memory_bank(views: Sequence[View], maps: LabelMaps, means: np.ndarray) -> LabelMaps:
    """Lyu et al., Gaga, 2024: a mask joins the group that owns most of the Gaussians in front in it, or begins one.

    means: (N, 3) world. A Gaussian belongs to the group that claims it first.
    """
    owner, groups, result = np.zeros(len(means), int), 0, {}
    for view in views:
        labels = maps[view.name]
        number_of = np.zeros(labels.max() + 1, int)
        for number in np.unique(labels[labels > 0]):
            current = _front(view, labels == number, means)
            shared = np.bincount(owner[current], minlength=groups + 1)
            shared[0] = 0
            best = int(shared.argmax())
            if shared[best] < LEAST_OVERLAP * (len(current) + shared[best]) or not shared[best]:
                groups += 1
                best = groups
            owner[current[owner[current] == 0]] = best
            number_of[number] = best
        result[view.name] = number_of[labels]
    return result


def _front(view: View, mask: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Rows of the Gaussians whose centres lie in the mask, the nearest fifth of each patch of the picture."""
    in_camera = means @ view.T_camera_world[:3, :3].T + view.T_camera_world[:3, 3]
    depth = in_camera[:, 2]
    height, width = mask.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.floor(view.camera.fx * in_camera[:, 0] / depth + view.camera.cx)
        y = np.floor(view.camera.fy * in_camera[:, 1] / depth + view.camera.cy)
    rows = np.flatnonzero((depth > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height))
    rows = rows[mask[y[rows].astype(int), x[rows].astype(int)]]
    patch = (y[rows] * PATCHES // height) * PATCHES + x[rows] * PATCHES // width
    order = np.lexsort((depth[rows], patch))
    _, first, count = np.unique(patch[order], return_index=True, return_counts=True)
    rank = np.arange(len(rows)) - np.repeat(first, count)
    return rows[order][rank < np.ceil(FRONT * np.repeat(count, count))]


def iou_tracking(views: Sequence[View], maps: LabelMaps) -> LabelMaps:
    """A mask has the number of the mask of the view before that it overlaps most in pixels, each given once."""
    result, before, last = {}, None, 0
    for view in views:
        labels = maps[view.name]
        numbers = np.unique(labels[labels > 0])
        number_of = np.zeros(labels.max() + 1, int)
        if before is not None and len(numbers):
            old = np.unique(before[before > 0])
            iou = np.array([[_iou(labels == n, before == o) for o in old] for n in numbers]).reshape(-1, len(old))
            for i, j in zip(*linear_sum_assignment(-iou), strict=True):
                if iou[i, j] >= LEAST_IOU:
                    number_of[numbers[i]] = old[j]
        for number in numbers[number_of[numbers] == 0]:
            last += 1
            number_of[number] = last
        result[view.name] = before = number_of[labels]
    return result


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
