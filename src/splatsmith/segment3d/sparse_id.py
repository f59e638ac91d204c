"""Sparse ids: each Gaussian holds a distribution over classes, and nothing is learnt by gradients.

    A_ic    votes (votes.py)
    pi_i   <- A_i + kappa max(|A_i|, median |A|) mean over neighbours j of A_j / |A_j|,   scaled to sum to one
    pi_ic  <- pi_ic^gamma, scaled to sum to one

The neighbours are a Dirichlet prior: where masks contradict each other, what lies close together is one object. The
exponent makes ids nearly hard, as in ObjectGS (Zhu et al., ICCV 2025, section 3.2), whose ids are one-hot and fixed:
a doubtful Gaussian then takes sides, and no object bleeds into the next. Pixels are read in the same way.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from splatsmith.segment3d.neighbours import nearest
from splatsmith.segment3d.targets import Still, Target
from splatsmith.segment3d.votes import LEAST, shares, vote_mass

NEIGHBOURS = 8
PRIOR = 1.0
"""kappa. Evidence of the neighbours, as a share of a Gaussian's own."""
SHARPNESS = 4.0
"""gamma."""


def fit(still: Still, targets: Sequence[Target], classes: int) -> Tensor:
    """(N, C). pi; zeros for Gaussians that no view sees, whatever their neighbours are."""
    mass = vote_mass(still, targets, classes)
    pi = sharpened(shares(smoothed(mass, nearest(still.means, NEIGHBOURS), PRIOR)))
    return pi * (mass.sum(dim=1, keepdim=True) > LEAST)


def sharpened(probabilities: Tensor) -> Tensor:
    """(..., C). Raised to the power SHARPNESS and scaled to sum to one; zeros stay zeros."""
    powers = probabilities**SHARPNESS
    return powers / powers.sum(dim=-1, keepdim=True).clamp(min=1e-12)


def smoothed(mass: Tensor, neighbours: Tensor, prior: float) -> Tensor:
    """(N, C). Each row, and `prior` times as much evidence with the mean distribution of its neighbours."""
    total = mass.sum(dim=1, keepdim=True)
    typical = total.median().clamp(min=1e-3)
    around = shares(mass)[neighbours].mean(dim=1)
    return mass + prior * torch.maximum(total, typical) * around
