"""What the photos tell of one object: its pixels in every view, what may hide it, and how far its surface is.

Notation of this folder:

    O       the object as it was observed: its Gaussians in the trained scene
    P       the proxy: a whole object of the same kind
    M_v     (H, W) bool, the pixels of the object in view v
    D_v     (H, W) camera z of O in view v, in scene units
    A, t    the affine map of the proxy into the scene: x_world = A x_proxy + t, with A = R diag(exp a) or more general
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from splatsmith.base.progress import Progress
from splatsmith.complete.turned import extent
from splatsmith.gaussians import Gaussians
from splatsmith.render import render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import Legend, read_label_map
from splatsmith.scenes.prepared import read_image

SOLID = 0.5
"""Opacity from which a pixel of O has a depth."""
EDGE = 1
"""Pixels on both sides of a mask's outline that count as unknown."""


@dataclass(frozen=True, eq=False)
class Observation:
    """One object in one view."""

    view: View
    mask: np.ndarray
    """(H, W) bool. M_v; all False where the view does not show the object."""
    unknown: np.ndarray
    """(H, W) bool. Neither surely the object nor surely not: outlines, and what stands in front of it."""
    depth: np.ndarray
    """(H, W) float32. D_v, 0 outside of the mask and where O is not solid."""

    @property
    def outside(self) -> np.ndarray:
        """(H, W) bool. Where the object surely is not."""
        return ~(self.mask | self.unknown)

    @property
    def area(self) -> int:
        """Pixels of the object."""
        return int(self.mask.sum())

    def photo(self) -> np.ndarray:
        """(H, W, 3) uint8. Raises InputError."""
        return read_image(self.view)


def observations(
    views: Sequence[View],
    masks: Path,
    legend: Legend,
    id: int,
    scene: Gaussians,
    observed: Gaussians,
    *,
    backend: Literal["cpu", "gsplat"],
    antialiased: bool,
    label: str,
) -> list[Observation]:
    """The object with number `id` in each of `views`, in their order.

    masks: folder with the label map `<view>.png` of every view. scene: all Gaussians; observed: those of the object,
    at least one. label heads the line of progress. Raises InputError where a label map is missing or damaged.
    """
    family, device = legend.family(id), device_of(backend)
    scene, observed = (some.map(lambda column: column.to(device)) for some in (scene, observed))
    center, diagonal = extent(observed)
    reach = diagonal / 2
    found = []
    with Progress(f"{label}: look at the object", len(views), "views") as bar:
        for view in views:
            labels = read_label_map(masks / f"{view.name}.png", (view.camera.width, view.camera.height))
            mask = np.isin(labels, family)
            own, all = (_depth(some, view, backend, antialiased) for some in (observed, scene))
            z = float(view.T_camera_world[2, :3] @ center + view.T_camera_world[2, 3])
            # another object hides what lies behind it; the rest of the scene only where it is surely in front
            nearest = np.where(labels > 0, z + reach, z - reach)
            hidden = ~mask & (all > 0) & (all < nearest)
            unknown = hidden | _outline(mask)
            found.append(Observation(view, mask, unknown & ~mask, np.where(mask, own, np.float32(0))))
            bar.advance()
    return found


@torch.no_grad()
def _depth(gaussians: Gaussians, view: View, backend: Literal["cpu", "gsplat"], antialiased: bool) -> np.ndarray:
    """(H, W) float32. Camera z of what is solid, 0 elsewhere."""
    white = gaussians.means.new_ones(len(gaussians), 1)
    drawn = render_view(
        gaussians,
        view.camera,
        view.T_camera_world,
        colors=white,
        depth=True,
        antialiased=antialiased,
        backend=backend,
    )
    return torch.where(drawn.alpha >= SOLID, drawn.expected_depth, 0).float().cpu().numpy()


def _outline(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool. Pixels within EDGE of the mask's outline, on both sides."""
    import cv2

    kernel = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, kernel).astype(bool)
