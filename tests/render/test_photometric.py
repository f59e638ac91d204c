"""The fused L1 and SSIM beside a plain one in float64."""

import pytest
import torch
from torch.nn.functional import conv2d

from splatsmith.render.cpu.photometric import l1_ssim


def plain_l1_ssim(image, target):
    """As 3DGS has it: blur by an 11 x 11 window through a convolution with zero padding."""
    window = torch.exp(-0.5 * (torch.arange(-5, 6, dtype=torch.float64) / 1.5) ** 2)
    window = torch.outer(window, window) / window.sum() ** 2

    def blur(x):
        return conv2d(x.permute(2, 0, 1)[:, None], window[None, None], padding=5)[:, 0].permute(1, 2, 0)

    a, b = image, target
    mu_a, mu_b = blur(a), blur(b)
    var_a, var_b, cov = blur(a * a) - mu_a**2, blur(b * b) - mu_b**2, blur(a * b) - mu_a * mu_b
    ssim = (2 * mu_a * mu_b + 1e-4) * (2 * cov + 9e-4) / ((mu_a**2 + mu_b**2 + 1e-4) * (var_a + var_b + 9e-4))
    return (a - b).abs().mean(), ssim.mean()


def pictures(height, width, seed=0):
    draw = torch.Generator().manual_seed(seed)
    target = torch.rand(height, width, 3, generator=draw)
    return (target + 0.3 * torch.randn(height, width, 3, generator=draw)).clamp(0, 1), target


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (11, 11), (40, 53), (23, 80), (9, 241), (64, 160)])
@pytest.mark.parametrize("weights", [(0.8, -0.2), (1.0, 0.0), (0.0, 1.0), (-3.0, 0.5)])
def test_values_and_gradients_for_any_weighting(lab, height, width, weights):
    image, target = pictures(height, width)
    results = []
    for function, a, b in (
        (l1_ssim, image.clone().requires_grad_(), target),
        (plain_l1_ssim, image.double().requires_grad_(), target.double()),
    ):
        l1, ssim = function(a, b)
        (weights[0] * l1 + weights[1] * ssim).backward()
        results.append((l1.item(), ssim.item(), a.grad))
    assert results[0][:2] == pytest.approx(results[1][:2], abs=1e-6)
    assert lab.relative_error(results[0][2], results[1][2]) < 1e-5


def test_a_picture_is_wholly_similar_to_itself():
    _, target = pictures(20, 30)
    image = target.clone().requires_grad_()
    l1, ssim = l1_ssim(image, target)
    (l1 + ssim).backward()
    assert l1.item() == 0
    assert ssim.item() == pytest.approx(1, abs=1e-6)
    assert image.grad.abs().max() < 1e-5


def test_any_layout_in_memory():
    image, target = pictures(20, 30)
    wide = torch.zeros(20, 30, 4)
    wide[..., :3] = image
    assert l1_ssim(wide[..., :3], target) == l1_ssim(image, target)


def test_two_losses_before_their_gradients():
    (a, b), (c, d) = pictures(20, 30, 1), pictures(20, 30, 2)
    alone = a.clone().requires_grad_()
    l1_ssim(alone, b)[1].backward()
    first, second = a.clone().requires_grad_(), c.clone().requires_grad_()
    total = l1_ssim(first, b)[1] + l1_ssim(second, d)[1]
    total.backward()
    assert torch.equal(first.grad, alone.grad)


@pytest.mark.parametrize(
    ("image", "target", "message"),
    [
        (torch.zeros(4, 5, 4), torch.zeros(4, 5, 4), r"image: expected shape \(H, W, 3\)"),
        (torch.zeros(4, 5, 3), torch.zeros(5, 4, 3), r"target: expected shape .*, got \(5, 4, 3\)"),
        (torch.zeros(4, 0, 3), torch.zeros(4, 0, 3), "image: expected shape"),
        (torch.zeros(4, 5, 3), torch.zeros(4, 5, 3).double(), "target: expected torch.float32 on cpu"),
        (torch.zeros(4, 5, 3), torch.zeros(4, 5, 3, requires_grad=True), "no gradient by the target"),
    ],
)
def test_wrong_arguments(image, target, message):
    with pytest.raises(ValueError, match=message):
        l1_ssim(image, target)
