"""Densification as a Markov chain (Kheradmand et al. 2024, 3D Gaussian Splatting as Markov Chain Monte Carlo).

Gaussians are samples: dead ones are drawn anew at the place of live ones, in proportion to opacity, and noise moves
those that are nearly transparent. n copies at one place take the opacity and scale at which they look like the one that
was there (eq. 9), so that the image stays (nearly) the same.
"""

import math
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, select
from splatsmith.gaussians.transforms import covariances

DEAD = 0.005  # opacity at or below which a Gaussian counts as dead
GROWTH = 0.05  # share of new Gaussians per refinement
OPAQUE = 1 - torch.finfo(torch.float32).eps
MOST_COPIES = 51  # of one Gaussian in one refinement; more count as so many
NOISE_RATE = 5e5  # of the noise, times the means' learning rate
INITIAL_OPACITY, INITIAL_SCALE = 0.5, 0.1
REGULARISER = 0.01


def refine(gaussians: Gaussians, most: int, generator: torch.Generator) -> Rows:
    """Draw the dead anew, and new ones beside them while there are fewer than `most`."""
    n = len(gaussians)
    opacities = gaussians.opacities
    dead = opacities <= DEAD
    count_dead = int(dead.sum())
    count_new = max(0, min(most, math.ceil((1 + GROWTH) * n)) - n)
    origin = torch.arange(n, device=dead.device)
    if count_dead < n and count_dead + count_new > 0:
        weights = opacities.masked_fill(dead, 0)
        drawn = torch.multinomial(weights, count_dead + count_new, replacement=True, generator=generator)
        origin[dead] = drawn[:count_dead]
        origin = torch.cat([origin, drawn[count_dead:]])
    return share(gaussians, origin)


def share(gaussians: Gaussians, origin: Tensor) -> Rows:
    """Rows `origin` (N',) of `gaussians`; a row that is named n times becomes n copies that together look like it."""
    copies = torch.bincount(origin, minlength=len(gaussians))[origin]
    moved = select(gaussians, origin)
    many = copies > 1
    opacities, scales = copied(moved.opacities[many], moved.scales[many], copies[many])
    logit_opacities, log_scales = moved.logit_opacities.clone(), moved.log_scales.clone()
    logit_opacities[many] = torch.logit(opacities.clamp(DEAD, OPAQUE))
    log_scales[many] = scales.log()
    return Rows(replace(moved, logit_opacities=logit_opacities, log_scales=log_scales), origin, fresh=many)


def copied(opacities: Tensor, scales: Tensor, copies: Tensor) -> tuple[Tensor, Tensor]:
    """What each of `copies` (M,) equal Gaussians must have to look like one of `opacities` (M,) and `scales` (M, 3).

    Opacity: 1 - (1 - o')^n = o. Scale: so that the composited profile keeps its integral (eq. 9, whose inner sums over
    binomials collapse to C(n, j)).
    """
    n = copies.clamp(max=MOST_COPIES)
    opacity = opacities.clamp(max=OPAQUE).double()  # alternating sums
    each = -torch.expm1(torch.log1p(-opacity) / n)
    powers = torch.arange(1, MOST_COPIES + 1, device=n.device)
    terms = _alternating_binomials(n.device)[n] * each[:, None] ** powers
    return each.to(opacities), scales * (opacity / terms.sum(dim=1)).to(scales)[:, None]


def noise(gaussians: Gaussians, means_rate: float, extent: float, generator: torch.Generator) -> Tensor:
    """(N, 3). A random step for every centre, along its own covariance, large only where opacity is near 0 (eq. 10).

    `means_rate` is the means' learning rate; like it, and `extent`, the result is in scene units.
    """
    draw = torch.randn(gaussians.means.shape, generator=generator, device=gaussians.means.device)
    size = torch.sigmoid(100 * (DEAD - gaussians.opacities)) * (NOISE_RATE * means_rate / extent**2)
    return (covariances(gaussians) @ (draw * size[:, None])[..., None])[..., 0]


def regulariser(gaussians: Gaussians, extent: float) -> Tensor:
    """A scalar that rewards few and small Gaussians (eq. 12), so that the useless die and can be drawn anew."""
    return REGULARISER * (gaussians.opacities.mean() + gaussians.scales.mean() / extent)


@cache
def _alternating_binomials(device: torch.device) -> Tensor:
    """(n + 1, n) float64 with entry (n, j - 1) = (-1)^(j - 1) C(n, j) / sqrt(j)."""
    counts, powers = range(MOST_COPIES + 1), range(1, MOST_COPIES + 1)
    rows = [[(-1) ** (j - 1) * math.comb(n, j) / math.sqrt(j) for j in powers] for n in counts]
    return torch.tensor(rows, dtype=torch.float64, device=device)
