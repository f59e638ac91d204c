"""The colours of an aligned proxy from the photos; its geometry is held where registration put it.

    proxy       P in scene coordinates; a Gaussian's column `provenance` says what made it
    observed    some photo shows it: its constant colour is learnt, and where photos show it from enough sides, how that
                depends on the direction (SH degree 1)
    carried     the others are shifted in colour as their neighbours were (see carry.py)

In ROUNDS rounds: learn the observed colours, with Adam on 0.8 L1 + 0.2 (1 - SSIM) over the object's pixels; fit gain
and bias of every photo; carry. SCORP's `post_refine` learns constant colours only, without the other two, so its unseen
side keeps the generator's colours. The result is never farther from the photos than the start: the
start itself is a candidate, and they are compared without any gain and bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from splatsmith.base.outcome import Unusable
from splatsmith.base.progress import Progress
from splatsmith.complete.carry import carried
from splatsmith.complete.exposures import exposed, fitted, gauged
from splatsmith.complete.provenance import OBSERVED, PROVENANCE
from splatsmith.complete.sightings import sightings
from splatsmith.complete.windows import Window, over_photo
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import padded
from splatsmith.gaussians.sh import dc_to_rgb
from splatsmith.train.losses import photometric_loss

WORTHWHILE = 0.75
"""Trained colours change only where that brings the loss below this share of what it is without."""
ROUNDS = 4
SSIM_WEIGHT = 0.2
RATES, LAST = {"constant": 0.02, "linear": 0.002}, 0.1
"""Adam's rates for SH coefficients of degree 0 and 1, and the share of them that the last step still has."""

Kept = Literal["before", "all", "trained kept"]


@dataclass(frozen=True)
class Settings:
    """How colours are learnt."""

    steps: int
    sh_degree: Literal[0, 1]
    seed: int
    backend: Literal["cpu", "gsplat"]
    antialiased: bool


@dataclass(frozen=True, eq=False)
class Refined:
    """A proxy in the colours of the photos."""

    gaussians: Gaussians
    """(N) All columns but `sh` as they were."""
    observed: Tensor
    """(N,) bool. Shown by a photo."""
    directional: Tensor
    """(N,) bool. Of those, the ones whose colour may depend on the direction."""
    exposures: Tensor
    """(V, 2, 3). Gain and bias of every photo, per channel."""
    losses: dict[Kept, float]
    """Of the candidates: the colours before; all that was learnt; that but for Gaussians with trained colours."""
    kept: Kept
    """Which candidate it is."""


def refined(proxy: Gaussians, parts: Sequence[Window], settings: Settings, label: str) -> Refined:
    """The proxy in the colours that `parts` show, on the device of both. Raises Unusable where they show nothing of it.

    Deterministic on the CPU. label heads the line of progress.
    """
    seen = sightings(proxy, parts, backend=settings.backend, antialiased=settings.antialiased)
    observed = seen.observed
    if not observed.any():
        raise Unusable("no photo shows any of the aligned proxy where its mask is")
    directional = observed & seen.from_all_sides & (settings.sh_degree > 0)
    start = replace(proxy, sh=padded(proxy.sh, 4 if directional.any() else 1))
    sh, exposures = start.sh, _neutral(parts)
    with Progress(label, settings.steps, "steps") as bar:
        for steps in np.array_split(np.arange(settings.steps), ROUNDS):
            sh = _descended(replace(start, sh=sh), observed, directional, parts, exposures, steps, settings, bar)
            sh = _with_carried(start, sh, observed * seen.share)
            exposures = _exposures(replace(start, sh=sh), parts, settings)
    candidates = _candidates(proxy, replace(start, sh=sh))
    losses = {name: mean_loss(some, parts, settings) for name, some in candidates.items()}
    kept = _choice(losses)
    return Refined(candidates[kept], observed, directional, exposures, losses, kept)


def _neutral(parts: Sequence[Window]) -> Tensor:
    """(V, 2, 3). A gain of 1 and a bias of 0 for every photo."""
    return torch.tensor([[1.0], [0.0]], device=parts[0].photo.device).expand(len(parts), 2, 3)


