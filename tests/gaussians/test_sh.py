"""Laws of spherical harmonics: orthonormal, in the order of 3DGS, and turned exactly."""

import math

import numpy as np
import pytest
import torch
from scipy.special import lpmv

from splatsmith.gaussians import sh
from splatsmith.gaussians.quaternions import rotation_matrices

TIGHT = {"atol": 1e-12, "rtol": 0}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(normal(*shape, seed=seed), dim=-1)


def orthogonal(seed: int, *, reflects: bool) -> torch.Tensor:
    R = rotation_matrices(normal(4, seed=seed))
    return -R if reflects else R


def test_the_basis_is_orthonormal():
    """Integrated over the sphere by the product rule of Gauss and the midpoints, exact for these polynomials."""
    nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(8))
    angle = 2 * math.pi * torch.arange(16, dtype=torch.float64) / 16
    z, phi = (grid.flatten() for grid in torch.meshgrid(nodes, angle, indexing="ij"))
    r = (1 - z * z).sqrt()
    basis = sh.basis(3, torch.stack([r * phi.cos(), r * phi.sin(), z], dim=1))
    gram = basis.T @ (weights.repeat_interleave(16)[:, None] * 2 * math.pi / 16 * basis)
    torch.testing.assert_close(gram, torch.eye(16).double(), atol=1e-9, rtol=0)


def test_the_basis_is_that_of_the_textbook():
    """sqrt(2) times the imaginary (m < 0) or real part (m > 0) of the complex one, Condon-Shortley phase included."""
    d = unit(50, 3)
    x, y, z = d.T.numpy()
    phi = np.arctan2(y, x)
    columns = []
    for band in range(4):
        for m in range(-band, band + 1):
            k = abs(m)
            norm = math.sqrt((2 * band + 1) / (4 * math.pi) * math.factorial(band - k) / math.factorial(band + k))
            wave = 1 if m == 0 else math.sqrt(2) * (np.sin(k * phi) if m < 0 else np.cos(k * phi))
            columns.append(norm * lpmv(k, band, z) * wave)
    torch.testing.assert_close(sh.basis(3, d), torch.from_numpy(np.stack(columns, axis=1)), atol=1e-9, rtol=0)
    assert torch.equal(sh.basis(1, d), sh.basis(3, d)[:, :4])


def test_colours_and_constant_coefficients():
    rgb = torch.rand(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(sh.dc_to_rgb(sh.rgb_to_dc(rgb)), rgb)
    seen = 0.5 + sh.evaluate(sh.rgb_to_dc(rgb)[:, None], unit(5, 3))
    torch.testing.assert_close(seen, rgb)


@pytest.mark.parametrize("reflects", [False, True])
@pytest.mark.parametrize("degree", range(4))
def test_what_was_seen_along_d_is_seen_along_R_d(degree, reflects):
    coefficients = normal(20, (degree + 1) ** 2, 3)
    for seed in range(5):
        R = orthogonal(seed, reflects=reflects)
        d = unit(20, 3, seed=seed)
        turned = sh.rotate(coefficients, R)
        torch.testing.assert_close(sh.evaluate(turned, d @ R.T), sh.evaluate(coefficients, d), **TIGHT)


@pytest.mark.parametrize("degree", range(4))
def test_turning_is_a_homomorphism_into_orthogonal_matrices(degree):
    P, R = orthogonal(1, reflects=False), orthogonal(2, reflects=True)
    D_P, D_R = sh.rotation_matrix(degree, P), sh.rotation_matrix(degree, R)
    identity = torch.eye((degree + 1) ** 2).double()
    torch.testing.assert_close(sh.rotation_matrix(degree, P @ R), D_P @ D_R, **TIGHT)
    torch.testing.assert_close(sh.rotation_matrix(degree, P.T), D_P.T, **TIGHT)
    torch.testing.assert_close(D_P @ D_P.T, identity, **TIGHT)
    torch.testing.assert_close(sh.rotation_matrix(degree, torch.eye(3)), identity, **TIGHT)


def test_bands_do_not_mix():
    D = sh.rotation_matrix(3, orthogonal(0, reflects=False))
    band = torch.tensor([0, 1, 1, 1, *[2] * 5, *[3] * 7])
    assert not D[band[:, None] != band[None, :]].any()
    assert D[0, 0] == pytest.approx(1, abs=1e-15)


def test_turning_float32_coefficients_stays_in_float32():
    coefficients = normal(7, 16, 3).float()
    turned = sh.rotate(coefficients, orthogonal(0, reflects=False))
    assert turned.dtype == torch.float32
    exact = sh.rotate(coefficients.double(), orthogonal(0, reflects=False))
    torch.testing.assert_close(turned.double(), exact, atol=1e-5, rtol=0)
    assert sh.rotate(coefficients[:0], torch.eye(3)).shape == (0, 16, 3)
