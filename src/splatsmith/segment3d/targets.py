"""What a segmentation is lifted from: labelled views, and the scene that is drawn into them, its geometry at rest.

Notation of this folder:

    N       Gaussians
    C       classes: class 0 is the rest, class c > 0 the c-th number of the legend in use
    y       (H, W) label map in classes, UNKNOWN where nobody looked
    w       weight of a Gaussian in a pixel, `s_i` of render/rasterize.py
    pi      (N, C) distribution over classes of each Gaussian; a row of zeros where nothing is known
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.render import Backend, Rendered, accumulate_weights, rasterize
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import Legend

UNKNOWN = -1
"""Class of a pixel that counts for nothing."""


@dataclass(frozen=True, eq=False)
class Camera:
    """Where a picture is taken from, on the device that draws."""

    T_camera_world: Tensor
    """(4, 4) float32."""
    K: Tensor
    """(3, 3) float32, in pixels."""
    width: int
    height: int

    @classmethod
    def of(cls, view: View, device: torch.device) -> "Camera":
        """A view's camera and pose."""
        T, K = (
            torch.tensor(value, dtype=torch.float32, device=device) for value in (view.T_camera_world, view.camera.K)
        )
        return cls(T, K, view.camera.width, view.camera.height)


@dataclass(frozen=True, eq=False)
class Target:
    """A labelled view."""

    camera: Camera
    classes: Tensor
    """(H, W) int64. y."""

    @property
    def present(self) -> Tensor:
        """(P,) int64. The classes that are seen, ascending."""
        found = self.classes.unique()
        return found[found != UNKNOWN]

    def one_hot(self, classes: Tensor) -> Tensor:
        """(H, W, P) float32: [y = c] for each of `classes` (P,)."""
        return (self.classes[..., None] == classes).float()


@dataclass(frozen=True, eq=False)
class Still:
    """A scene at rest, its parameters activated once."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    antialiased: bool
    backend: Backend

    @classmethod
    def of(cls, gaussians: Gaussians, *, backend: Backend, antialiased: bool = False) -> "Still":
        """On the device where the Gaussians are."""
        fixed = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
        return cls(*(tensor.detach() for tensor in fixed), antialiased, backend)

    def moved_to(self, gaussians: Gaussians) -> "Still":
        """Another scene, drawn in the same way."""
        return Still.of(gaussians, backend=self.backend, antialiased=self.antialiased)

    def draw(self, features: Tensor, camera: Camera, *, means: Tensor | None = None) -> Rendered:
        """Features (N, C) as a camera sees them, over zeros; `means` in place of the scene's, to follow gradients."""
        fixed = (self.means if means is None else means, self.quats, self.scales, self.opacities)
        return rasterize(*fixed, features, **vars(camera), antialiased=self.antialiased, backend=self.backend)

    def accumulate(self, weights: Tensor, camera: Camera) -> Tensor:
        """(N, C). Sum over pixels of w * weights (H, W, C)."""
        fixed = (self.means, self.quats, self.scales, self.opacities)
        placed = {"T_camera_world": camera.T_camera_world, "K": camera.K}
        return accumulate_weights(*fixed, weights, **placed, antialiased=self.antialiased, backend=self.backend)


def class_ids(legend: Legend) -> tuple[int, ...]:
    """Numbers of the classes: 0 for the rest, then the legend's."""
    return (0, *(entry.id for entry in legend.entries))


def targets_of(
    views: Iterable[View],
    label_maps: Mapping[str, np.ndarray],
    ids: Sequence[int],
    *,
    rest_is_known: bool,
    device: torch.device,
) -> list[Target]:
    """The labelled views among `views`, in their order. Numbers that are not among `ids` count as unknown.

    label_maps: (H, W) by the name of the view. rest_is_known: whether 0 means background rather than nothing known.
    """
    class_of = np.full(2**16, UNKNOWN, np.int64)
    class_of[list(ids)] = range(len(ids))
    if not rest_is_known:
        class_of[0] = UNKNOWN
    return [
        Target(Camera.of(view, device), torch.from_numpy(class_of[label_maps[view.name]]).to(device))
        for view in views
        if view.name in label_maps
    ]


def drawn_probabilities(still: Still, pi: Tensor, camera: Camera) -> Tensor:
    """(H, W, C). P(c | pixel) = sum_i w_i pi_ic / sum_i w_i, over the Gaussians that something is known of.

    What shines through to the background is the rest.
    """
    drawn = still.draw(torch.cat([pi, pi.sum(dim=1, keepdim=True)], dim=1), camera)
    mass, known = drawn.image[..., :-1], drawn.image[..., -1:]
    nothing = torch.zeros_like(mass)
    nothing[..., 0] = 1 - drawn.alpha
    return (mass + nothing) / (known + 1 - drawn.alpha[..., None]).clamp(min=1e-6)
