"""Affine maps x -> A x + b as (..., 3, 4) tensors [A | b], named `T_to_from`; made from plain numbers."""

from collections.abc import Sequence

import torch
from torch import Tensor

Number = float | Tensor
"""A float, or an (n,) tensor with one value per copy."""


def vector(values: Sequence[Number]) -> Tensor:
    """(n, k) from k numbers of length n or 1. Floats land on torch's default device."""
    tensors = [torch.as_tensor(value, dtype=torch.float32).reshape(-1) for value in values]
    return torch.stack(torch.broadcast_tensors(*tensors), -1)


def affine(
    scale: Sequence[Number] = (1, 1, 1), turn: Sequence[Number] = (0, 0, 0), shift: Sequence[Number] = (0, 0, 0)
) -> Tensor:
    """(n, 3, 4): scale along the axes, then turn about x, then y, then z (radians), then shift."""
    scale, turn, shift = torch.broadcast_tensors(vector(scale), vector(turn), vector(shift))
    rotation = _rotation(2, turn[:, 2]) @ _rotation(1, turn[:, 1]) @ _rotation(0, turn[:, 0])
    return torch.cat([rotation * scale[:, None, :], shift[:, :, None]], -1)


def compose(a: Tensor, b: Tensor) -> Tensor:
    """x -> a(b(x))."""
    linear, shift = a[..., :3] @ b[..., :3], a[..., :3] @ b[..., 3:] + a[..., 3:]
    return torch.cat([linear, shift], -1)


def inverse(a: Tensor) -> Tensor:
    """The map that undoes `a`, worked out in float64."""
    linear = torch.linalg.inv(a[..., :3].double())
    return torch.cat([linear, -linear @ a[..., 3:].double()], -1).to(a.dtype)


def _rotation(axis: int, angle: Tensor) -> Tensor:
    """(n, 3, 3) right-handed rotation about a coordinate axis."""
    cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    rows = {
        0: (one, zero, zero, zero, cos, -sin, zero, sin, cos),
        1: (cos, zero, sin, zero, one, zero, -sin, zero, cos),
        2: (cos, -sin, zero, sin, cos, zero, zero, zero, one),
    }
    return torch.stack(rows[axis], -1).reshape(-1, 3, 3)
