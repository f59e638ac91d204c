"""What `rasterize` and `accumulate_weights` demand of their arguments.

A wrong shape is a mistake of the program that calls: ValueError. A value that is not finite comes with the scene:
InputError.
"""

import math

import torch
from torch import Tensor

from splatsmith.base.errors import InputError, Problem


def check_gaussians(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor) -> None:
    """(N, 3), (N, 4), (N, 3), (N,), alike in type and device."""
    n = len(means)
    _check_shape("means", means, (n, 3))
    for name, tensor, shape in (("quats", quats, (n, 4)), ("scales", scales, (n, 3)), ("opacities", opacities, (n,))):
        _check_shape(name, tensor, shape)
        _check_alike(name, tensor, means)


def check_colors(means: Tensor, colors: Tensor, sh_degree: int | None) -> None:
    """(N, C), or (N, K, 3) with K enough for `sh_degree`."""
    n = len(means)
    if sh_degree is None:
        if colors.ndim != 2 or len(colors) != n or colors.shape[1] == 0:
            expected = f"({n}, C) with C >= 1 without sh_degree"
            raise ValueError(f"colors: expected shape {expected}, got {tuple(colors.shape)}")
    else:
        if sh_degree not in (0, 1, 2, 3):
            raise ValueError(f"sh_degree: expected 0, 1, 2 or 3, got {sh_degree!r}")
        least = (sh_degree + 1) ** 2
        if colors.ndim != 3 or len(colors) != n or colors.shape[1] < least or colors.shape[2] != 3:
            expected = f"({n}, K, 3) with K >= {least} for sh_degree {sh_degree}"
            raise ValueError(f"colors: expected shape {expected}, got {tuple(colors.shape)}")
    _check_alike("colors", colors, means)


def check_background(means: Tensor, background: Tensor, channels: int) -> None:
    """(C,), alike in type and device."""
    _check_shape("background", background, (channels,))
    _check_alike("background", background, means)


def check_weights(means: Tensor, weights: Tensor) -> None:
    """(H, W, C), none of them 0, alike in type and device."""
    if weights.ndim != 3 or 0 in weights.shape:
        raise ValueError(f"weights: expected shape (H, W, C), none of them 0, got {tuple(weights.shape)}")
    _check_alike("weights", weights, means)


def check_camera(T_camera_world: Tensor, K: Tensor, width: int, height: int) -> None:
    """(4, 4), (3, 3), and at least one pixel."""
    _check_shape("T_camera_world", T_camera_world, (4, 4))
    _check_shape("K", K, (3, 3))
    if width < 1 or height < 1:
        raise ValueError(f"width, height: expected at least 1 x 1 pixel, got {width} x {height}")


@torch.no_grad()
def check_finite(**tensors: Tensor) -> None:
    """Raise InputError naming the first tensor, and the first row in it, that holds NaN or infinity.

    Only on the CPU: on a GPU, looking at a value means to wait for all work before it.
    """
    if any(tensor.is_cuda for tensor in tensors.values()):
        return
    # The sums tell with one pass over memory; only a bad, or overflowing, sum is looked into.
    if math.isfinite(torch.stack([tensor.sum() for tensor in tensors.values()]).sum().item()):
        return
    for name, tensor in tensors.items():
        bad = ~tensor[:, None].isfinite().flatten(1).all(dim=1)
        if bad.any():
            row = int(bad.nonzero()[0])
            raise InputError(
                Problem(
                    what=f"{name} holds values that are not finite",
                    where=f"row {row} of {name}, the first of {int(bad.sum())} bad rows out of {len(tensor)}",
                    expected="finite numbers",
                    got=str(tensor[row].flatten()[:4].tolist()),
                    fix="leave these rows out, or mend what produced them",
                )
            )


def _check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {tuple(tensor.shape)}")


def _check_alike(name: str, tensor: Tensor, means: Tensor) -> None:
    if tensor.dtype != means.dtype or tensor.device != means.device:
        expected = f"{means.dtype} on {means.device}, as means"
        raise ValueError(f"{name}: expected {expected}, got {tensor.dtype} on {tensor.device}")
