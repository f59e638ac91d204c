"""Real spherical harmonics of degree 0 to 3, in the order and with the signs of 3D Gaussian Splatting.

    d           unit direction, from the camera's centre to the Gaussian's
    Y(d)        (K,) basis functions, K = (degree + 1)^2, orthonormal on the sphere; band l is entries l^2 to (l + 1)^2
    sh          (K, 3) coefficients; rgb = max(0, 0.5 + Y(d) . sh)

Within band l, m runs from -l to l: sqrt(2) Im Y_l^|m| for m < 0, Y_l^0, sqrt(2) Re Y_l^m for m > 0, with the phase of
Condon and Shortley. Source: Kerbl et al., 3D Gaussian Splatting, 2023.
"""

import math

import torch
from torch import Tensor

Y00 = 0.28209479177387814
"""The constant basis function, 1 / sqrt(4 pi)."""


def rgb_to_dc(rgb: Tensor) -> Tensor:
    """Constant coefficients that show the colours `rgb` (any shape, 0 to 1) from every side."""
    return (rgb - 0.5) / Y00


def dc_to_rgb(dc: Tensor) -> Tensor:
    """Colours that constant coefficients (any shape) show, not clamped."""
    return 0.5 + Y00 * dc


def basis(degree: int, directions: Tensor) -> Tensor:
    """(..., K). The basis functions up to `degree`, 0 to 3, in unit directions (..., 3)."""
    x, y, z = directions.unbind(-1)
    bands = [
        [Y00 * torch.ones_like(x)],
        [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x],
        [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * z * z - x * x - y * y),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
        ],
        [
            -0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
            0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
            -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
            1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ],
    ]
    return torch.stack([function for band in bands[: degree + 1] for function in band], dim=-1)


def evaluate(sh: Tensor, directions: Tensor) -> Tensor:
    """(N, 3) Y(d) . sh, for coefficients (N, K, 3) and unit directions (N, 3), or (3,) for all."""
    degree = math.isqrt(sh.shape[-2]) - 1
    return (basis(degree, directions)[..., None] * sh).sum(dim=-2)


def rotate(sh: Tensor, R: Tensor) -> Tensor:
    """(N, K, 3). The coefficients sh (N, K, 3) after the scene is turned by R, orthogonal (3, 3).

    Exact for degree 0 to 3, and for reflections too: what was seen along d is now seen along R d.
    """
    degree = math.isqrt(sh.shape[1]) - 1
    return torch.einsum("kj,njc->nkc", rotation_matrix(degree, R).to(sh), sh)


def rotation_matrix(degree: int, R: Tensor) -> Tensor:
    """(K, K) float64. What turns coefficients when R (3, 3) turns the world: Y(R d) . (D sh) = Y(d) . sh for all d.

    The real Wigner matrices, band by band, from their definition: D is the integral of Y(d) Y(R^T d)^T over the sphere.
    The integrand is a polynomial of degree 6 at most, hence Lebedev's rule of 26 points integrates it exactly.
    """
    R = R.double()
    directions, weights = (tensor.to(R) for tensor in _lebedev26())
    here, there = basis(degree, directions), basis(degree, directions @ R)  # rows of the latter: R^T d
    bands = [slice(band**2, (band + 1) ** 2) for band in range(degree + 1)]
    return torch.block_diag(*[here[:, band].T @ (weights[:, None] * there[:, band]) for band in bands])


def _lebedev26() -> tuple[Tensor, Tensor]:
    """Directions (26, 3) and weights (26,), exact to degree 7: Lebedev, Quadratures on a sphere, 1976, table 3."""
    steps = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    grid = torch.cartesian_prod(steps, steps, steps)
    grid = grid[grid.abs().sum(dim=1) > 0]  # towards the faces, edges and corners of a cube
    by_kind = 4 * math.pi * torch.tensor([1 / 21, 4 / 105, 9 / 280], dtype=torch.float64)
    kind = grid.abs().sum(dim=1).long() - 1
    return torch.nn.functional.normalize(grid, dim=1), by_kind[kind]
