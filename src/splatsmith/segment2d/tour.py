"""The order in which views are walked through, so that each looks like the one before: a tracker expects a video.

Photos lie in the order of their files, which may jump about the scene. Their cameras' poses tell which views are
neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatsmith.scenes.cameras import View
from splatsmith.scenes.prepared import read_image


def tour(views: Sequence[View]) -> tuple[View, ...]:
    """All views, each once, neighbours alike. The order of `views` does not matter.

    It starts at the view that is farthest from all others: an end of the capture, if it has one. The nearest view that
    is left comes next, by camera centre and viewing direction. That leaves some views for long ways back at the end, so
    stretches are then reversed while it makes the walk shorter (2-opt).
    """
    views = sorted(views, key=lambda view: view.name)
    if not views:
        return ()
    distances = _distances(views)
    first = int(distances.sum(axis=1).argmax())
    return tuple(views[i] for i in _shortened(_greedy(distances, first), distances))


@dataclass(frozen=True)
class Pictures:
    """The pictures of views in their order, each opened when it is asked for: `Frames` for the models."""

    views: tuple[View, ...]

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, frame: int, /) -> np.ndarray:
        """(H, W, 3) uint8. Raises InputError where the picture is damaged."""
        return read_image(self.views[frame])


def _distances(views: Sequence[View]) -> np.ndarray:
    """(V, V). Between centres and between unit viewing directions, combined.

    Centres count in units of their median distance over the root of 2, which on a circle is its radius: on an orbit
    around an object, each step changes place and direction by the same amount.
    """
    centers = _between(np.array([view.center for view in views]))
    radius = np.median(centers[~np.eye(len(views), dtype=bool)]) / np.sqrt(2) if len(views) > 1 else 0.0
    directions = _between(np.array([view.T_camera_world[2, :3] for view in views]))
    return np.hypot(centers / (radius if radius > 0 else 1.0), directions)


def _between(points: np.ndarray) -> np.ndarray:
    """(V, V). Distances between points (V, 3)."""
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def _greedy(distances: np.ndarray, first: int) -> list[int]:
    path, left = [first], np.ones(len(distances), dtype=bool)
    left[first] = False
    while left.any():
        path.append(int(np.where(left, distances[path[-1]], np.inf).argmin()))
        left[path[-1]] = False
    return path


def _shortened(path: list[int], distances: np.ndarray) -> list[int]:
    """A path with the same start that no reversal of a stretch makes shorter."""
    order, shorter = np.array(path), True
    while shorter:
        shorter = False
        for i in range(len(order) - 2):
            heads, tails = order[i + 1], order[i + 2 :]  # the stretch from heads to any of tails may be reversed
            onwards = np.append(order[i + 3 :], -1)  # what comes after it; nothing does after the last
            step, rejoined = distances[tails, onwards], distances[heads, onwards]
            step[-1] = rejoined[-1] = 0.0
            gains = distances[order[i], heads] + step - distances[order[i], tails] - rejoined
            best = int(gains.argmax())
            if gains[best] > 1e-9:
                order[i + 1 : i + 3 + best] = order[i + 1 : i + 3 + best][::-1].copy()
                shorter = True
    return order.tolist()
