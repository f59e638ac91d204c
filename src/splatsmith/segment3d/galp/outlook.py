"""From where each Gaussian is seen: two moments of the basis functions over the views, gathered once.

A label is linear in its coefficients, so that they give its mean and its variance over the views at any time:

    mean_v l_i(d_iv)  = 1/2 + Ybar_i . r_i          Ybar_i = sum_v m_iv Y(d_iv)
    var_v l_i(d_iv)   = sum over channels of r_i^T C_i r_i       C_i = sum_v m_iv Y Y^T - Ybar_i Ybar_i^T
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.gaussians.sh import basis, dc_to_rgb
from splatsmith.segment3d.galp.field import LabelField, directions
from splatsmith.segment3d.targets import Camera, Still
from splatsmith.segment3d.votes import LEAST


@dataclass(frozen=True, eq=False)
class Outlook:
    """The moments, without the constant basis function, which does not vary."""

    mean: Tensor
    """(N, K - 1). Ybar."""
    covariance: Tensor
    """(N, K - 1, K - 1). C."""
    seen: Tensor
    """(N,) bool. Whether any view sees it; where none does, the moments are 0."""

    @classmethod
    def of(cls, still: Still, cameras: Sequence[Camera], degree: int, *, hidden_too: bool = False) -> "Outlook":
        """As the cameras see the scene. hidden_too: every camera counts as much for every Gaussian, seen or not."""
        n, functions, device = len(still.means), (degree + 1) ** 2 - 1, still.means.device
        total = torch.zeros(n, device=device)
        first, second = torch.zeros(n, functions, device=device), torch.zeros(n, functions, functions, device=device)
        for camera in cameras:
            weight = torch.ones(n, device=device) if hidden_too else _weights(still, camera)
            Y = basis(degree, directions(still.means, camera))[:, 1:]
            total += weight
            first += weight[:, None] * Y
            second += (weight[:, None] * Y)[:, :, None] * Y[:, None]
        seen = total > LEAST
        scale = torch.where(seen, 1 / total.clamp(min=LEAST), 0)
        mean, square = scale[:, None] * first, scale[:, None, None] * second
        return cls(mean, square - mean[:, :, None] * mean[:, None], seen)

    def mean_label(self, field: LabelField) -> Tensor:
        """(N, D). Of the views, before anything is cut off."""
        return dc_to_rgb(field.constant[:, 0]) + (self.mean[..., None] * field.varying).sum(dim=1)

    def variance(self, field: LabelField) -> Tensor:
        """(N,). Sum over channels; exactly 0 for a label that is the same from every side."""
        turned = (self.covariance[..., None] * field.varying[:, None]).sum(dim=2)
        return (turned * field.varying).sum(dim=(1, 2)).clamp(min=0)


def _weights(still: Still, camera: Camera) -> Tensor:
    """(N,). Sum over pixels of w."""
    ones = torch.ones(camera.height, camera.width, 1, device=still.means.device)
    return still.accumulate(ones, camera)[:, 0]
