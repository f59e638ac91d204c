"""The same points in a photo and in a picture of the proxy, drawn by the same camera at a pose that is nearly right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatsmith.complete.align.drawn import SOLID, Placed
from splatsmith.complete.align.sights import Sight
from splatsmith.models.matching import Cutout, Matcher


@dataclass(frozen=True, eq=False)
class Pairs:
    """M matches of one sight."""

    sight: Sight
    photo: np.ndarray
    """(M, 2). Where they are in the photo, in the sight's pixels."""
    drawn: np.ndarray
    """(M, 2). Where they are in the drawing."""
    points: np.ndarray
    """(M, 3). The same on the proxy, in the world as it stood when it was drawn; its depth is exact."""

    def __len__(self) -> int:
        return len(self.photo)

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Points (M, 3) of the world where the observed depth puts the photo's, and which (M,) have a depth."""
        column, row = _pixels(self.photo, self.sight)
        depth = self.sight.depth[row, column].astype(float)
        return self.sight.unproject(self.photo, np.where(depth > 0, depth, 1)), depth > 0


def matched(placed: Placed, sights: Sequence[Sight], matcher: Matcher) -> list[Pairs]:
    """Matches in each sight, in their order; those without depth on the proxy are left out. There may be none."""
    drawings = [placed.draw(sight) for sight in sights]
    pairs = [
        (Cutout(_bytes(sight.photo), sight.inside), Cutout(_bytes(one.rgb), one.alpha >= SOLID))
        for sight, one in zip(sights, drawings, strict=True)
    ]
    found = []
    for sight, one, matches in zip(sights, drawings, matcher.match(pairs), strict=True):
        column, row = _pixels(matches.points_b, sight)
        depth = one.depth[row, column].astype(float)
        kept = depth > 0
        photo, drawn = matches.points_a[kept], matches.points_b[kept]
        found.append(Pairs(sight, photo, drawn, sight.unproject(drawn, depth[kept])))
    return found


def picture(pairs: Pairs, placed: Placed) -> np.ndarray:
    """(h, 2w, 3) uint8. Photo and drawing beside each other, with a line for each match."""
    import cv2

    both = np.concatenate([_bytes(pairs.sight.photo), _bytes(placed.draw(pairs.sight).rgb)], axis=1)
    across = np.array([pairs.sight.size[0], 0])
    for i, (a, b) in enumerate(zip(pairs.photo, pairs.drawn + across, strict=True)):
        colour = [int(255 * c) for c in np.abs(np.sin(1.3 * i + np.array([0, 2.1, 4.2])))]
        cv2.line(both, tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist()), colour, 1, cv2.LINE_AA)
    return both


def _pixels(points: np.ndarray, sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    width, height = sight.size
    column, row = np.floor(points).astype(np.int64).reshape(-1, 2).T
    return np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
