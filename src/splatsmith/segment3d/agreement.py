"""The 3D loss of identity codes at a step: which Gaussians are looked at, and whom they should agree with.

Source: Ye et al., Gaussian Grouping, ECCV 2024, section 3.2 and its code; GradiSeg, section 3.3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from splatsmith.segment3d import identity, neighbours
from splatsmith.segment3d.config import GradisegConfig, Neighbours
from splatsmith.segment3d.identity import Classifier

PUBLISHED_CLASSES = 256
"""Gaussian Grouping's code divides the loss by its number of classes."""
EVERY, TARGETS = 5, 1000
"""Steps between two looks, and Gaussians looked at, as published."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Where Gaussians lie, and where they want to go."""

    means: Tensor
    """(N, 3). Out of the graph."""
    near: Callable[[Tensor, int], Tensor]
    """Of rows (M,) the k nearest others, (M, k) int64, the nearest first; fewer where there are no more."""
    directions: Tensor
    """(N, 3). See Pulls."""


def loss(
    codes: Tensor, classifier: Classifier, rows: Tensor, kind: Neighbours, around: Surroundings, config: GradisegConfig
) -> Tensor:
    """The 3D loss of the targets `rows` (M,), weighted: a scalar."""
    match kind:
        case "knn":  # as published, a Gaussian counts as the first of its own k neighbours
            found = torch.cat([rows[:, None], around.near(rows, config.k - 1)], dim=1)
        case "literal":
            u = torch.nn.functional.normalize(around.directions[rows], dim=1)
            found = neighbours.literal(around.means, rows, u, config.k)
        case "look-ahead":
            near = around.near(rows, neighbours.CANDIDATES)
            found = neighbours.look_ahead(around.means, near, rows, around.directions[rows], config.k)
            return config.guidance * identity.guidance_loss(codes, classifier, rows, found)
        case _:
            assert_never(kind)
    return config.agreement / PUBLISHED_CLASSES * identity.agreement_loss(codes, classifier, rows, found)


def some_rows(n: int, most: int, generator: torch.Generator) -> Tensor:
    """(M,) int64. Rows drawn at random, all of them where there are no more than `most`."""
    if n <= most:
        return torch.arange(n, device=generator.device)
    return torch.randint(n, (most,), generator=generator, device=generator.device)
