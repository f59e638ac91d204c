"""The rasterizer on a CUDA GPU: gsplat 1.5.3, through its public functions, for one camera.

Source: Ye et al., gsplat: An Open-Source Library for Gaussian Splatting, JMLR 2025. Its functions take batches of
cameras; ours is a batch of one.
"""

import importlib.util

import torch
from torch import Tensor

from splatsmith.base.errors import InputError, Problem
from splatsmith.render.constants import TILE
from splatsmith.render.splats import Projection, Splats

CHANNELS_AT_ONCE = 32
"""gsplat keeps the channels of a pixel in registers, and slows down beyond this."""


def check_installed() -> None:
    """Raise InputError unless there are gsplat and a CUDA device to run it on."""
    # Asked in this order: where gsplat is importable without a GPU, its first kernel would start a build.
    if not torch.cuda.is_available():
        raise InputError(
            Problem(
                what="backend 'gsplat' needs an NVIDIA GPU",
                where="backend",
                expected="a CUDA device that torch can use",
                got=f"torch {torch.__version__}, torch.cuda.is_available() is False",
                fix="choose backend 'cpu', or run on a machine with a GPU and a CUDA build of torch",
            )
        )
    if importlib.util.find_spec("gsplat") is None:
        raise InputError(
            Problem(
                what="backend 'gsplat' is not installed",
                where="backend",
                fix="pip install 'splatsmith[gpu]', or choose backend 'cpu'",
            )
        )


def check_supported(means: Tensor, K: Tensor) -> None:
    """gsplat installed, a CUDA device, float32 tensors on it; no gradient by K."""
    check_installed()
    if means.dtype != torch.float32 or means.device.type != "cuda":
        raise ValueError(f"backend 'gsplat': expected torch.float32 on cuda, got {means.dtype} on {means.device}")
    if K.requires_grad:
        raise ValueError("backend 'gsplat' has no gradient by K; use backend 'oracle'")


def project(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, projection: Projection) -> Splats:
    """Project Gaussians. Differentiable by means, quats, scales and the pose."""
    if len(means) == 0:  # gsplat divides by the number of Gaussians
        radii = means.new_zeros(0, 2, dtype=torch.int32)
        return Splats(means[:, :2], means, means[:, 0], opacities if projection.antialiased else None, radii)
    from gsplat import fully_fused_projection

    radii, means2d, depths, conics, compensations = fully_fused_projection(
        means,
        None,
        quats,
        scales,
        projection.T_camera_world[None],
        projection.K[None],
        projection.width,
        projection.height,
        eps2d=projection.eps2d,
        near_plane=projection.near,
        far_plane=projection.far,
        radius_clip=projection.radius_clip,
        calc_compensations=projection.antialiased,
        opacities=opacities,
    )
    return Splats(means2d[0], conics[0], depths[0], compensations[0] if projection.antialiased else None, radii[0])


def spherical_harmonics(degree: int, directions: Tensor, sh: Tensor, radii: Tensor) -> Tensor:
    """(N, 3). Colours seen along directions (N, 3)."""
    if len(sh) == 0:
        return sh.new_zeros(0, 3)
    from gsplat import spherical_harmonics

    return (spherical_harmonics(degree, directions, sh, masks=(radii > 0).all(dim=1)) + 0.5).clamp(min=0)


def composite(
    splats: Splats, colors: Tensor, opacities: Tensor, background: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor]:
    """Image (H, W, C) and alpha (H, W)."""
    if len(colors) == 0:
        return background.expand(height, width, -1), background.new_zeros(height, width)
    from gsplat import isect_offset_encode, isect_tiles, rasterize_to_pixels

    tiles_x, tiles_y = -(-width // TILE), -(-height // TILE)
    means2d, radii, depths = splats.means2d[None], splats.radii[None], splats.depths[None]
    _, tile_and_depth, entries = isect_tiles(means2d, radii, depths, TILE, tiles_x, tiles_y)
    tile_starts = isect_offset_encode(tile_and_depth, 1, tiles_x, tiles_y)
    images, alphas = [], []
    for some, behind in zip(colors.split(CHANNELS_AT_ONCE, dim=1), background.split(CHANNELS_AT_ONCE), strict=True):
        image, alpha = rasterize_to_pixels(
            means2d,
            splats.conics[None],
            some[None],
            opacities[None],
            width,
            height,
            TILE,
            tile_starts,
            entries,
            backgrounds=behind[None],
        )
        images.append(image[0])
        alphas.append(alpha[0, ..., 0])
    return images[0] if len(images) == 1 else torch.cat(images, dim=2), alphas[0]


def accumulate_weights(splats: Splats, opacities: Tensor, weights: Tensor) -> Tensor:
    """(N, C). The image is linear in the colours, hence its transpose is its gradient by them."""
    height, width, channels = weights.shape
    if len(opacities) == 0:
        return weights.new_zeros(0, channels)
    colors = weights.new_zeros(len(opacities), channels).requires_grad_()
    with torch.enable_grad():
        image, _ = composite(splats, colors, opacities, weights.new_zeros(channels), width, height)
    return torch.autograd.grad(image, colors, weights)[0]
