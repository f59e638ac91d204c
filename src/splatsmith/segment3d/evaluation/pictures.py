"""Label maps over photos, and where they are wrong."""

from collections.abc import Mapping

import numpy as np

from splatsmith.scenes.palette import colours

STRENGTH = 0.6
"""Of the colours over a photo."""
DIM = 0.4
"""Brightness of the grey photo below the errors."""
MISSED, FALSE = (255, 64, 48), (64, 144, 255)
"""RGB where an object is missed or taken for another, and where the rest is taken for an object."""


def painted(masks: Mapping[str, np.ndarray], names: Mapping[int, str], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) uint16 label map of `shape`: masks (H, W) bool by name, painted with their numbers in order of `names`."""
    labels = np.zeros(shape, np.uint16)
    for id, name in names.items():
        if name in masks:
            labels[masks[name]] = id
    return labels


def label_picture(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: a photo (H, W, 3) uint8 with the colours of labels (H, W) over it, none for 0."""
    mixed = (1 - STRENGTH) * photo + STRENGTH * colours(labels)
    return np.where(labels[..., None] > 0, mixed, photo).astype(np.uint8)


def error_picture(photo: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the photo grey and dim, with `MISSED` and `FALSE` where labels (H, W) differ from the truth."""
    picture = np.repeat(DIM * photo.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    picture[(labels != truth) & (truth > 0)] = MISSED
    picture[(labels != truth) & (truth == 0)] = FALSE
    return picture
