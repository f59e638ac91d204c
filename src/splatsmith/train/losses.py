"""How far a render is from its photo: the training loss and the two figures that are reported.

Images are (H, W, 3) float tensors in [0, 1], RGB. SSIM is that of Wang et al. 2004 as 3DGS uses it: an 11 x 11 Gaussian
window of sigma 1.5, zero padding, C1 = 0.01^2, C2 = 0.03^2, averaged over pixels and channels.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2


def photometric_loss(image: Tensor, target: Tensor, ssim_weight: float) -> Tensor:
    """(1 - w) L1 + w (1 - SSIM), a scalar (Kerbl et al. 2023, eq. 7). Differentiable in `image` only."""
    if image.device.type == "cpu":
        from splatsmith.render.cpu.photometric import l1_ssim  # compiled: not worth loading where a GPU trains

        l1, similarity = l1_ssim(image, target)
    else:
        l1, similarity = (image - target).abs().mean(), ssim(image, target)
    return (1 - ssim_weight) * l1 + ssim_weight * (1 - similarity)


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Mean structural similarity, a scalar; 1 for equal images. Differentiable in `image` only."""
    x, y = (picture.movedim(-1, 0)[None] for picture in (image, target))  # (1, 3, H, W)
    with torch.no_grad():
        mu_y, yy = _blur(torch.cat([y, y * y], dim=1)).chunk(2, dim=1)
        var_y = yy - mu_y**2
    mu_x, xx, xy = _blur(torch.cat([x, x * x, x * y], dim=1)).chunk(3, dim=1)
    var_x, cov = xx - mu_x**2, xy - mu_x * mu_y
    likeness = (2 * mu_x * mu_y + C1) * (2 * cov + C2)
    return (likeness / ((mu_x**2 + mu_y**2 + C1) * (var_x + var_y + C2))).mean()


def psnr(image: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, a scalar; `image` is clamped to [0, 1] as a picture would be."""
    return -10 * torch.log10(F.mse_loss(image.clamp(0, 1), target))


def _blur(x: Tensor) -> Tensor:
    """(1, C, H, W) convolved with the Gaussian window, one axis after the other, zeros outside."""
    channels, half = x.shape[1], WINDOW // 2
    window = _window(x.dtype, x.device)
    x = F.conv2d(x, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), padding=(half, 0), groups=channels)
    return F.conv2d(x, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), padding=(0, half), groups=channels)


@cache
def _window(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(11,). The Gaussian, summing to one."""
    weights = [math.exp(-((i - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for i in range(WINDOW)]
    return torch.tensor([w / math.fsum(weights) for w in weights], dtype=dtype, device=device)
