"""Softness, and the Gaussians that are held to their neighbours because of it.

    S_i = H_i v_i      v_i: variance of the label over views;  H_i = - sum_c p_ic log p_ic
    p_i = softmax over c of cos(mean label, e_c) / T

Two readings:

    visible   views count by how much they see of a Gaussian; T = 0.1; anchors are drawn for every part alike, from the
              Gaussians that are seen and whose likeliest class is that part
    paper     all views count alike, even where something hides a Gaussian; T = 1, at which H is nearly the same for all
              and S nearly v; anchors are drawn from all Gaussians. RoMaP, eq. 1 and algorithm 1. Its code takes the
              constant coefficients for the mean label, and cuts H off at its own 10 % quantile.

Half of the anchors are the softest and half the hardest; ties are broken at random, so that labels that do not vary
have anchors all over.
"""

from typing import assert_never

import torch
from torch import Tensor

from splatsmith.segment3d.config import Softness
from splatsmith.segment3d.galp.coding import Codebook
from splatsmith.segment3d.galp.field import LabelField
from splatsmith.segment3d.galp.outlook import Outlook

SHARP, FLAT = 0.1, 1.0
"""T."""
TINY = 1e-10


def softness(kind: Softness, field: LabelField, outlook: Outlook) -> Tensor:
    """(N,). S."""
    temperature = SHARP if kind == "visible" else FLAT
    return entropy(field.codebook, outlook.mean_label(field), temperature) * outlook.variance(field)


def entropy(codebook: Codebook, labels: Tensor, temperature: float) -> Tensor:
    """(N,). H of labels (N, D), in nats."""
    p = (codebook.cosines(labels) / temperature).softmax(dim=1)
    return -(p * (p + TINY).log()).sum(dim=1)


def anchors(kind: Softness, field: LabelField, outlook: Outlook, most: int, generator: torch.Generator) -> Tensor:
    """(M,) int64. The rows that are held to their neighbours, ascending: at most `most`, or two of every part."""
    order = torch.randperm(len(outlook.seen), generator=generator, device=generator.device)
    order = order[softness(kind, field, outlook)[order].argsort(stable=True)]
    match kind:
        case "visible":
            part = field.codebook.read(outlook.mean_label(field)).argmax(dim=1)
            part = torch.where(outlook.seen, part, 0)[order]
            parts = part.unique()
            parts = parts[parts > 0]
            groups = [order[part == one] for one in parts]
        case "paper":
            groups = [order]
        case _:
            assert_never(kind)
    chosen = [_both_ends(group, max(1, most // (2 * len(groups)))) for group in groups]
    return torch.cat([order[:0], *chosen]).sort().values


def _both_ends(rows: Tensor, most: int) -> Tensor:
    """The first and the last `most` of rows (n,), or all."""
    return rows if len(rows) <= 2 * most else torch.cat([rows[:most], rows[len(rows) - most :]])
