"""The box of an object in every photo, which is all that its colours are learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from splatsmith.complete.subject import Subject
from splatsmith.gaussians import Gaussians
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.label_maps import read_label_map
from splatsmith.scenes.prepared import read_image

LEAST = 24
"""Pixels of the object below which a view tells nothing of its colours."""
MARGIN = 8
"""Pixels around the object's box: more than SSIM's window reaches."""


@dataclass(frozen=True, eq=False)
class Window:
    """The part of a view in which the object is, h x w pixels."""

    view: View
    camera: Camera
    """The view's camera, its principal point shifted to the window."""
    photo: Tensor
    """(h, w, 3) float32 in [0, 1]."""
    mask: Tensor
    """(h, w) bool. M_v: the pixels that show the object. What hides it is not among them."""

    @property
    def pixels(self) -> int:
        """Of the object."""
        return int(self.mask.sum())

    def draw(self, gaussians: Gaussians, backend: Literal["cpu", "gsplat"], antialiased: bool) -> tuple[Tensor, Tensor]:
        """The Gaussians alone: premultiplied colours (h, w, 3) and alpha (h, w). Differentiable."""
        drawn = render_view(gaussians, self.camera, self.view.T_camera_world, antialiased=antialiased, backend=backend)
        return drawn.image, drawn.alpha


def window_of(view: View, photo: np.ndarray, mask: np.ndarray, device: torch.device) -> Window:
    """The box around mask (H, W) bool, which must not be empty, in photo (H, W, 3) uint8."""
    camera, sides = view.camera, []
    for axis, length in ((1, camera.height), (0, camera.width)):
        found = mask.any(axis=axis).nonzero()[0]
        sides.append((max(0, int(found[0]) - MARGIN), min(length, int(found[-1]) + 1 + MARGIN)))
    (top, bottom), (left, right) = sides
    shifted = replace(camera, width=right - left, height=bottom - top, cx=camera.cx - left, cy=camera.cy - top)
    inside = np.s_[top:bottom, left:right]
    picture = torch.from_numpy(photo[inside].copy()).to(device).float() / 255
    return Window(view, shifted, picture, torch.from_numpy(mask[inside].copy()).to(device))


def windows(subject: Subject, device: torch.device) -> list[Window]:
    """The object in those of its views that show enough of it, in their order. Raises InputError."""
    family, found = subject.legend.family(subject.id), []
    for view in subject.views:
        size = view.camera.width, view.camera.height
        mask = np.isin(read_label_map(subject.masks / f"{view.name}.png", size), family)
        if mask.sum() >= LEAST:
            found.append(window_of(view, read_image(view), mask, device))
    return found


def over_photo(color: Tensor, alpha: Tensor, window: Window) -> Tensor:
    """(h, w, 3). The object as drawn by `Window.draw`, over the photo, within the mask; the photo itself elsewhere.

    So nothing but the object's colours makes a difference from the photo: neither what is beside it, nor what its
    geometry leaves uncovered.
    """
    over = color + (1 - alpha[..., None]) * window.photo
    return torch.where(window.mask[..., None], over, window.photo)


@torch.no_grad()
def psnrs(
    gaussians: Gaussians, parts: Sequence[Window], *, backend: Literal["cpu", "gsplat"], antialiased: bool
) -> list[float]:
    """PSNR in dB over the object's pixels of each window, the Gaussians drawn over the photo."""
    figures = []
    for window in parts:
        error = over_photo(*window.draw(gaussians, backend, antialiased), window).clamp(0, 1) - window.photo
        figures.append(float(-10 * torch.log10(error[window.mask].square().mean().clamp(min=1e-10))))
    return figures


@torch.no_grad()
def picture(
    gaussians: Gaussians,
    window: Window,
    *,
    background: np.ndarray,
    backend: Literal["cpu", "gsplat"],
    antialiased: bool,
) -> np.ndarray:
    """(h, w, 3) float32. The Gaussians alone, before a background (3,)."""
    color, alpha = (drawn.cpu().numpy() for drawn in window.draw(gaussians, backend, antialiased))
    return color + (1 - alpha[..., None]) * background
