"""Which views show an object best: large, sharp, whole, and from different sides.

Greedy, as in SCORP (arXiv 2506.23835, released code): the first view is the best one, each further one the best after
what it adds. Unlike there, sharpness is the object's and not the photo's; a view is compared by the side from which it
sees the object, so that opposite views differ; and what the picture's border cuts off or something hides counts against
a view.

    score = 0.25 sharpness + 0.25 area + 0.4 solidity - truncation - occlusion + 0.5 diversity

Sharpness and area run from 0 to 1 over the views that are considered. Diversity is the least angle to the views already
chosen, in units of the widest angle between any two; 1 for the first. It weighs twice as much as in SCORP, where
neighbours in one orbit are chosen again and again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from splatsmith.complete.observations import EDGE, Observation

SHARP, LARGE, SOLID, NEW = 0.25, 0.25, 0.4, 0.5
"""Weights of sharpness, area, solidity and diversity."""
SPECK = 50
"""Pixels. What is smaller tells nothing of an object."""
LEAST_CROP = 10_000
"""Pixels that a cropped picture has at least; smaller ones are doubled until they have. SCORP, code."""


@dataclass(frozen=True)
class Terms:
    """What speaks for a view of the object, and against it."""

    area: int
    """Pixels of the object."""
    sharpness: float
    """Variance of the Laplacian of its brightness, 0 to 255, without its outline."""
    solidity: float
    """Its silhouette over the convex hull of that, 0 to 1: small where it is in pieces."""
    truncation: float
    """Share of its outline that lies on the picture's border."""
    occlusion: float
    """Share of its surroundings that may hide more of it."""
    bearing: tuple[float, float, float]
    """Unit vector from the object to the camera, in the world frame."""

    def as_dict(self) -> dict:
        """As JSON takes it."""
        rounded = {key: round(value, 4) for key, value in asdict(self).items() if isinstance(value, float)}
        return asdict(self) | rounded | {"bearing": [round(part, 4) for part in self.bearing]}


@dataclass(frozen=True)
class Pick:
    """One of the chosen views."""

    name: str
    score: float
    diversity: float
    """What it adds to those chosen before, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Crop:
    """The object alone."""

    box: tuple[int, int, int, int]
    """x0 y0 x1 y1 in the view, pixels; x1 and y1 are not in it."""
    rgba: np.ndarray
    """(h, w, 4) uint8: the photo in the box, alpha 255 on the object and 0 elsewhere; several times as large as it."""


def terms_of(observation: Observation, center: np.ndarray) -> Terms:
    """What a view says of the object around `center` (3,), in the world frame. Raises InputError for a damaged photo.

    A view without the object has area 0, and 0 in all shares.
    """
    mask = observation.mask
    outwards = observation.view.center - center
    bearing = tuple((outwards / max(np.linalg.norm(outwards), 1e-12)).tolist())
    if not mask.any():
        return Terms(0, 0.0, 0.0, 0.0, 0.0, bearing)
    near, far = _grown(mask, EDGE), _grown(mask, 2 * EDGE + 1)
    return Terms(
        area=observation.area,
        sharpness=sharpness(observation.photo(), mask),
        solidity=solidity(mask),
        truncation=truncation(mask),
        occlusion=_mean(observation.unknown[far & ~near]),
        bearing=bearing,
    )


def sharpness(photo: np.ndarray, mask: np.ndarray) -> float:
    """Variance of the Laplacian of the brightness of `photo` (H, W, 3) uint8 where it takes in `mask` (H, W) alone."""
    laplacian = cv2.Laplacian(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.CV_64F)
    inside = _shrunk(mask)
    return float(laplacian[inside].var()) if inside.any() else 0.0


def solidity(mask: np.ndarray) -> float:
    """Pixels within the outer contours of `mask` (H, W), not empty, over those within their common convex hull."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled, hull = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.concatenate(contours)), 1)
    return float(filled.sum() / max(hull.sum(), filled.sum()))


def truncation(mask: np.ndarray) -> float:
    """Share of the outline of `mask` (H, W), not empty, that lies on the border of the picture."""
    outline = mask & ~_shrunk(mask)
    border = np.ones(mask.shape, bool)
    border[1:-1, 1:-1] = False
    return _mean(border[outline])


def chosen_views(terms: Mapping[str, Terms], count: int, min_area: float) -> list[Pick]:
    """Up to `count` of the views in `terms`, the best first; fewer where too few show the object.

    min_area: least area to be considered, as a share of the median of the views that show it. Among equals the first
    in `terms` is taken.
    """
    considered = _considered(terms, min_area)
    bases = dict(zip(considered, _bases(list(considered.values())), strict=True))
    bearings = {name: np.array(one.bearing) for name, one in considered.items()}
    widest = max((_angle(a, b) for a in bearings.values() for b in bearings.values()), default=0.0)
    picks: list[Pick] = []

    def diversity(name: str) -> float:
        if not picks:
            return 1.0
        least = min(_angle(bearings[name], bearings[pick.name]) for pick in picks)
        return least / widest if widest > 1e-6 else 0.0

    while len(picks) < min(count, len(considered)):
        left = [name for name in considered if name not in {pick.name for pick in picks}]
        new = {name: diversity(name) for name in left}
        best = max(left, key=lambda name: bases[name] + NEW * new[name])  # the first of equals
        picks.append(Pick(best, float(bases[best] + NEW * new[best]), new[best]))
    return picks


def crop_of(photo: np.ndarray, mask: np.ndarray) -> Crop:
    """The object of `mask` (H, W), not empty, cut out of `photo` (H, W, 3) uint8 by its box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    width, height = x1 - x0, y1 - y0
    while width * height < LEAST_CROP:
        width, height = 2 * width, 2 * height
    colours = cv2.resize(photo[y0:y1, x0:x1], (width, height), interpolation=cv2.INTER_CUBIC)
    alpha = np.where(mask[y0:y1, x0:x1], np.uint8(255), np.uint8(0))
    alpha = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_NEAREST)
    return Crop((x0, y0, x1, y1), np.dstack([colours, alpha]))


def _considered(terms: Mapping[str, Terms], min_area: float) -> dict[str, Terms]:
    shown = {name: one for name, one in terms.items() if one.area >= SPECK}
    least = min_area * float(np.median([one.area for one in shown.values()])) if shown else 0.0
    return {name: one for name, one in shown.items() if one.area >= least}


def _bases(terms: list[Terms]) -> np.ndarray:
    """(V,) the scores without diversity."""
    sharp, area = (_normalised([getattr(one, key) for one in terms]) for key in ("sharpness", "area"))
    whole = np.array([SOLID * one.solidity - one.truncation - one.occlusion for one in terms])
    return SHARP * sharp + LARGE * area + whole


def _normalised(values: list[float]) -> np.ndarray:
    """From 0 for the least to 1 for the greatest; 1 where all are equal."""
    numbers = np.array(values, np.float64)
    span = np.ptp(numbers) if len(numbers) else 0.0
    return (numbers - numbers.min()) / span if span > 0 else np.ones(len(numbers))


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Between two unit vectors (3,), in radians."""
    return float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), square).astype(bool)


def _shrunk(mask: np.ndarray) -> np.ndarray:
    """Without its outline; what lies beyond the picture is outside."""
    square = np.ones((3, 3), np.uint8)
    return cv2.erode(mask.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)


def _mean(flags: np.ndarray) -> float:
    return float(flags.mean()) if flags.size else 0.0
