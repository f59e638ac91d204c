"""Identity-gradient guided densification: rounds that put smaller Gaussians where two objects meet.

Source: GradiSeg, section 3.2. What it leaves open (threshold, plane, size and codes of the halves) is decided here
twice: `split_pulled` as the authors most likely did it, `cut_along_boundaries` from the evidence of all views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, split
from splatsmith.segment3d.config import Boundaries
from splatsmith.segment3d.moment_split import split_by_plane
from splatsmith.segment3d.straddlers import Evidence, gather, straddling
from splatsmith.segment3d.targets import Still, Target

PULLED = 4.0
"""Mean identity gradient, in medians of those that feel any, above which the lite form splits a Gaussian."""
EXTENT = 0.01
"""Least size that the lite form splits, as a share of the scene's."""
LEAST_SHARE = 0.16
"""Least share of a half: the plane stays within one standard deviation of the centre."""
SURE = 0.9
"""Share of one class above which a Gaussian is an example of it."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A scene with boundaries cut, and why."""

    rows: Rows
    """As `split_by_plane` leaves them: those kept, the halves ahead, the halves behind."""
    chosen: Tensor
    """(N,) bool. The older scene's Gaussians that were cut."""
    evidence: Evidence
    """Of the older scene."""


def sharpened(
    kind: Boundaries,
    gaussians: Gaussians,
    codes: Tensor,
    still: Still,
    targets: Sequence[Target],
    classes: int,
    *,
    pull: Tensor,
    most: int,
    generator: torch.Generator,
) -> tuple[Rows, Tensor] | None:
    """One round: the scene with at most `most` Gaussians split, and its codes (M, D); None if none are to be.

    still: the same scene, to draw. pull: (N,) mean |dL/de_i|.
    """
    match kind:
        case "none":
            return None
        case "moments":
            cut = cut_along_boundaries(gaussians, still, targets, classes, most)
            return cut.rows, recoded(codes, cut)
        case "lite":
            rows = split_pulled(gaussians, pull, most, generator)
        case "random":
            rows = split_at_random(gaussians, still, targets, classes, most, generator)
        case _:
            assert_never(kind)
    return rows, codes[rows.origin]


def cut_along_boundaries(gaussians: Gaussians, still: Still, targets: Sequence[Target], classes: int, most: int) -> Cut:
    """Cut straddling Gaussians in two along the boundary of their two classes, the `most` mixed first."""
    evidence = gather(still, targets, classes)
    chosen = _strongest(straddling(still, evidence), evidence.minority * evidence.mass.sum(dim=1), most)
    ahead = (1 - evidence.minority).clamp(LEAST_SHARE, 1 - LEAST_SHARE)
    return Cut(split_by_plane(gaussians, chosen, evidence.apart, ahead), chosen, evidence)


def recoded(codes: Tensor, cut: Cut) -> Tensor:
    """(M, D). The codes (N, D) after a cut: each half gets the mean code of what surely is of its class."""
    halves = int(cut.chosen.sum())
    examples = class_codes(codes, cut.evidence)
    codes = codes[cut.rows.origin]
    codes[len(codes) - 2 * halves : len(codes) - halves] = examples[cut.evidence.first[cut.chosen]]
    codes[len(codes) - halves :] = examples[cut.evidence.second[cut.chosen]]
    return codes


def class_codes(codes: Tensor, evidence: Evidence) -> Tensor:
    """(C, D). Mean code of each class's sure Gaussians, weighted by their votes."""
    sure = evidence.minority < 1 - SURE
    weight = torch.zeros_like(evidence.mass)
    weight[sure, evidence.first[sure]] = evidence.mass[sure, evidence.first[sure]]
    return weight.T @ codes / weight.sum(dim=0)[:, None].clamp(min=1e-6)


def split_pulled(gaussians: Gaussians, pull: Tensor, most: int, generator: torch.Generator) -> Rows:
    """Split at random, as 3DGS does, the Gaussians whose codes are pulled most. pull: (N,) mean |dL/de_i|."""
    size = gaussians.scales.amax(dim=1)
    extent = (gaussians.means - gaussians.means.mean(dim=0)).norm(dim=1).quantile(0.9)
    felt = pull[pull > 0]
    threshold = PULLED * felt.median() if len(felt) else torch.inf
    chosen = _strongest((pull > threshold) & (size > EXTENT * extent), pull, most)
    return split(gaussians, chosen, generator)


def split_at_random(
    gaussians: Gaussians, still: Still, targets: Sequence[Target], classes: int, most: int, generator: torch.Generator
) -> Rows:
    """As many as `cut_along_boundaries` would cut, drawn among equally large ones, and split as 3DGS does."""
    wanted = cut_along_boundaries(gaussians, still, targets, classes, most).chosen
    order = gaussians.scales.amax(dim=1).argsort()
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    shift = torch.randint(-50, 51, (int(wanted.sum()),), generator=generator, device=generator.device)
    places = (rank[wanted] + shift).clamp(0, len(order) - 1)
    return split(gaussians, torch.zeros_like(wanted).index_fill_(0, order[places], True), generator)


def _strongest(chosen: Tensor, strength: Tensor, most: int) -> Tensor:
    """(N,) bool. Of those `chosen` the `most` with the largest strength, ties by row."""
    order = torch.where(chosen, strength, -torch.inf).sort(descending=True, stable=True).indices[:most]
    return chosen & torch.zeros_like(chosen).index_fill_(0, order, True)
