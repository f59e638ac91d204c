"""What is made up must not show in the photos that there are: not beside the object, and not before what they show.

A made-up Gaussian is dropped where some photo shows more than BESIDE of it on pixels that surely are not the object's,
or more than BEFORE of it on pixels that the object's own Gaussians fill already: less than that shines through them. So
the known side stays as it was. (Layers of made-up Gaussians that hide one another are judged by what is seen of each.)
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from splatsmith.complete.observations import SOLID, Observation
from splatsmith.complete.provenance import OBSERVED, PROVENANCE
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.render import accumulate_view, render_view
from splatsmith.render.choice import device_of
from splatsmith.render.footprint import footprints

BESIDE, BEFORE = 0.02, 0.4
ROUNDS = 3
"""What was hidden by something dropped may show after that."""


def hidden(
    gaussians: Gaussians, observations: Sequence[Observation], *, backend: Literal["cpu", "gsplat"], antialiased: bool
) -> Gaussians:
    """The Gaussians without the made-up ones that photos belie; those with the provenance OBSERVED all stay."""
    gaussians = gaussians.map(lambda column: column.to(device_of(backend)))
    drawing = {"antialiased": antialiased, "backend": backend}
    limits = gaussians.means.new_tensor([BESIDE, BEFORE])
    own = select(gaussians, gaussians.extra[PROVENANCE] == OBSERVED)
    belying = [_belying(own, one, drawing) for one in observations]
    for _ in range(ROUNDS):
        shown = gaussians.means.new_zeros(len(gaussians), 2)
        for one, pixels in zip(observations, belying, strict=True):
            shown = torch.maximum(shown, _shares(gaussians, one, pixels, drawing))
        made = gaussians.extra[PROVENANCE] != OBSERVED
        gaussians = select(gaussians, ~(made & (shown > limits).any(dim=1)))
    return gaussians


@torch.no_grad()
def _belying(own: Gaussians, one: Observation, drawing: dict) -> Tensor:
    """(H, W, 2) float32. 1 beside the object, and 1 where its own Gaussians fill its mask."""
    camera, T = one.view.camera, one.view.T_camera_world
    alpha = render_view(own, camera, T, colors=own.means.new_ones(len(own), 1), **drawing).alpha
    filled = (alpha >= SOLID).cpu().numpy() & one.mask
    return torch.from_numpy(np.stack([one.outside, filled], axis=2).astype(np.float32)).to(own.means.device)


def _shares(gaussians: Gaussians, one: Observation, pixels: Tensor, drawing: dict) -> Tensor:
    """(N, 2). How much of each Gaussian is seen on the pixels of either kind in a view."""
    camera, T = one.view.camera, one.view.T_camera_world
    weights = accumulate_view(gaussians, camera, T, pixels, **drawing)
    return weights / footprints(gaussians, camera, T).clamp(min=1e-6)[:, None]
