"""Quaternions as w, x, y, z (Hamilton), and the rotations that they stand for: v -> R v."""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def rotation_matrices(quats: Tensor) -> Tensor:
    """(..., 4) quaternions of any length but zero -> (..., 3, 3) rotations."""
    w, x, y, z = normalize(quats, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return _stack(rows)


def from_rotation_matrices(R: Tensor) -> Tensor:
    """(..., 3, 3) rotations -> (..., 4) unit quaternions with w >= 0.

    R determines 4 q q^T; the row of it with the largest diagonal entry is a multiple of q that never vanishes.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in R.unbind(-2))
    rows = [
        [1 + xx + yy + zz, zy - yz, xz - zx, yx - xy],
        [zy - yz, 1 + xx - yy - zz, yx + xy, xz + zx],
        [xz - zx, yx + xy, 1 - xx + yy - zz, zy + yz],
        [yx - xy, xz + zx, zy + yz, 1 - xx - yy + zz],
    ]
    outer = _stack(rows)
    best = outer.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    quats = normalize(torch.take_along_dim(outer, best[..., None, None], dim=-2)[..., 0, :], dim=-1)
    return torch.where(quats[..., :1] < 0, -quats, quats)


def multiply(p: Tensor, q: Tensor) -> Tensor:
    """(..., 4). Hamilton's product: first the rotation q, then p; lengths multiply."""
    (a, b, c, d), (w, x, y, z) = p.unbind(-1), q.unbind(-1)
    return torch.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        dim=-1,
    )


def _stack(rows: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
