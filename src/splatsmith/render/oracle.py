"""The rasterizer written to be read: plain torch in any float type, gradients by autograd, slow.

Every other backend is tested against it. Notation as in the papers: R, t world to camera; Sigma the covariance in 3D;
J the Jacobian of the perspective projection; alpha_i, T_i opacity and transmittance of Gaussian i in a pixel.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.gaussians.sh import evaluate
from splatsmith.render.constants import ALPHA_MAX, ALPHA_MIN, EXTENT_MAX, FOV_MARGIN, TILE, TRANSMITTANCE_MIN
from splatsmith.render.splats import Projection, Splats


def check_supported(means: Tensor, K: Tensor) -> None:
    """Anything goes."""


def project(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, projection: Projection) -> Splats:
    """Project Gaussians by the local affine approximation (Zwicker et al. 2002, equation 31)."""
    R, t = projection.T_camera_world[:3, :3], projection.T_camera_world[:3, 3]
    points = means @ R.T + t
    in_range = (points[:, 2] >= projection.near) & (points[:, 2] <= projection.far)
    points = torch.where(in_range[:, None], points, points.new_ones(3))  # keeps 1/z, and its gradient, finite

    K = projection.K
    means2d = (points[:, :2] / points[:, 2:]) * torch.stack([K[0, 0], K[1, 1]]) + K[:2, 2]

    M = R @ (rotation_matrices(quats) * scales[:, None, :])
    Sigma = M @ M.mT
    J = perspective_jacobian(points, projection)
    cov2d = J @ Sigma @ J.mT

    det_before = torch.linalg.det(cov2d)
    cov2d = cov2d + projection.eps2d * torch.eye(2, dtype=means.dtype, device=means.device)
    xx, xy, yy = cov2d[:, 0, 0], cov2d[:, 0, 1], cov2d[:, 1, 1]
    det = xx * yy - xy * xy
    proper = det > 0
    det = torch.where(proper, det, 1.0)
    conics = torch.stack([yy / det, -xy / det, xx / det], dim=1)

    compensations = None
    if projection.antialiased:
        ratio = det_before / det
        compensations = torch.where(ratio > 0, torch.where(ratio > 0, ratio, 1.0).sqrt(), 0.0)
    drawn = opacities if compensations is None else opacities * compensations
    radii = box_radii(means2d, xx, yy, drawn, projection) * (in_range & proper)[:, None]
    return Splats(means2d, conics, points[:, 2], compensations, radii)


def perspective_jacobian(points: Tensor, projection: Projection) -> Tensor:
    """(N, 2, 3). Derivative of the pixel by the point, taken no further outside the image than FOV_MARGIN."""
    K = projection.K
    f, c = torch.stack([K[0, 0], K[1, 1]]), K[:2, 2]
    size = points.new_tensor([projection.width, projection.height])
    margin = FOV_MARGIN * 0.5 * size / f
    slope = points[:, :2] / points[:, 2:]
    slope = torch.minimum(torch.maximum(slope, -(c / f + margin)), (size - c) / f + margin)
    z = points[:, 2]
    zero = torch.zeros_like(z)
    rows = [[f[0] / z, zero, -f[0] * slope[:, 0] / z], [zero, f[1] / z, -f[1] * slope[:, 1] / z]]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


@torch.no_grad()
def box_radii(means2d: Tensor, xx: Tensor, yy: Tensor, opacities: Tensor, projection: Projection) -> Tensor:
    """(N, 2) int32. Box of all pixels where alpha >= ALPHA_MIN (Radl et al., StopThePop, 2024, appendix B.2)."""
    extent = (2 * (opacities / ALPHA_MIN).clamp(min=1).log()).sqrt().clamp(max=EXTENT_MAX)
    radii = (extent[:, None] * torch.stack([xx, yy], dim=1).sqrt()).ceil()
    size = means2d.new_tensor([projection.width, projection.height])
    visible = (
        (opacities >= ALPHA_MIN)
        & (radii > projection.radius_clip).any(dim=1)
        & ((means2d + radii > 0) & (means2d - radii < size)).all(dim=1)
    )
    return torch.where(visible[:, None], radii, 0).int()


def spherical_harmonics(degree: int, directions: Tensor, sh: Tensor, radii: Tensor) -> Tensor:
    """(N, 3) rgb = max(0, 0.5 + Y(d) . sh), for directions (N, 3) of any length and sh (N, K, 3)."""
    return (0.5 + evaluate(sh[:, : (degree + 1) ** 2], normalize(directions, dim=1))).clamp(min=0)


def composite(
    splats: Splats, colors: Tensor, opacities: Tensor, background: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor]:
    """Blend front to back, (H, W, C) and (H, W). Tile by tile, which only saves memory and time."""
    visible = (splats.radii > 0).all(dim=1).nonzero()[:, 0]
    order = visible[splats.depths.detach()[visible].float().argsort(stable=True)]
    rows = []
    for top in range(0, height, TILE):
        tiles = []
        for left in range(0, width, TILE):
            box = left, top, min(left + TILE, width), min(top + TILE, height)
            near = order[_meets(splats.means2d.detach()[order], splats.radii[order], box)]
            weights, transmittance = blending_weights(splats.means2d[near], splats.conics[near], opacities[near], box)
            image = torch.einsum("ihw,ic->hwc", weights, colors[near]) + transmittance[..., None] * background
            tiles.append(torch.cat([image, 1 - transmittance[..., None]], dim=2))
        rows.append(torch.cat(tiles, dim=1))
    image = torch.cat(rows, dim=0)
    return image[..., :-1], image[..., -1]


def blending_weights(
    means2d: Tensor, conics: Tensor, opacities: Tensor, box: tuple[int, int, int, int]
) -> tuple[Tensor, Tensor]:
    """Weights s_i = alpha_i T_i (I, h, w) of I splats in order of depth, and what passes them all (h, w)."""
    left, top, right, bottom = box
    dx = means2d[:, 0, None, None] - (torch.arange(left, right).to(means2d) + 0.5)[None, None, :]
    dy = means2d[:, 1, None, None] - (torch.arange(top, bottom).to(means2d) + 0.5)[None, :, None]
    xx, xy, yy = conics[:, :, None, None].unbind(1)
    sigma = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
    alpha = (opacities[:, None, None] * (-sigma).exp()).clamp(max=ALPHA_MAX)
    alpha = alpha * ((sigma >= 0) & (alpha >= ALPHA_MIN))

    through = (1 - alpha.detach()).cumprod(dim=0)
    alpha = alpha * (through > TRANSMITTANCE_MIN)  # the pixel is finished before this Gaussian, hence before all behind
    T = torch.cat([alpha.new_ones(1, *alpha.shape[1:]), (1 - alpha).cumprod(dim=0)])
    return alpha * T[:-1], T[-1]


def accumulate_weights(splats: Splats, opacities: Tensor, weights: Tensor) -> Tensor:
    """(N, C). The image is linear in the colours, hence its transpose is its gradient by them."""
    height, width, channels = weights.shape
    colors = weights.new_zeros(len(opacities), channels).requires_grad_()
    with torch.enable_grad():
        image, _ = composite(splats, colors, opacities, weights.new_zeros(channels), width, height)
    return torch.autograd.grad(image, colors, weights)[0]


def _meets(means2d: Tensor, radii: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    left, top, right, bottom = box
    low, high = means2d - radii, means2d + radii
    return (high[:, 0] > left) & (low[:, 0] < right) & (high[:, 1] > top) & (low[:, 1] < bottom)
