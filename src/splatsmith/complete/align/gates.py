"""Whether a pose can be believed: figures with limits, and what to say of the result.

    overlap         IoU of outlines in views that were not fitted to, where there are enough views
    reprojection    median error of matches, in pixels of the picture that was matched
    explained       80th percentile of the distance from observed points to the proxy, in units
    free            share of the proxy that stands where the views see that nothing is
    anisotropy      the largest factor between a scale and their mean

A figure beyond its limit makes the result "degraded", one beyond its worst value "failed". Matches and observed points,
among which there may be many wrong ones, cannot make it fail.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from splatsmith.complete.align.body import Body
from splatsmith.complete.align.drawn import Placed
from splatsmith.complete.align.evidence import FULL, Evidence
from splatsmith.complete.align.matches import Pairs
from splatsmith.complete.align.sights import Sight
from splatsmith.complete.align.silhouettes import overlap

GAP = 0.01
"""Difference of scores below which two poses fit equally well."""
FEWEST_MATCHES = 12
"""Matches that are believed."""
IN_FRONT = 0.08
"""How far, in units, a point must stand before the observed surface to be where nothing is."""
BEYOND = 2
"""Working pixels that a point must be off the mask to be outside of it."""
TOLD = {
    "overlap": "its outlines overlap those of the masks by only {value:.2f}",
    "reprojection": "its matches are off by {value:.1f} pixels",
    "explained": "observed points are {value:.1%} of its length away from it",
    "free": "{value:.0%} of it stands where nothing is",
    "anisotropy": "one of its scales is {value:.2f} times their mean",
}


@dataclass(frozen=True)
class Gate:
    """One figure and what it should be."""

    name: str
    value: float
    limit: float
    """Up to here all is well."""
    worst: float | None
    """From here on the pose is wrong; None: it may still be right."""
    better: Literal["more", "less"]

    def _beyond(self, limit: float) -> bool:
        return self.value < limit if self.better == "more" else self.value > limit

    @property
    def passed(self) -> bool:
        """Whether it is within its limit."""
        return not self._beyond(self.limit)

    @property
    def hopeless(self) -> bool:
        """Whether it is beyond its worst value."""
        return self.worst is not None and self._beyond(self.worst)

    @property
    def complaint(self) -> str:
        """In words, what is wrong where it is not passed."""
        return TOLD[self.name].format(value=self.value)

    def as_dict(self) -> dict:
        """For pose.json."""
        return asdict(self) | {"value": round(self.value, 4), "passed": self.passed}


def gates_of(placed: Placed, body: Body, evidence: Evidence, matches: Sequence[Pairs], anisotropy: float) -> list[Gate]:
    """All gates of a proxy that stands somewhere; that of matches only where there are enough."""
    sights = [sight.reduced(FULL) for sight in evidence.held or evidence.sights]
    overlaps = [overlap(placed.draw(sight).outline, sight) for sight in sights]
    gates = [Gate("overlap", float(np.mean(overlaps)), 0.75, 0.6, "more")]
    off = np.concatenate([np.zeros(0), *(np.linalg.norm(some.photo - some.drawn, axis=1) for some in matches)])
    if len(off) >= FEWEST_MATCHES:
        gates.append(Gate("reprojection", float(np.median(off)), 4.0, None, "less"))
    world = body.points @ placed.T[:3, :3].T + placed.T[:3, 3]
    if len(evidence.points):
        far = float(np.quantile(cKDTree(world).query(evidence.points)[0], 0.8)) / evidence.unit
        gates.append(Gate("explained", far, 0.05, None, "less"))
    gates.append(Gate("free", free_share(world, [*evidence.sights, *evidence.held], evidence.unit), 0.05, 0.25, "less"))
    return [*gates, Gate("anisotropy", anisotropy, 1.35, 1.6, "less")]


def free_share(world: np.ndarray, sights: Sequence[Sight], unit: float) -> float:
    """Share of points (N, 3) that at least two sights see to be in the open (one, where there is no other)."""
    votes = np.zeros(len(world), int)
    for sight in (sight.reduced(FULL) for sight in sights):
        pixels, z = sight.project(world)
        column, row = np.floor(pixels).astype(np.int64).T
        within = (z > 0) & (column >= 0) & (row >= 0) & (column < sight.size[0]) & (row < sight.size[1])
        column, row = np.where(within, column, 0), np.where(within, row, 0)
        depth = sight.depth[row, column]
        open_air = _outside(sight)[row, column] | ((depth > 0) & (z < depth - IN_FRONT * unit))
        votes += within & open_air
    return float((votes >= min(2, len(sights))).mean())


def _outside(sight: Sight) -> np.ndarray:
    """(h, w) bool. Pixels that surely are not the object's, nor next to it."""
    import cv2

    kernel = np.ones((2 * BEYOND + 1, 2 * BEYOND + 1), np.uint8)
    return cv2.erode(sight.outside.astype(np.uint8), kernel, borderValue=1).astype(bool)


def verdict(gates: Sequence[Gate], gap: float | None) -> tuple[Literal["ok", "degraded", "ambiguous", "failed"], str]:
    """Status and reason. gap: of the scores of the two best poses that differ; None where there is one."""
    complaints = "; ".join(gate.complaint for gate in gates if not gate.passed)
    if any(gate.hopeless for gate in gates):
        return "failed", f"no pose fits: {complaints}"
    if gap is not None and gap < GAP:
        told = f"another rotation fits as well (scores differ by {gap:.3f}), as with symmetric things"
        return "ambiguous", f"{told}; {complaints}" if complaints else told
    return ("degraded", complaints) if complaints else ("ok", "")
