"""Looking for the symmetries of an object: a coarse scan of all candidates, then a pattern search around the best."""

from collections.abc import Callable, Sequence

import numpy as np

from splatsmith.complete.proxies.hullsym.closing import directions
from splatsmith.complete.proxies.hullsym.symmetry import MOST_FREE, TURNS, Evidence, Score, Symmetry, reflection, turn

HEADINGS = 45
"""Upright planes that are tried, by heading."""
LEANING = 60
"""Planes in all directions that are tried beside them."""
OFFSETS = 11
"""Positions along its normal at which each is tried..."""
REACH = 0.25
"""...within this share of the object's extent from its middle."""
COARSE = 4
"""The scan looks at each so many-th point of the surface."""
BEST = 4
"""Candidates that are refined."""
STEPS = 5
"""How often the pattern search halves its steps."""
SQUARE = np.radians(4)
"""A second mirror plane is upright to the first within this."""
UPRIGHT = 0.03
"""What a plane that leans has to score better by."""
ANY_TURN = 1.5
"""No turn of a revolution may take more of S into free space, in those that a symmetry may."""
ROUND = 0.4
"""Least share of S that a revolution takes onto S: half of it is seen from anywhere."""


def symmetries(evidence: Evidence) -> list[Symmetry]:
    """What the object is found to have: a revolution, or up to two mirror planes, or nothing."""
    middle, size = _extent(evidence)
    round = _revolution(evidence, middle, size)
    if round is not None:
        return [round]
    first = _mirror(evidence, middle, size, _headings() + _leanings())
    if first is None:
        return []
    heading = np.arctan2(first.normal[1], first.normal[0]) + np.pi / 2
    across = [_upright(heading + off) for off in np.linspace(-SQUARE, SQUARE, 3)]
    second = _mirror(evidence, middle, size, across) if abs(first.normal[2]) < 0.5 else None
    return [first] if second is None else [first, second]


def group(found: Sequence[Symmetry]) -> list[np.ndarray]:
    """All maps but the identity that symmetries make together, (4, 4) each."""
    match found:
        case [first, second]:
            return [*first.maps, *second.maps, *(a @ b for a in first.maps for b in second.maps)]
        case _:
            return [g for symmetry in found for g in symmetry.maps]


def _extent(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Middle and size (3,) of what the object may fill."""
    inside = np.argwhere(evidence.field > 0)
    low, high = np.quantile(inside, [0.01, 0.99], axis=0)
    return (low + high) / 2, high - low


def _mirror(evidence: Evidence, middle: np.ndarray, size: np.ndarray, normals: Sequence[np.ndarray]) -> Symmetry | None:
    """The best accepted plane around `normals` (3,)."""
    shifts = np.linspace(-REACH, REACH, OFFSETS)
    tried = []
    for normal in normals:
        for shift in shifts:
            offset = float(normal @ middle + shift * np.abs(normal) @ size)
            tried.append(np.array([*_angles(normal), offset]))

    def score(x: np.ndarray, every: int = 1) -> Score:
        return evidence.score(reflection(_direction(x[0], x[1]), x[2]), every)

    def better(s: Score, x: np.ndarray) -> float:
        return s.total - UPRIGHT * (abs(x[1]) > np.radians(3)) - (not s.accepted)

    x, best = _searched(tried, score, better, np.array([np.radians(2), np.radians(1), 1.0]))
    if not best.accepted:
        return None
    normal = _direction(x[0], x[1])
    return Symmetry("mirror", normal, x[2] * normal, best)


def _revolution(evidence: Evidence, middle: np.ndarray, size: np.ndarray) -> Symmetry | None:
    """The best accepted upright axis."""
    up = np.array([0.0, 0.0, 1.0])
    steps = np.linspace(-REACH, REACH, OFFSETS)
    tried = [middle[:2] + size[:2] * [a, b] for a in steps for b in steps]
    angles = np.arange(1, TURNS) * 2 * np.pi / TURNS

    def score(x: np.ndarray, every: int = 1) -> Score:
        return evidence.mean_score([turn(up, np.array([*x, 0.0]), angle) for angle in angles], every)

    x, best = _searched(tried, score, lambda s, _: s.total - (not s.accepted), np.array([1.0, 1.0]))
    worst = max(evidence.score(turn(up, np.array([*x, 0.0]), angle)).free for angle in angles)
    if not best.accepted or best.matched < ROUND or worst > ANY_TURN * MOST_FREE:
        return None
    return Symmetry("revolution", up, np.array([*x, middle[2]]), best)


def _searched(
    tried: Sequence[np.ndarray],
    score: Callable[..., Score],
    value: Callable[[Score, np.ndarray], float],
    steps: np.ndarray,
) -> tuple[np.ndarray, Score]:
    """The best of `tried`, moved by pattern search with `steps` that halve."""
    values = [value(score(x, COARSE), x) for x in tried]
    order = sorted(range(len(tried)), key=lambda i: -values[i])[:BEST]
    found = [_climbed(tried[i], score(tried[i]), score, value, steps) for i in order]
    return max(found, key=lambda pair: value(pair[1], pair[0]))


def _climbed(
    x: np.ndarray,
    best: Score,
    score: Callable[..., Score],
    value: Callable[[Score, np.ndarray], float],
    steps: np.ndarray,
) -> tuple[np.ndarray, Score]:
    for halving in range(STEPS):
        moved = True
        while moved:
            moved = False
            for step in np.diag(steps / 2**halving):
                for other in (x + step, x - step):
                    if value(s := score(other), other) > value(best, x) + 1e-9:
                        x, best, moved = other, s, True
    return x, best


def _headings() -> list[np.ndarray]:
    return [_upright(angle) for angle in np.arange(HEADINGS) * np.pi / HEADINGS]


def _leanings() -> list[np.ndarray]:
    """Directions on the upper half of the sphere."""
    return [*directions(2 * LEANING)[:LEANING]]


def _upright(heading: float) -> np.ndarray:
    return _direction(heading, 0.0)


def _direction(heading: float, lean: float) -> np.ndarray:
    return np.array([np.cos(heading) * np.cos(lean), np.sin(heading) * np.cos(lean), np.sin(lean)])


def _angles(normal: np.ndarray) -> tuple[float, float]:
    return float(np.arctan2(normal[1], normal[0])), float(np.arcsin(np.clip(normal[2], -1, 1)))
