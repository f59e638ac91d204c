"""Votes: every labelled pixel votes for its label, with each Gaussian's weight in it.

    A_ic = sum over views and pixels of w_ip [y_p = c]      mass of evidence, in pixels
    pi_i = A_i / sum_c A_ic

This is the closed-form solution of fitting linear masks. Source: Shen et al., FlashSplat, ECCV 2024, section 3.2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from splatsmith.segment3d.targets import Still, Target

LEAST = 1e-3
"""Votes, in pixels, below which nothing is known of a Gaussian."""


def vote_mass(still: Still, targets: Sequence[Target], classes: int) -> Tensor:
    """(N, C) float32. A."""
    mass = torch.zeros(len(still.means), classes, device=still.means.device)
    for target in targets:
        present = target.present
        if len(present):
            mass[:, present] += still.accumulate(target.one_hot(present), target.camera)
    return mass


def shares(mass: Tensor) -> Tensor:
    """(N, C). Rows of `mass` scaled to sum to one; zeros where nothing is known."""
    total = mass.sum(dim=1, keepdim=True)
    return torch.where(total > LEAST, mass / total.clamp(min=LEAST), 0)
