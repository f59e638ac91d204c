"""Adaptive density control (Kerbl et al. 2023, section 5.2), as pure functions; constants as in gsplat.

Where the loss would change much if a Gaussian's projected centre moved, there are too few Gaussians: a small one is
doubled, a large one is split. The nearly transparent and the oversized are pruned. Rules by size on the screen are left
out: neither the authors' code nor gsplat's defaults ever apply them.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, duplicate, prune, split

INITIAL_OPACITY, INITIAL_SCALE = 0.1, 1.0
TRANSPARENT = 0.005  # opacity below which a Gaussian is pruned
RESET_OPACITY = 2 * TRANSPARENT
SMALL = 0.01  # largest scale, in units of the scene's extent, at which a Gaussian is doubled rather than split
OVERSIZED = 0.1  # largest scale, in the same units, above which it is pruned


@dataclass(frozen=True)
class Statistics:
    """What was seen of each Gaussian since the last refinement."""

    gradients: Tensor
    """(N,). Sum over views of the gradient of its projected centre, in half image sizes."""
    views: Tensor
    """(N,). In how many views it was visible."""


def no_statistics(n: int, device: torch.device) -> Statistics:
    """Of `n` Gaussians that were not seen yet."""
    return Statistics(torch.zeros(n, device=device), torch.zeros(n, device=device))


def observe(seen: Statistics, v_means2d: Tensor, radii: Tensor, width: int, height: int) -> Statistics:
    """Add one view: gradients of the loss by projected centres in pixels (N, 2), and radii (N, 2), 0 if not visible."""
    visible = (radii > 0).all(dim=-1)
    size = torch.hypot(v_means2d[:, 0] * (width / 2), v_means2d[:, 1] * (height / 2))
    return Statistics(seen.gradients + size * visible, seen.views + visible)


def refine(
    gaussians: Gaussians,
    seen: Statistics,
    extent: float,
    *,
    grow_grad2d: float,
    most: int,
    prune_oversized: bool,
    generator: torch.Generator,
) -> Rows:
    """Grow where the mean gradient exceeds `grow_grad2d`, to at most `most` rows, then prune."""
    grows = strongest(seen.gradients / seen.views.clamp(min=1), grow_grad2d, most - len(gaussians))
    small = gaussians.scales.amax(dim=-1) <= SMALL * extent
    doubled = duplicate(gaussians, grows & small)
    halved = split(doubled.gaussians, (grows & ~small)[doubled.origin] & ~doubled.fresh, generator)
    kept = prune(halved.gaussians, useless(halved.gaussians, extent, prune_oversized))
    return doubled.then(halved).then(kept)


def strongest(values: Tensor, threshold: float, most: int) -> Tensor:
    """(N,) bool. The entries above `threshold`; of those only the `most` largest, ties by row."""
    chosen = values > threshold
    if int(chosen.sum()) <= most:
        return chosen
    order = torch.sort(values, descending=True, stable=True).indices[: max(0, most)]
    return torch.zeros_like(chosen).index_fill_(0, order, True)


def useless(gaussians: Gaussians, extent: float, oversized_too: bool) -> Tensor:
    """(N,) bool. Nearly transparent, or oversized if those count."""
    transparent = gaussians.opacities < TRANSPARENT
    if not oversized_too:
        return transparent
    return transparent | (gaussians.scales.amax(dim=-1) > OVERSIZED * extent)


def reset_opacities(logit_opacities: Tensor) -> Tensor:
    """(N,). Opacities of at most RESET_OPACITY: what the photos need will rise again, the rest is pruned."""
    return logit_opacities.clamp(max=math.log(RESET_OPACITY / (1 - RESET_OPACITY)))
