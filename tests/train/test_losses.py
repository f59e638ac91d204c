"""Laws of the training loss: known values, the fused and the plain one agree, gradients are the slopes."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.render.cpu.photometric import l1_ssim
from splatsmith.train.losses import photometric_loss, psnr, ssim


def pictures(height: int, width: int, seed: int, dtype=torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(height, width, 3, generator=generator, dtype=dtype)
    return image, (image + 0.2 * torch.randn(image.shape, generator=generator, dtype=dtype)).clamp(0, 1)


def test_equal_pictures_cost_nothing():
    image, _ = pictures(20, 30, seed=0)
    assert ssim(image, image) == pytest.approx(1, abs=1e-6)
    assert photometric_loss(image, image, 0.2).item() == pytest.approx(0, abs=1e-6)


def test_psnr_of_a_known_error():
    target = torch.full((4, 5, 3), 0.5)
    assert psnr(target + 0.1, target).item() == pytest.approx(20, abs=1e-4)
    assert psnr(target + 9, target).item() == pytest.approx(-20 * math.log10(0.5), abs=1e-4), "a picture ends at 1"


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 1000))
def test_plain_ssim_is_the_fused_one(height, width, seed):
    image, target = pictures(height, width, seed)
    assert ssim(image, target).item() == pytest.approx(l1_ssim(image, target)[1].item(), abs=2e-5)


@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_fused_loss_has_the_gradient_of_the_plain_one(weight):
    image, target = pictures(23, 37, seed=3)
    fused, plain = image.clone().requires_grad_(), image.double().requires_grad_()
    photometric_loss(fused, target, weight).backward()
    y = target.double()
    ((1 - weight) * (plain - y).abs().mean() + weight * (1 - ssim(plain, y))).backward()
    torch.testing.assert_close(fused.grad.double(), plain.grad, rtol=1e-4, atol=1e-8)


def test_gradient_of_ssim_is_its_slope():
    image, target = pictures(9, 11, seed=5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: ssim(x, target), (image.requires_grad_(),), eps=1e-6, atol=1e-8)


def test_ssim_is_its_definition_spelt_out():
    """Pixel by pixel: weighted mean, variance and covariance of an 11 x 11 patch, with zeros outside the picture."""
    image, target = pictures(7, 9, seed=7, dtype=torch.float64)
    offsets = torch.arange(-5, 6, dtype=torch.float64)
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = (window[:, None] * window[None, :] / window.sum() ** 2)[..., None]
    padded = [torch.nn.functional.pad(p, (0, 0, 5, 5, 5, 5)) for p in (image, target)]
    values = []
    for row in range(7):
        for column in range(9):
            x, y = (p[row : row + 11, column : column + 11] for p in padded)
            mu_x, mu_y = (window * x).sum((0, 1)), (window * y).sum((0, 1))
            var_x, var_y = ((window * (p - mu) ** 2).sum((0, 1)) for p, mu in ((x, mu_x), (y, mu_y)))
            cov = (window * (x - mu_x) * (y - mu_y)).sum((0, 1))
            structure = (2 * cov + 0.03**2) / (var_x + var_y + 0.03**2)
            values.append(structure * (2 * mu_x * mu_y + 0.01**2) / (mu_x**2 + mu_y**2 + 0.01**2))
    torch.testing.assert_close(ssim(image, target), torch.stack(values).mean())