def _descended(
    gaussians: Gaussians,
    observed: Tensor,
    directional: Tensor,
    parts: Sequence[Window],
    exposures: Tensor,
    steps: np.ndarray,
    settings: Settings,
    bar: Progress,
) -> Tensor:
    """(N, K, 3). The coefficients after Adam's `steps`, whose numbers count from the first round on."""
    held = gaussians.sh[:, 4:]
    learnt = {"constant": gaussians.sh[:, :1], "linear": gaussians.sh[:, 1:4]}
    learnt = {name: value.clone().requires_grad_() for name, value in learnt.items()}
    free = {"constant": observed[:, None, None], "linear": directional[:, None, None]}
    adam = torch.optim.Adam([{"params": [learnt[name]], "name": name} for name in learnt])
    for step in steps.tolist():
        view = _order(len(parts), step // len(parts), settings.seed)[step % len(parts)]
        window = parts[view]
        drawn = replace(gaussians, sh=torch.cat([*learnt.values(), held], dim=1))
        color, alpha = window.draw(drawn, settings.backend, settings.antialiased)
        image = over_photo(exposed(color, alpha, exposures[view]), alpha, window)
        loss = photometric_loss(image, window.photo, SSIM_WEIGHT)
        loss.backward()
        for group in adam.param_groups:
            group["lr"] = RATES[group["name"]] * LAST ** (step / settings.steps)
            parameter = group["params"][0]
            parameter.grad = torch.where(free[group["name"]], parameter.grad, 0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        bar.advance()
    return torch.cat([*(value.detach() for value in learnt.values()), held], dim=1)


def _order(views: int, epoch: int, seed: int) -> np.ndarray:
    """(V,) Every view once, in an order of its own for each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(views)


def _with_carried(start: Gaussians, sh: Tensor, evidence: Tensor) -> Tensor:
    """(N, K, 3). The coefficients, those of unseen Gaussians shifted as their neighbours' were since the start."""
    before = start.sh[:, 0]
    shifts = carried(start.means, dc_to_rgb(before), sh[:, 0] - before, evidence)
    return torch.cat([(before + shifts)[:, None], sh[:, 1:]], dim=1)


@torch.no_grad()
def _exposures(gaussians: Gaussians, parts: Sequence[Window], settings: Settings) -> Tensor:
    """(V, 2, 3)."""
    drawn = (window.draw(gaussians, settings.backend, settings.antialiased) for window in parts)
    return gauged([fitted(*one, window.photo, window.mask) for one, window in zip(drawn, parts, strict=True)])


def _candidates(before: Gaussians, after: Gaussians) -> dict[Kept, Gaussians]:
    """The proxy in the colours before and after, and where it has trained ones, in those after without them changed."""
    trained = before.extra[PROVENANCE] == OBSERVED
    candidates: dict[Kept, Gaussians] = {"before": before, "all": after}
    if trained.any():
        mixed = torch.where(trained[:, None, None], padded(before.sh, after.sh.shape[1]), after.sh)
        candidates["trained kept"] = replace(after, sh=mixed)
    return candidates


def _choice(losses: dict[Kept, float]) -> Kept:
    """Trained colours were learnt with all that stands around them, so they are not given up for a little."""
    careful = min((name for name in losses if name != "all"), key=losses.__getitem__)
    share = WORTHWHILE if "trained kept" in losses else 1
    return "all" if losses["all"] < share * losses[careful] else careful


@torch.no_grad()
def mean_loss(gaussians: Gaussians, parts: Sequence[Window], settings: Settings) -> float:
    """Mean over the photos of the loss that is descended, without gain and bias."""
    drawn = (over_photo(*window.draw(gaussians, settings.backend, settings.antialiased), window) for window in parts)
    losses = [photometric_loss(image, window.photo, SSIM_WEIGHT) for image, window in zip(drawn, parts, strict=True)]
    return float(torch.stack(losses).mean())
