"""How far two masks are one thing, judged on the Gaussians that both of their views see.

    I_mn = sum over i owned by both of sqrt(V_v(m)i V_v(n)i)
    a_mu = sum over i owned by m of sqrt(V_v(m)i V_ui)             what view u sees of m
    IoU  = I_mn / (a_m,v(n) + a_n,v(m) - I_mn)

A mask owns the Gaussians that it holds more than half of, so that these are true sets, and equal masks have IoU 1.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from splatsmith.segment2d.association.signatures import Signatures

LEAST_SUPPORT = 50.0
"""Pixels of the union that two views must both see, or half of the smaller mask: with less there is no evidence."""
SUREST = 0.95
"""IoU is taken as this at most, and one minus this at least."""
APART = -10.0
"""Log-odds for two masks of one view: a source that parts them mostly means it."""
KNOWN = 1e6
"""Log-odds, positive or negative, where the source itself says which masks are one thing."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """All pairs of M masks."""

    view_of: np.ndarray
    """(M,)."""
    shared: np.ndarray
    """(M, M) float32. I_mn, in pixels."""
    reach: np.ndarray
    """(M, views) float32. a_mu, in pixels."""

    @property
    def union(self) -> np.ndarray:
        """(M, M) float32. The union of two masks as far as both views see it, in pixels."""
        across = self.reach[:, self.view_of]
        return across + across.T - self.shared

    @property
    def size(self) -> np.ndarray:
        """(M,) float32. Mass of what each mask owns, in pixels."""
        return self.reach[np.arange(len(self.view_of)), self.view_of]


def overlaps(masks: Signatures) -> Overlaps:
    """The overlaps of all pairs."""
    shared = (masks.owned @ masks.owned.T).toarray()
    reach = masks.owned @ masks.seen.T.toarray()  # nearly dense anyway: every Gaussian is seen by many views
    return Overlaps(masks.view_of, shared, reach)


def affinities(pairs: Overlaps, known: np.ndarray, min_iou: float) -> np.ndarray:
    """(M, M) float32, symmetric: log-odds that two masks show one thing, 0 where there is no evidence.

    known: (M,) numbers of what the masks show where the source says so, 0 where it does not; masks of equal numbers are
    held together, those of different numbers apart. min_iou: the IoU that has log-odds 0.
    """
    union, size = pairs.union, pairs.size
    evident = (union > 0) & (union >= np.minimum(LEAST_SUPPORT, np.minimum.outer(size, size) / 2))
    iou = np.clip(pairs.shared / np.maximum(union, 1e-6), 1 - SUREST, SUREST)
    odds = np.where(evident, np.log(iou / (1 - iou)) - log(min_iou / (1 - min_iou)), np.float32(0))
    odds[np.equal.outer(pairs.view_of, pairs.view_of)] = APART
    said = np.flatnonzero(known)
    odds[np.ix_(said, said)] = np.where(np.equal.outer(known[said], known[said]), KNOWN, -KNOWN)
    return odds
