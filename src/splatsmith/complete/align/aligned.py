"""One proxy aligned: by geo9, by SCORP's way, by hand, or where it already stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splatsmith.base.outcome import Outcome
from splatsmith.complete.align.body import Body
from splatsmith.complete.align.drawn import Fit, fit_of, place
from splatsmith.complete.align.evidence import FULL
from splatsmith.complete.align.gates import Gate, gates_of, verdict
from splatsmith.complete.align.geo9 import Drawing, finished, geo9
from splatsmith.complete.align.hypotheses import Hypothesis, spiral_rotations, upright_rotations
from splatsmith.complete.align.matches import Pairs, matched
from splatsmith.complete.align.pose import Pose, angle_between
from splatsmith.complete.align.symmetry import order_of, self_similar
from splatsmith.models.matching import Matcher

ROTATIONS = 512
"""That are tried where no axis is known."""
APART_DEG = 15
"""Rotations that far apart are different answers."""
WORTH = 0.02
"""Gain in score from which a proxy that already stands is moved."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """Where the proxy stands, and how much that is to be believed."""

    T: np.ndarray
    """(4, 4). T_world_proxy."""
    pose: Pose | None
    """The same in nine numbers; None for a general affine map."""
    outcome: Outcome
    gates: Sequence[Gate]
    fit: Fit
    hypotheses: Sequence[Hypothesis]
    """Poses of the body that were left at the end, the best first."""
    gap: float | None
    """Score of the best less that of the best other rotation; None where there is none."""
    symmetry: str
    """Of the proxy's shape where it stands."""
    pairs: Sequence[Pairs]
    """Matches with the proxy where it stands."""

    def as_dict(self, body: Body) -> dict:
        """For pose.json; poses are those of the proxy as it came."""
        best = self.hypotheses[0].pose if self.hypotheses else None
        told = [
            {
                "score": round(one.score, 4),
                "degrees_from_best": round(angle_between(one.pose.R, best.R), 1),
                "T_world_proxy": body.of_proxy(one.pose).T.tolist(),
            }
            for one in self.hypotheses
        ]
        nine = {"rotation": None, "scales": None, "translation": self.T[:3, 3].tolist(), "anisotropy": None}
        if self.pose is not None:
            nine |= {"rotation": self.pose.R.tolist(), "scales": np.exp(self.pose.a).tolist()}
            nine |= {"anisotropy": round(self.pose.anisotropy, 4)}
        return {
            "T_world_proxy": self.T.tolist(),
            **nine,
            "fit": {"iou": self.fit.iou, "colour": self.fit.colour, "depth": self.fit.depth, "score": self.fit.score},
            "gates": [gate.as_dict() for gate in self.gates],
            "ambiguity_gap": self.gap,
            "symmetry": self.symmetry,
            "matches": sum(map(len, self.pairs)),
            "hypotheses": told,
        }


def by_geo9(
    drawing: Drawing,
    matcher: Matcher | None,
    up_proxy: np.ndarray | None,
    up_world: np.ndarray,
    *,
    seed: int,
    label: str,
) -> Aligned:
    """Search for the pose. Upright rotations alone are tried first where the proxy's up axis (3,) is known."""
    if up_proxy is not None:
        found = geo9(drawing, upright_rotations(up_proxy, up_world), matcher, seed=seed, label=label)
        result = _judged(found, drawing, matcher)
        if result.outcome.status in ("ok", "ambiguous"):
            return result
    return _judged(geo9(drawing, spiral_rotations(ROTATIONS), matcher, seed=seed, label=label), drawing, matcher)


def verified(drawing: Drawing, matcher: Matcher | None, pose: Pose) -> Aligned:
    """Judge a pose of the body and leave it: a hull was carved out of the very masks, and a move only spoils it."""
    full = [sight.reduced(FULL) for sight in drawing.evidence.sights]
    return _judged([drawing.scored(pose, full, fine=True)], drawing, matcher)


def improved(drawing: Drawing, matcher: Matcher | None, pose: Pose, *, stretch: bool) -> Aligned:
    """Verify a pose of the body, and move it only where that gains clearly: a person's or a generator's first guess.

    stretch: whether its scales may change one by one.
    """
    full = [sight.reduced(FULL) for sight in drawing.evidence.sights]
    given = drawing.scored(pose, full, fine=True)
    better = finished([given], drawing, stretch=stretch)[0]
    return _judged([better if better.score > given.score + WORTH else given], drawing, matcher)


def locked(drawing: Drawing, matcher: Matcher | None, pose: Pose) -> Aligned:
    """Take a pose of the body as it is. It is never refused: what its gates say makes it degraded at most."""
    found = verified(drawing, matcher, pose)
    if found.outcome.status != "failed":
        return found
    outcome = Outcome(status="degraded", reason=f"the pose was given, but {found.outcome.reason}")
    return replace(found, outcome=outcome)


def affine_one(drawing: Drawing, T_world_body: np.ndarray, pairs: Sequence[Pairs]) -> Aligned:
    """A general affine map, as SCORP's way ends with."""
    body, evidence = drawing.body, drawing.evidence
    placed = place(body.fine, T_world_body, drawing.backend)
    stretch = np.linalg.svd(T_world_body[:3, :3], compute_uv=False)
    factors = stretch / stretch.prod() ** (1 / 3)
    gates = gates_of(placed, body, evidence, pairs, float(max(factors.max(), 1 / factors.min())))
    full = [sight.reduced(FULL) for sight in evidence.sights]
    fit = fit_of(placed, full, evidence.unit)
    status, reason = verdict(gates, None)
    T = T_world_body @ body.T_body_proxy
    return Aligned(T, None, Outcome(status=status, reason=reason), gates, fit, (), None, "not looked at", pairs)


def _judged(found: Sequence[Hypothesis], drawing: Drawing, matcher: Matcher | None) -> Aligned:
    body, evidence, best = drawing.body, drawing.evidence, found[0]
    placed = place(body.fine, best.pose.T, drawing.backend)
    pairs = [] if matcher is None else matched(placed, evidence.sights, matcher)
    gates = gates_of(placed, body, evidence, pairs, best.pose.anisotropy)
    others = [one.score for one in found if angle_between(one.pose.R, best.pose.R) >= APART_DEG]
    gap = best.score - max(others) if others else None
    status, reason = verdict(gates, gap)
    if status == "ok" and matcher is not None and not any(map(len, pairs)):
        reason = "nothing matched: outlines and colours alone say where it stands"
    full = [sight.reduced(FULL) for sight in evidence.sights]
    fit, pose = fit_of(placed, full, evidence.unit), body.of_proxy(best.pose)
    symmetry = order_of(self_similar(best.pose, body))
    return Aligned(pose.T, pose, Outcome(status=status, reason=reason), gates, fit, found, gap, symmetry, pairs)
