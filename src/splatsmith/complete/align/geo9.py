"""geo9: nine degrees of freedom from outlines, colours, depths and matches; no network is needed.

    hypotheses    rotations over all there are, each with the scale and place that the masks' boxes give
    icp           the observed points must lie on the proxy
    polish        drawn small, compared with the photos: seven numbers, then nine
    equivalents   the rotations that carry the proxy onto itself: which of them do the colours speak for?
    matches       pictures of the proxy matched with photos, all views at once
    polish        the best few, drawn larger

Every step scores what it is given and what it makes of it, so that a step that fails costs nothing but its time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splatsmith.base.progress import Progress
from splatsmith.complete.align.body import Body
from splatsmith.complete.align.drawn import FINENESS, ROUGHLY, SLIM, Weights, fit_of, place
from splatsmith.complete.align.evidence import COARSE, FULL, MIDDLE, Evidence
from splatsmith.complete.align.hypotheses import Hypothesis, distinct, placed
from splatsmith.complete.align.icp import icp
from splatsmith.complete.align.matches import matched
from splatsmith.complete.align.polish import polish
from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.reproject import reproject, tracks_of
from splatsmith.complete.align.sights import Sight
from splatsmith.complete.align.silhouettes import likeness
from splatsmith.complete.align.symmetry import self_similar
from splatsmith.complete.align.umeyama import ransac
from splatsmith.gaussians import Gaussians
from splatsmith.models.matching import Matcher

FEW = 5
"""Sights that hypotheses are compared in."""
SMALL = 28
"""Longest side in working pixels of what they are drawn in."""
AFTER_MASKS, AFTER_ICP, AFTER_DRAWING, LAST = 40, 16, 6, 3
"""Hypotheses that are left."""
EQUIVALENTS = 5
"""Of the poses that look alike in shape, those that are polished."""
SAME_DEG = 8
"""Poses whose rotations are closer are one."""
SPAN_DEG = 30
"""Angle between views from which the scales along the axes can differ."""
WITHIN = 0.05
"""Inliers of a similarity between matched points in space, in units."""
FEWEST_MATCHES = 8
CLOSE = 0.03
"""Hypotheses whose scores are so close to the best are all polished to the end."""
EVEN, EVEN_AT_FIRST = 0.02, 0.1
"""What unequal scales cost, and what they do where the drawings are too small to tell them well."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A body that is drawn and compared with the evidence."""

    body: Body
    evidence: Evidence
    backend: Literal["cpu", "gsplat"]

    @property
    def may_stretch(self) -> bool:
        """Whether the views tell the scales apart."""
        return len(self.evidence.sights) >= 3 and self.evidence.span_deg >= SPAN_DEG

    def polished(
        self,
        pose: Pose,
        sights: Sequence[Sight],
        steps: int,
        *,
        blur: float,
        stretch: bool = True,
        even: float = EVEN,
        fine: bool = False,
    ) -> Hypothesis:
        """`pose` improved in `sights`, with its score there. even: how much unequal scales cost."""
        splats, fineness = self._splats(fine)
        told = {"unit": self.evidence.unit, "stretch": stretch and self.may_stretch, "steps": steps}
        told |= {"weights": Weights(blur=blur, stretch=even), "backend": self.backend, "fineness": fineness}
        moved = polish(pose, splats, sights, **told)
        return self.scored(moved, sights, fine=fine)

    def scored(self, pose: Pose, sights: Sequence[Sight], *, fine: bool = False) -> Hypothesis:
        """`pose` with its score in `sights`."""
        splats, fineness = self._splats(fine)
        drawn = place(splats, pose.T, self.backend, fineness=fineness, slim=SLIM)
        return Hypothesis(pose, fit_of(drawn, sights, self.evidence.unit).score)

    def _splats(self, fine: bool) -> tuple[Gaussians, int]:
        return (self.body.fine, FINENESS) if fine else (self.body.rough, ROUGHLY)


