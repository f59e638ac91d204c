"""From the pixels of a view to the Gaussians of a scene, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.render import Rendered, accumulate_view, render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View

CHANNELS = 32
"""Pictures carried at once."""


@dataclass(frozen=True, eq=False)
class Projector:
    """A trained scene, and how to draw it."""

    gaussians: Gaussians
    """On the device of the backend."""
    backend: Literal["cpu", "gsplat"]
    antialiased: bool = False

    @classmethod
    def of(cls, gaussians: Gaussians, backend: Literal["cpu", "gsplat"], antialiased: bool = False) -> Self:
        """With the Gaussians moved to where the backend needs them."""
        device = device_of(backend)
        return cls(gaussians.map(lambda column: column.to(device)), backend, antialiased)

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        return self.gaussians.means.device

    def gather(self, view: View, picture: Tensor) -> Tensor:
        """(N, C). For every Gaussian, the sum over pixels p of s_i(p) * picture(p); picture is (H, W, C)."""
        drawing = {"antialiased": self.antialiased, "backend": self.backend}
        return accumulate_view(self.gaussians, view.camera, view.T_camera_world, picture, **drawing)

    @torch.no_grad()
    def draw(self, view: View, rows: Sequence[tuple[Tensor, Tensor]]) -> Rendered:
        """An image (H, W, C): for every pixel the sum over i of s_i(p) * value.

        Each of the C rows names some Gaussians (n,) and their values (n,); those of all others are 0.
        """
        values = self.gaussians.means.new_zeros(len(self.gaussians), len(rows))
        for c, (some, value) in enumerate(rows):
            values[some, c] = value
        return render_view(
            self.gaussians,
            view.camera,
            view.T_camera_world,
            colors=values,
            antialiased=self.antialiased,
            backend=self.backend,
        )
