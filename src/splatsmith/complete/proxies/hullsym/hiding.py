"""What is made up must not show in the photos that there are: not beside the object, and not before what they show.

A made-up Gaussian is dropped where, in some photo, more than SHOWS of it is seen on pixels that surely are not the
object's, or that the object's own Gaussians fill already. So the known side stays as it was.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from splatsmith.complete.observations import SOLID, Observation
from splatsmith.complete.proxies.request import OBSERVED
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.render import accumulate_weights, render_view
from splatsmith.render.choice import device_of
from splatsmith.render.footprint import footprints

SHOWS = 0.02
ROUNDS = 3
"""What was hidden by something dropped may show after that."""


def hidden(
    gaussians: Gaussians, observations: Sequence[Observation], *, backend: Literal["cpu", "gsplat"], antialiased: bool
) -> Gaussians:
    """The Gaussians without the made-up ones that photos belie; those with the provenance OBSERVED all stay."""
    gaussians = gaussians.map(lambda column: column.to(device_of(backend)))
    drawing = {"antialiased": antialiased, "backend": backend}
    own = gaussians.extra["provenance"] == OBSERVED
    belying = [_belying(select(gaussians, own), one, drawing) for one in observations]
    for _ in range(ROUNDS):
        made = gaussians.extra["provenance"] != OBSERVED
        shown = torch.zeros(len(gaussians), device=made.device)
        for one, pixels in zip(observations, belying, strict=True):
            shown = torch.maximum(shown, _share(gaussians, one, pixels, drawing))
        gaussians = select(gaussians, ~(made & (shown > SHOWS)))
    return gaussians


@torch.no_grad()
def _belying(own: Gaussians, one: Observation, drawing: dict) -> Tensor:
    """(H, W, 1) float32. 1 where a photo says that nothing else is to be seen."""
    camera, T = one.view.camera, one.view.T_camera_world
    alpha = render_view(own, camera, T, colors=own.means.new_ones(len(own), 1), **drawing).alpha
    filled = (alpha >= SOLID).cpu().numpy() & one.mask
    return torch.from_numpy((one.outside | filled).astype(np.float32))[..., None].to(own.means.device)


def _share(gaussians: Gaussians, one: Observation, pixels: Tensor, drawing: dict) -> Tensor:
    """(N,) How much of each Gaussian is seen on some pixels of a view."""
    camera, T = one.view.camera, one.view.T_camera_world
    activated = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
    weights = accumulate_weights(*activated, pixels, T_camera_world=T, K=camera.K, **drawing)[:, 0]
    return weights / footprints(gaussians, camera, T).clamp(min=1e-6)