def geo9(
    drawing: Drawing, rotations: np.ndarray, matcher: Matcher | None, *, seed: int, label: str
) -> list[Hypothesis]:
    """The best poses of the body, the best first, no two of them the same; at least one.

    rotations: (M, 3, 3) to begin with. seed: of the draws among matches. label heads the line of progress.
    """
    body, evidence = drawing.body, drawing.evidence
    few = [sight.reduced(COARSE) for sight in evidence.sights[:FEW]]
    small = [sight.reduced(SMALL) for sight in evidence.sights[:FEW]]
    middle = [sight.reduced(MIDDLE) for sight in evidence.sights]
    with Progress(f"{label}: align", 7, "steps") as bar:
        found = distinct(_from_masks(body, evidence, rotations, few), 12, AFTER_MASKS)
        bar.advance()
        moved = (icp(one.pose, body, evidence) for one in found)
        scored = (Hypothesis(pose, likeness(body.points, body.colors, pose, few)) for pose in moved)
        found = distinct(scored, SAME_DEG, AFTER_ICP)
        bar.advance()
        found = [drawing.polished(one.pose, small, 6, blur=1.5, stretch=False) for one in found]
        found = distinct(found, SAME_DEG, AFTER_DRAWING)
        bar.advance()
        found = [drawing.polished(one.pose, small, 6, blur=1.0, even=EVEN_AT_FIRST) for one in found]
        found = distinct(found, SAME_DEG, AFTER_DRAWING)
        found = distinct([*found, *_equivalents(found[0].pose, drawing, small)], SAME_DEG, LAST)
        bar.advance()
        found = [drawing.polished(one.pose, middle, 8, blur=1.5) for one in found]
        bar.advance()
        more = [] if matcher is None else _from_matches(found, drawing, matcher, middle, seed)
        found = distinct([*found, *more], SAME_DEG, LAST)
        bar.advance()
        final = finished(found, drawing)
        bar.advance()
    return final


def finished(found: Sequence[Hypothesis], drawing: Drawing, *, stretch: bool = True) -> list[Hypothesis]:
    """Hypotheses after the last and most exact drawings, the best first."""
    full = [sight.reduced(FULL) for sight in drawing.evidence.sights]
    both = [drawing.scored(one.pose, full, fine=True) for one in found]
    both += [drawing.polished(one.pose, full, 4, blur=1.5, stretch=stretch, fine=True) for one in found]
    both = distinct(both, SAME_DEG, LAST)
    close = [one for one in both if one.score > both[0].score - CLOSE]
    last = [drawing.polished(one.pose, full, 5, blur=0.7, stretch=stretch, fine=True) for one in close]
    return distinct([*both, *last], SAME_DEG, LAST)


def _from_masks(body: Body, evidence: Evidence, rotations: np.ndarray, few: Sequence[Sight]) -> Iterator[Hypothesis]:
    for R in rotations:
        pose, disagreement = placed(R, body, evidence, few)
        yield Hypothesis(pose, likeness(body.points, body.colors, pose, few) - 0.3 * disagreement)


def _equivalents(pose: Pose, drawing: Drawing, small: Sequence[Sight]) -> list[Hypothesis]:
    """The poses that look alike in shape, the most likely of them polished."""
    turned = [drawing.scored(pose.turned(R, center), small) for R, center in self_similar(pose, drawing.body)]
    return [
        drawing.polished(one.pose, small, 4, blur=1.0, even=EVEN_AT_FIRST)
        for one in distinct(turned, SAME_DEG, EQUIVALENTS)
    ]


def _from_matches(
    found: Iterable[Hypothesis], drawing: Drawing, matcher: Matcher, middle: Sequence[Sight], seed: int
) -> Iterator[Hypothesis]:
    """What matches make of each hypothesis, and of a similarity between matches in space where depth allows one."""
    body, evidence = drawing.body, drawing.evidence
    for one in found:
        pairs = matched(place(body.fine, one.pose.T, drawing.backend), evidence.sights, matcher)
        tracks = tracks_of(pairs, one.pose)
        if sum(len(track.points) for track in tracks) < FEWEST_MATCHES:
            continue
        starts = [one.pose]
        source = np.concatenate([one.pose.invert(some.points) for some in pairs])
        targets, deep = (np.concatenate(column) for column in zip(*(some.targets() for some in pairs), strict=True))
        rng = np.random.default_rng(seed)
        similar = ransac(source[deep], targets[deep], within=WITHIN * evidence.unit, draws=500, rng=rng)
        if similar is not None:
            starts.append(similar[0])
        for start in starts:
            pose = reproject(start, tracks, body, evidence, stretch=drawing.may_stretch)
            yield drawing.polished(pose, middle, 4, blur=1.5)
