"""Pictures of a scene for edits: what it looks like, and where its marked Gaussians are to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.render import Rendered, render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View


@dataclass(frozen=True)
class Drawing:
    """How scenes are drawn. All without gradients, and on any device."""

    backend: Literal["cpu", "gsplat"]
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """RGB, 0 to 1."""
    antialiased: bool = False

    def ready(self, gaussians: Gaussians) -> Gaussians:
        """The Gaussians where this backend draws them."""
        return gaussians.map(lambda column: column.to(device_of(self.backend)))

    @torch.no_grad()
    def picture(self, gaussians: Gaussians, view: View, *, depth: bool = False) -> Rendered:
        """The scene as the camera of `view` sees it."""
        background = torch.tensor(self.background, device=gaussians.means.device)
        drawn = {"background": background, "depth": depth, "antialiased": self.antialiased, "backend": self.backend}
        return render_view(gaussians, view.camera, view.T_camera_world, **drawn)

    @torch.no_grad()
    def shares(self, gaussians: Gaussians, marks: Tensor, view: View) -> np.ndarray:
        """(H, W, C) float32. The share of each pixel that Gaussians make: all of them times their marks (N, C)."""
        colors = marks.to(gaussians.means)
        drawn = {"colors": colors, "antialiased": self.antialiased, "backend": self.backend}
        return render_view(gaussians, view.camera, view.T_camera_world, **drawn).image.cpu().numpy()


def facing(views: Sequence[View], point: np.ndarray, most: int) -> list[View]:
    """Up to `most` of the views whose picture contains the world's `point` (3,), spread evenly; of all if none do."""
    inside = [view for view in views if _contains(view, point)] or list(views)
    return [inside[i] for i in np.linspace(0, len(inside) - 1, min(most, len(inside))).round().astype(int)]


def _contains(view: View, point: np.ndarray) -> bool:
    camera = view.camera
    x, y, z = camera.K @ (view.T_camera_world[:3, :3] @ point + view.T_camera_world[:3, 3])
    return z > 0 and 0 <= x / z < camera.width and 0 <= y / z < camera.height
