"""The kernels as torch functions: projection, spherical harmonics, compositing, each with its gradients.

Arrays that a kernel fills only where a Gaussian is visible begin as zeros.
"""

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from splatsmith.render.cpu import backward, forward, harmonics, projection, transpose
from splatsmith.render.cpu.binning import Bins, bin_splats
from splatsmith.render.cpu.pool import run_ranges
from splatsmith.render.splats import Projection, Splats

GAUSSIANS, TILES, SPLATS = 1024, 4, 1024
"""Gaussians, tiles, splats to a range of work: some ten microseconds of it at least, and enough ranges to share out."""


def project(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, settings: Projection) -> Splats:
    """Project Gaussians. Differentiable by means, quats, scales and the pose."""
    results = _Project.apply(means, quats, scales, settings.T_camera_world, opacities, settings)
    means2d, conics, depths, compensations, radii = results
    return Splats(means2d, conics, depths, compensations if settings.antialiased else None, radii)


def spherical_harmonics(degree: int, directions: Tensor, sh: Tensor, radii: Tensor) -> Tensor:
    """(N, 3). Colours seen along directions (N, 3). Differentiable by directions and sh (N, K, 3)."""
    return _SphericalHarmonics.apply(directions, sh, radii, degree)


def composite(
    splats: Splats, colors: Tensor, opacities: Tensor, background: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor]:
    """Image (H, W, C) and alpha (H, W). Differentiable by centres, conics, colours, opacities and background."""
    fixed = splats.depths, splats.radii, width, height
    return _Composite.apply(splats.means2d, splats.conics, colors, opacities, background, *fixed)


def accumulate_weights(splats: Splats, opacities: Tensor, weights: Tensor) -> Tensor:
    """(N, C). Sum over pixels of s * weights (H, W, C)."""
    height, width, channels = weights.shape
    bins = _bin(splats.means2d, splats.conics, splats.depths, opacities, splats.radii, width, height)
    entry_sums = np.empty((len(bins.entry_splats), channels), np.float32)
    lists = bins.splats, bins.tile_starts, bins.entry_splats
    run_ranges(transpose.accumulate, len(bins.tile_starts) - 1, TILES, *lists, _array(weights), entry_sums)
    sums = np.zeros((len(opacities), channels), np.float32)
    entries = bins.order, bins.candidate_starts, bins.candidate_entries
    run_ranges(transpose.sum_entries, len(bins.order), SPLATS, *entries, entry_sums, sums)
    return torch.from_numpy(sums)


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx, means, quats, scales, T_camera_world, opacities, settings):
        pose, lens, limits = _camera(settings)
        count = len(means)
        arrays = [_array(tensor) for tensor in (means, quats, scales)]
        means2d, conics = np.zeros((count, 2), np.float32), np.zeros((count, 3), np.float32)
        depths, compensations = np.zeros(count, np.float32), np.zeros(count, np.float32)
        radii = np.empty((count, 2), np.int32)
        filled = means2d, conics, depths, compensations, radii
        fixed = pose, lens, limits, settings.antialiased
        run_ranges(projection.project, count, GAUSSIANS, *arrays, _array(opacities), *fixed, *filled)
        ctx.arrays, ctx.camera, ctx.filled = arrays, (pose, lens, limits[2]), filled
        ctx.antialiased = settings.antialiased
        results = [torch.from_numpy(array) for array in filled]
        ctx.mark_non_differentiable(results[-1])
        return tuple(results)

    @staticmethod
    @once_differentiable
    def backward(ctx, v_means2d, v_conics, v_depths, v_compensations, _):
        means, quats, scales = ctx.arrays
        _, conics, _, compensations, radii = ctx.filled
        v_compensations = _array(v_compensations)[: len(means) if ctx.antialiased else 0]
        given = [_array(v) for v in (v_means2d, v_conics, v_depths)]
        v_means, v_quats, v_scales = (np.zeros_like(array) for array in ctx.arrays)
        with_pose = ctx.needs_input_grad[3]
        v_poses = np.zeros((len(means) if with_pose else 0, projection.POSE_NUMBERS), np.float32)
        arguments = *ctx.arrays, *ctx.camera, conics, compensations, radii, *given, v_compensations
        filled = v_means, v_quats, v_scales, v_poses
        run_ranges(projection.project_backward, len(means), GAUSSIANS, *arguments, *filled)
        v_means, v_quats, v_scales = (torch.from_numpy(array) for array in filled[:3])
        return v_means, v_quats, v_scales, _pose_gradient(v_poses) if with_pose else None, None, None


