"""Cutting Gaussians by a plane: each half becomes the Gaussian with the mean and the covariance of that half.

    n       unit normal of the plane,  sigma = sqrt(n^T Sigma n),  b = Sigma n / sigma
    tau     distance of the plane from the centre along n, in units of sigma
    + and - the halves ahead of the plane and behind it, with shares w_+ = 1 - Phi(tau), w_- = Phi(tau)
    m_s     = s phi(tau) / w_s                mean of a half along n, in units of sigma
    v_s     = 1 + tau m_s - m_s^2             variance of a half along n, in units of sigma^2

    mu_s    = mu + b m_s,   Sigma_s = Sigma - (1 - v_s) b b^T,   opacity_s = opacity w_s / sqrt(v_s)

The two halves together have the mean and covariance of the whole, exactly. The opacity keeps what a camera sees that
looks along the plane, as those do that see a boundary.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, concat, select
from splatsmith.gaussians.quaternions import from_rotation_matrices
from splatsmith.gaussians.transforms import covariances

THINNEST = 1e-3
"""Least standard deviation of a half, as a share of its largest."""
MOST_OPAQUE = 0.99


def split_by_plane(gaussians: Gaussians, mask: Tensor, normals: Tensor, ahead: Tensor) -> Rows:
    """Replace each Gaussian where `mask` (N,) is true by its two halves.

    normals: (N, 3) of any length but zero. ahead: (N,) share of the half that lies ahead of the plane, in (0, 1).
    Those kept come first, then all halves ahead, then all halves behind.
    """
    rows, kept = mask.nonzero()[:, 0], (~mask).nonzero()[:, 0]
    whole = select(gaussians, rows)
    tau = -math.sqrt(2) * torch.erfinv(2 * ahead[rows].double() - 1)
    halves = [_half(whole, normals[rows].double(), tau, side) for side in (1, -1)]
    origin = torch.cat([kept, rows, rows])
    fresh = torch.arange(len(origin), device=origin.device) >= len(kept)
    return Rows(concat([select(gaussians, kept), *halves]), origin, fresh)


def _half(whole: Gaussians, normals: Tensor, tau: Tensor, side: int) -> Gaussians:
    n = torch.nn.functional.normalize(normals, dim=1)
    Sigma = covariances(whole.map(lambda column: column.double() if column.is_floating_point() else column))
    along = (Sigma @ n[..., None])[..., 0]
    sigma = (along * n).sum(dim=1).sqrt()
    b = along / sigma[:, None]
    density = torch.exp(-tau.square() / 2) / math.sqrt(2 * math.pi)
    share = torch.special.ndtr(-side * tau)
    m = side * density / share
    v = (1 + tau * m - m.square()).clamp(min=THINNEST**2)
    variances, axes = torch.linalg.eigh(Sigma - ((1 - v)[:, None, None] * b[:, :, None] * b[:, None, :]))
    axes = axes * torch.linalg.det(axes).sign()[:, None, None]
    scales = variances.clamp(min=0).sqrt()
    scales = torch.maximum(scales, THINNEST * scales.amax(dim=1, keepdim=True))
    opacities = (whole.opacities * share / v.sqrt()).clamp(1e-4, MOST_OPAQUE)
    return replace(
        whole,
        means=(whole.means + b * m[:, None]).to(whole.means),
        quats=from_rotation_matrices(axes).to(whole.quats),
        log_scales=scales.log().to(whole.log_scales),
        logit_opacities=torch.logit(opacities).to(whole.logit_opacities),
    )
