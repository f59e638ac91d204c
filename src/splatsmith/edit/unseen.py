"""What no photo has ever shown, found from geometry alone.

A Gaussian was observed if, in the camera of some photo, at least a share `OBSERVED` lies open of what it would make up
if it were alone (render/footprint.py).

Whether it was observed is a property of the Gaussian that stays with it: a column rides along through all edits, so
that the second edit of a chain still knows what the photos showed. A pixel has become unseen if observed Gaussians, or
those that the edit took away, made up half of it, and now observed ones do not: there is nothing, or what was hidden.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splatsmith.base.progress import Progress
from splatsmith.edit.drawing import Drawing
from splatsmith.gaussians import Gaussians
from splatsmith.render import accumulate_view
from splatsmith.render.footprint import footprints
from splatsmith.scenes.cameras import Camera, View

COLUMN = "observed"
"""Extra column, (N,) uint8: 1 for Gaussians that the photos show."""
OBSERVED = 0.15
"""Share of a Gaussian that lies open. Behind something opaque it is a few hundredths; surfaces are several Gaussians
thick, and show more of most. On the demo, this share finds the known footprint of the can best."""
SOLID = 0.5
"""Share of a pixel that observed Gaussians make up at least, where something is known."""
SIDE = 480
"""Longer side of the pictures in which Gaussians are looked for, in pixels: what is hidden does not need more."""


def with_observed(gaussians: Gaussians, observed: Tensor) -> Gaussians:
    """The Gaussians with the column that says which were observed, (N,) bool."""
    return replace(gaussians, extra={**gaussians.extra, COLUMN: observed.to(torch.uint8)})


def observed(gaussians: Gaussians, views: Sequence[View], backend: str, label: str) -> Tensor:
    """(N,) bool. Which Gaussians the photos of `views` show: what the column says, where there is one."""
    if COLUMN in gaussians.extra:
        return gaussians.extra[COLUMN].bool()
    found = torch.zeros(len(gaussians), dtype=torch.bool, device=gaussians.means.device)
    with Progress(f"{label}: what photos show", len(views), "views") as bar:
        for view in views:
            camera, T = _smaller(view.camera), torch.as_tensor(view.T_camera_world).to(gaussians.means)
            everywhere = gaussians.means.new_ones(camera.height, camera.width, 1)
            open_area = accumulate_view(gaussians, camera, T, everywhere, backend=backend)[:, 0]
            found |= (open_area > 0) & (open_area >= OBSERVED * footprints(gaussians, camera, T))
            bar.advance()
    return found


def known(drawing: Drawing, gaussians: Gaussians, view: View) -> np.ndarray:
    """(H, W) bool. Pixels of `view` made up by Gaussians that were observed; they must have the column."""
    return drawing.shares(gaussians, gaussians.extra[COLUMN][:, None], view)[..., 0] >= SOLID


def unseen(drawing: Drawing, before: Gaussians, gone: Tensor, after: Gaussians, view: View) -> np.ndarray:
    """(H, W) bool. Pixels of `view` that the edit has turned into something which no photo shows.

    `gone` (N,) bool are the Gaussians of the scene before that were taken away or changed.
    """
    there = before.extra[COLUMN].bool() | gone.to(before.means.device)
    return (drawing.shares(before, there[:, None], view)[..., 0] >= SOLID) & ~known(drawing, after, view)


def _smaller(camera: Camera) -> Camera:
    factor = min(1.0, SIDE / max(camera.width, camera.height))
    width, height = max(1, round(camera.width * factor)), max(1, round(camera.height * factor))
    scaled = {name: getattr(camera, name) * factor for name in ("fx", "fy", "cx", "cy")}
    return replace(camera, width=width, height=height, **scaled)
