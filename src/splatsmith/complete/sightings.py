"""How well the photos show each Gaussian of a proxy: how much of it lies open, and from how many sides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from splatsmith.complete.windows import Window
from splatsmith.gaussians import Gaussians
from splatsmith.render import accumulate_view
from splatsmith.render.footprint import footprints

OPEN, LEAST = 0.3, 0.05
"""Share of a Gaussian that a photo must show: of what the photos show of the best shown ones (their quantile BEST), and
of the whole. What shows less lies behind others and takes on their errors: on the demo, colours carried to the unseen
side become better by 0.3 dB than with half of that."""
BEST = 0.98
SIDES, VIEWS = 0.1, 6
"""From this spread of directions and this many photos, a Gaussian's colour may depend on the direction. Views evenly
from an arc of 90 degrees have a spread of 0.1."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """What the photos show of N Gaussians."""

    views: Tensor
    """(N,) int64. Photos in which the Gaussian lies open."""
    share: Tensor
    """(N,) Of the Gaussian, the largest part that a photo shows."""
    spread: Tensor
    """(N,) 1 minus the length of the mean of the unit directions in which those look at it; 0 where there are none."""

    @property
    def observed(self) -> Tensor:
        """(N,) bool. Whether its colour can be told."""
        return self.views > 0

    @property
    def from_all_sides(self) -> Tensor:
        """(N,) bool. Whether how its colour depends on the direction can be told."""
        return (self.views >= VIEWS) & (self.spread >= SIDES)


@torch.no_grad()
def sightings(
    proxy: Gaussians, parts: Sequence[Window], *, backend: Literal["cpu", "gsplat"], antialiased: bool
) -> Sightings:
    """What `parts` show of the proxy's Gaussians, where it stands alone; only the pixels of the masks count."""

    def shares() -> Iterator[Tensor]:  # twice, since they are too many to be kept
        return (_open_share(proxy, window, backend, antialiased) for window in parts)

    most = torch.zeros_like(proxy.means[:, 0])
    for share in shares():
        most = torch.maximum(most, share)
    enough = max(LEAST, OPEN * float(np.quantile(most.cpu().numpy(), BEST)))
    views, total = torch.zeros_like(most, dtype=torch.int64), torch.zeros_like(proxy.means)
    for window, share in zip(parts, shares(), strict=True):
        lies_open = share >= enough
        center = torch.from_numpy(window.view.center).to(proxy.means)
        views += lies_open
        total += lies_open[:, None] * F.normalize(proxy.means - center, dim=1)
    spread = torch.where(views > 0, 1 - total.norm(dim=1) / views.clamp(min=1), 0)
    return Sightings(views, most, spread)


def _open_share(proxy: Gaussians, window: Window, backend: Literal["cpu", "gsplat"], antialiased: bool) -> Tensor:
    """(N,) The share of each Gaussian's footprint that it makes up in the object's pixels."""
    pixels, drawing = window.mask[..., None].to(proxy.means), {"antialiased": antialiased, "backend": backend}
    shown = accumulate_view(proxy, window.camera, window.view.T_camera_world, pixels, **drawing)[:, 0]
    return shown / footprints(proxy, window.camera, window.view.T_camera_world).clamp(min=1e-12)
