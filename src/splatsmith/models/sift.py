"""SIFT (Lowe, IJCV 2004) by OpenCV: a `Matcher` that needs no weights."""

from collections.abc import Sequence

import cv2
import numpy as np

from splatsmith.models.matching import GREY, Cutout, Matches

RATIO = 0.8
"""A descriptor's nearest neighbour counts if it is closer than this times the second nearest (Lowe, section 7.1)."""
BORDER = 16
"""Pixels of background around the object that its descriptors may reach into."""
SMALLEST = 200
"""Pixels of the longer side up to which an object is shown twice as large: SIFT finds little in small pictures."""


FEATURES = 4000
"""Most key points of one picture: those with the strongest contrast."""


class Sift:
    """A `Matcher`: mutual nearest neighbours that pass the ratio test both ways. Scores are 1 - ratio, 0.2 to 1."""

    def __init__(self) -> None:
        self._sift = cv2.SIFT_create(FEATURES, enable_precise_upscale=True)  # else a quarter of a pixel off

    def match(self, pairs: Sequence[tuple[Cutout, Cutout]]) -> list[Matches]:
        """As `Matcher.match`; the best first. The same pictures give the same matches."""
        return [self._match(a, b) for a, b in pairs]

    def _match(self, a: Cutout, b: Cutout) -> Matches:
        (points_a, described_a), (points_b, described_b) = self._described(a), self._described(b)
        index_a, index_b, scores = mutual(described_a, described_b)
        best = np.argsort(-scores, kind="stable")
        return Matches(points_a[index_a[best]], points_b[index_b[best]], scores[best]).of(a, b)

    def _described(self, cutout: Cutout) -> tuple[np.ndarray, np.ndarray]:
        """Key points (K, 2) on the object, in pixels of the cutout, and their descriptors (K, 128) float32."""
        x0, y0, x1, y1 = cutout.box
        image = cv2.copyMakeBorder(
            cv2.cvtColor(cutout.greyed[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY),
            *[BORDER] * 4,
            cv2.BORDER_CONSTANT,
            value=GREY,
        )
        mask = cv2.copyMakeBorder(
            cutout.mask[y0:y1, x0:x1].astype(np.uint8), *[BORDER] * 4, cv2.BORDER_CONSTANT, value=0
        )
        scale = 2 if max(x1 - x0, y1 - y0) <= SMALLEST else 1
        size = image.shape[1] * scale, image.shape[0] * scale
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        points, described = self._sift.detectAndCompute(image, mask)
        if described is None:
            return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
        found = np.array([point.pt for point in points], np.float64)
        return (found + 0.5) / scale - BORDER + [x0, y0], described


def mutual(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of `a` (K, D) and `b` (L, D), each the other's nearest and much nearer than the second; 1 - the worse ratio.

    Three arrays (M,): indices into a, indices into b, scores. A row without a second neighbour has no match.
    """
    if min(len(a), len(b)) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    a, b = a.astype(np.float64), b.astype(np.float64)
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    distance = np.sqrt(np.maximum(square, 0))
    to_b, to_a = distance.argmin(axis=1), distance.argmin(axis=0)
    index = np.flatnonzero(to_a[to_b] == np.arange(len(a)))
    ratio = np.maximum(_ratios(distance)[index], _ratios(distance.T)[to_b[index]])
    kept = ratio < RATIO
    return index[kept], to_b[index[kept]], 1 - ratio[kept]


def _ratios(distance: np.ndarray) -> np.ndarray:
    """(K,). How far the nearest of each row is, as a share of the second; 1 where both are the same."""
    first, second = np.partition(distance, 1, axis=1)[:, :2].T
    return np.divide(first, second, out=np.ones_like(first), where=second > 0)