class _SphericalHarmonics(torch.autograd.Function):
    @staticmethod
    def forward(ctx, directions, sh, radii, degree):
        colors = np.zeros((len(directions), 3), np.float32)
        arguments = degree, _array(directions), _array(sh), _array(radii), colors
        run_ranges(harmonics.harmonics, len(colors), GAUSSIANS, *arguments)
        ctx.arguments = arguments
        return torch.from_numpy(colors)

    @staticmethod
    @once_differentiable
    def backward(ctx, v_colors):
        _, directions, sh, _, _ = ctx.arguments
        v_sh, v_directions = np.zeros_like(sh), np.zeros_like(directions)
        arguments = *ctx.arguments, _array(v_colors), v_sh, v_directions
        run_ranges(harmonics.harmonics_backward, len(sh), GAUSSIANS, *arguments)
        return torch.from_numpy(v_directions), torch.from_numpy(v_sh), None, None


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(ctx, means2d, conics, colors, opacities, background, depths, radii, width, height):
        bins = _bin(means2d, conics, depths, opacities, radii, width, height)
        colors, background = _in_groups(_array(colors)), _array(background)
        image = np.empty((height, width, len(background)), np.float32)
        alpha, transmittance = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
        last = np.empty((height, width), np.int32)
        lists = bins.order, bins.splats, bins.tile_starts, bins.entry_splats
        arguments = *lists, colors, background, image, alpha, transmittance, last
        run_ranges(forward.composite, len(bins.tile_starts) - 1, TILES, *arguments)
        ctx.bins, ctx.pixels = bins, (colors, background, transmittance, last)
        return torch.from_numpy(image), torch.from_numpy(alpha)

    @staticmethod
    @once_differentiable
    def backward(ctx, v_image, v_alpha):
        bins, (colors, background, transmittance, _) = ctx.bins, ctx.pixels
        v_image, v_alpha = _array(v_image), _array(v_alpha)
        count, channels = len(colors), len(background)
        v_entries = np.empty((len(bins.entry_splats), backward.GEOMETRY + colors.shape[1]), np.float32)
        lists = bins.order, bins.splats, bins.tile_starts, bins.entry_splats
        arguments = *lists, *ctx.pixels, v_image, v_alpha, v_entries
        run_ranges(backward.composite_backward, len(bins.tile_starts) - 1, TILES, *arguments)

        v_means2d, v_conics = np.zeros((count, 2), np.float32), np.zeros((count, 3), np.float32)
        v_opacities, v_colors = np.zeros(count, np.float32), np.zeros((count, channels), np.float32)
        entries = bins.order, bins.candidate_starts, bins.candidate_entries, v_entries
        filled = v_means2d, v_conics, v_opacities, v_colors
        run_ranges(backward.sum_entries, len(bins.order), SPLATS, *entries, *filled)
        v_means2d, v_conics, v_opacities, v_colors = (torch.from_numpy(array) for array in filled)
        v_background = None
        if ctx.needs_input_grad[4]:
            v_background = torch.from_numpy(np.einsum("hw,hwc->c", transmittance, v_image))
        return v_means2d, v_conics, v_colors, v_opacities, v_background, None, None, None, None


def _bin(means2d, conics, depths, opacities, radii, width, height) -> Bins:
    return bin_splats(*(_array(tensor) for tensor in (means2d, conics, depths, opacities, radii)), (width, height))


def _in_groups(colors: np.ndarray) -> np.ndarray:
    """Filled up with channels of zeros to whole groups."""
    missing = -colors.shape[1] % forward.GROUP
    return np.pad(colors, ((0, 0), (0, missing))) if missing else colors


def _camera(settings: Projection) -> tuple[tuple, tuple, tuple]:
    """Pose, lens and limits as tuples of float32, which kernels hold in registers."""
    T, K = _array(settings.T_camera_world), _array(settings.K)
    pose = tuple(tuple(row) for row in T[:3, :3]), tuple(T[:3, 3])
    lens = K[0, 0], K[1, 1], K[0, 2], K[1, 2], np.float32(settings.width), np.float32(settings.height)
    limits = (settings.near, settings.far, settings.eps2d, settings.radius_clip)
    return pose, lens, tuple(np.float32(limit) for limit in limits)


def _pose_gradient(v_poses: np.ndarray) -> Tensor:
    """(4, 4) from the Gaussians' shares, added up in order and in double precision."""
    v_pose = v_poses.sum(axis=0, dtype=np.float64)
    v_T = np.zeros((4, 4), np.float32)
    v_T[:3, :3], v_T[:3, 3] = v_pose[:9].reshape(3, 3), v_pose[9:]
    return torch.from_numpy(v_T)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()
