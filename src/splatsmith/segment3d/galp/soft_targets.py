"""Views with soft maps: what a detector, an attention map or a vote says of every pixel, kept at its own resolution."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from splatsmith.scenes.cameras import View
from splatsmith.segment3d.targets import UNKNOWN, Camera, Target


@dataclass(frozen=True, eq=False)
class SoftTarget(Target):
    """A view with a distribution over classes in every pixel. `classes` has the likeliest of each, for whom that is
    enough."""

    shares: Tensor
    """(h, w, C), in [0, 1], with sums of at most 1; what a sum lacks, nobody knows. The picture's size or any other."""

    @classmethod
    def of(cls, camera: Camera, shares: Tensor) -> "SoftTarget":
        """Of shares (h, w, C). Raises ValueError where they are not shares."""
        if shares.ndim != 3 or shares.min() < 0 or shares.sum(dim=-1).max() > 1 + 1e-2:
            raise ValueError(f"expected shares (h, w, C) with sums of at most 1, got {tuple(shares.shape)}")
        full = resized(shares, camera.height, camera.width)
        known, likeliest = full.max(dim=-1)
        return cls(camera, torch.where(known > 0, likeliest, UNKNOWN), shares)

    @property
    def present(self) -> Tensor:
        """(P,) int64. The classes that have a share anywhere, ascending."""
        return self.shares.flatten(0, 1).any(dim=0).nonzero()[:, 0]

    def one_hot(self, classes: Tensor) -> Tensor:
        """(H, W, P) float32: the share of each of `classes` (P,), which need not be whole here."""
        return resized(self.shares[..., classes], self.camera.height, self.camera.width)


def resized(shares: Tensor, height: int, width: int) -> Tensor:
    """(height, width, C) float32 of shares (h, w, C), between whose centres it is interpolated."""
    if shares.shape[:2] == (height, width):
        return shares.float()
    stacked = shares.float().movedim(-1, 0)[None]
    return F.interpolate(stacked, (height, width), mode="bilinear", align_corners=False)[0].movedim(0, -1)


def soft_targets_of(views: Iterable[View], maps: Mapping[str, np.ndarray], device: torch.device) -> list[SoftTarget]:
    """The views among `views` that have a map, in their order. maps: (h, w, C) shares by the name of the view."""
    return [
        SoftTarget.of(Camera.of(view, device), torch.from_numpy(maps[view.name]).to(device))
        for view in views
        if view.name in maps
    ]
