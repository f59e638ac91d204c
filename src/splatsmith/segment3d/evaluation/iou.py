"""How well a mask agrees with another: over its area (IoU), and along its outline (boundary IoU).

Boundary IoU is that of Cheng et al., "Boundary IoU" (CVPR 2021), with the width that Gaussian Grouping takes for
LERF-Mask: 2 % of the picture's diagonal.

Two empty masks agree and share nothing, 0/0. Both measures are then NaN: the protocols ask only for pairs with truth.
"""

import math

import cv2
import numpy as np

WIDTH = 0.02
"""Of the boundary, in diagonals of the picture."""


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Pixels in both masks over pixels in either; a, b: (H, W) bool. NaN where both are empty."""
    either = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / either if either else math.nan


def boundary_iou(a: np.ndarray, b: np.ndarray) -> float:
    """The IoU of the boundaries of two masks, both (H, W) bool. NaN where both are empty."""
    return iou(boundary(a), boundary(b))


def boundary(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool. The pixels of a mask (H, W) within `boundary_pixels` of its outside, measured along rows, columns
    and diagonals alike. What lies beyond the picture is outside.

    That is the mask without its erosion, as many times, by a square of 3 x 3: the erosion by one large square.
    """
    side = 2 * boundary_pixels(mask.shape) + 1
    square = np.ones((side, side), np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return mask & (inner == 0)


def boundary_pixels(shape: tuple[int, ...]) -> int:
    """Width of the boundary in a picture of `shape` (H, W), in pixels; at least 1."""
    return max(1, round(WIDTH * math.hypot(*shape)))


def resized(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`picture` (H, W) at another `shape`, each pixel that of the nearest centre."""
    if picture.shape == shape:
        return picture
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp) for old, new in zip(picture.shape, shape, strict=True)
    )
    return picture[np.ix_(rows, columns)]
