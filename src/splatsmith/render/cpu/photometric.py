"""Mean absolute difference and SSIM of two pictures in one pass, with gradients by the first.

SSIM (Wang et al., Image Quality Assessment, 2004) as 3DGS takes it: a Gaussian window of 11 x 11, sigma 1.5, zeros
outside the picture, each channel for itself, values in 0..1. With E the blur by the window, a the image, b the target,

    mu_a = E[a]    var_a = E[a a] - mu_a^2    cov = E[a b] - mu_a mu_b
    ssim = (2 mu_a mu_b + C1) (2 cov + C2) / ((mu_a^2 + mu_b^2 + C1) (var_a + var_b + C2))

The blur is its own transpose, so the gradient is: the derivatives by E[a], E[a a], E[a b], blurred once more.

The pictures are taken in blocks of ROWS by BLOCK numbers. A block with all that the window reaches is copied into one
array, with zeros outside the picture, at offsets known when compiling (see forward.py); each of its rows is blurred
vertically, then horizontally. So the blurred pictures never leave the processor's cache.
"""

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.numerics import ONE, TWO, ZERO
from splatsmith.render.cpu.pool import run_ranges

CHANNELS = 3
RADIUS, SIGMA = 5, 1.5
WINDOW = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
G0, G1, G2, G3, G4, G5 = (np.float32(weight) for weight in (WINDOW / WINDOW.sum())[RADIUS:])
"""Weights of the window by distance from its middle."""
C1, C2 = np.float32(0.01**2), np.float32(0.03**2)

ROWS, BLOCK = 8, 240
MARGIN = 16
"""Numbers kept on both sides of a block: at least RADIUS pixels, and a whole vector."""
LINE = BLOCK + 2 * MARGIN
PICTURE = (ROWS + 2 * RADIUS) * LINE
E_A, E_B, E_AA, E_BB, E_AB = (LINE * line for line in range(5))
D_A, D_AA, D_AB = (LINE * line for line in range(3))


def l1_ssim(image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Means over pixels and channels of |image - target| and of SSIM, two scalars, for (H, W, 3) float32 on the CPU.

    Differentiable by `image`. Raises ValueError where shapes or types do not fit, or `target` wants a gradient.
    """
    for name, tensor in (("image", image), ("target", target)):
        if tensor.ndim != 3 or tensor.shape[2] != CHANNELS or tensor.shape != image.shape or 0 in tensor.shape:
            raise ValueError(f"{name}: expected shape (H, W, 3), both alike, got {tuple(tensor.shape)}")
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
            raise ValueError(f"{name}: expected torch.float32 on cpu, got {tensor.dtype} on {tensor.device}")
    if target.requires_grad:
        raise ValueError("target: l1_ssim has no gradient by the target")
    return _L1Ssim.apply(image, target)


class _L1Ssim(torch.autograd.Function):
    @staticmethod
    def forward(ctx, image, target):
        height, width, _ = image.shape
        a, b = (tensor.detach().contiguous().numpy().reshape(height, -1) for tensor in (image, target))
        derivatives = np.empty((3, *a.shape), np.float32)
        row_sums = np.empty((height, 2))
        run_ranges(ssim_rows, height, ROWS, a, b, derivatives, row_sums)
        ctx.arrays = a, b, derivatives
        l1, ssim = row_sums.sum(axis=0) / a.size
        return image.new_tensor(l1), image.new_tensor(ssim)

    @staticmethod
    @once_differentiable
    def backward(ctx, v_l1, v_ssim):
        a, b, derivatives = ctx.arrays
        v_image = np.empty_like(a)
        factors = np.float32(v_l1.item() / a.size), np.float32(v_ssim.item() / a.size)
        run_ranges(ssim_rows_backward, len(a), ROWS, a, b, derivatives, *factors, v_image)
        return torch.from_numpy(v_image).reshape(len(a), -1, CHANNELS), None


@kernel
def ssim_rows(a, b, derivatives, row_sums, y0, y1):
    """Fill row_sums (H, 2) with sums of |a - b| and SSIM, and derivatives (3, H, W * 3) by E[a], E[a a], E[a b]."""
    pictures = np.empty(2 * PICTURE, np.float32)
    lines, out = np.empty(5 * LINE, np.float32), np.empty(3 * LINE, np.float32)
    row_sums[y0:y1] = 0.0
    for left in range(0, a.shape[1], BLOCK):
        count = min(BLOCK, a.shape[1] - left)
        _copy_block(a, y0, y1, left, pictures)
        _copy_block(b, y0, y1, left, pictures[PICTURE:])
        for y in range(y0, y1):
            _blur_moments(pictures[(y - y0) * LINE :], lines)
            inside = slice(left, left + count)
            row_sums[y, 0] += _absolute_difference(a[y, inside], b[y, inside])
            row_sums[y, 1] += _ssim(lines, count, out)
            for j in range(count):
                for k in range(3):
                    derivatives[k, y, left + j] = out[k * LINE + j]


@kernel
def ssim_rows_backward(a, b, derivatives, v_l1, v_ssim, v_image, y0, y1):
    """Fill v_image (H, W * 3) in rows y0..y1."""
    pictures = np.empty(3 * PICTURE, np.float32)
    lines = np.empty(3 * LINE, np.float32)
    for left in range(0, a.shape[1], BLOCK):
        for k in range(3):
            _copy_block(derivatives[k], y0, y1, left, pictures[k * PICTURE :])
        for y in range(y0, y1):
            _blur_derivatives(pictures[(y - y0) * LINE :], lines)
            inside = slice(left, min(left + BLOCK, a.shape[1]))
            _image_gradient(lines, a[y, inside], b[y, inside], v_l1, v_ssim, v_image[y, inside])


@inlined
def _copy_block(source, y0, y1, left, picture):
    """Rows y0 - RADIUS to y1 + RADIUS and columns left - MARGIN on, LINE of them; 0 outside the picture."""
    height, size = source.shape
    begin, end = max(left - MARGIN, 0), min(left + BLOCK + MARGIN, size)
    for row in range(y0 - RADIUS, y1 + RADIUS):
        line = picture[(row - y0 + RADIUS) * LINE :]
        if row < 0 or row >= height or end - begin < LINE:
            for j in range(LINE):
                line[j] = ZERO
        if row >= 0 and row < height:
            inside, numbers = line[begin - left + MARGIN :], source[row, begin:end]
            for j in range(end - begin):
                inside[j] = numbers[j]


@inlined
def _blur_moments(pictures, lines):
    """The vertical half of the blur of a, b, a a, b b, a b, for the row whose window begins at `pictures`."""
    for j in range(LINE):
        a, b = RADIUS * LINE + j, PICTURE + RADIUS * LINE + j
        lines[E_A + j] = _blur(pictures, a, LINE)
        lines[E_B + j] = _blur(pictures, b, LINE)
        lines[E_AA + j] = _blur_product(pictures, a, a, LINE)
        lines[E_BB + j] = _blur_product(pictures, b, b, LINE)
        lines[E_AB + j] = _blur_product(pictures, a, b, LINE)


@inlined
def _blur_derivatives(pictures, lines):
    for j in range(LINE):
        middle = RADIUS * LINE + j
        lines[D_A + j] = _blur(pictures, middle, LINE)
        lines[D_AA + j] = _blur(pictures, PICTURE + middle, LINE)
        lines[D_AB + j] = _blur(pictures, 2 * PICTURE + middle, LINE)


@inlined
def _blur(x, j, step):
    """Blur of x at j, along neighbours `step` apart."""
    return (
        G0 * x[j]
        + G1 * (x[j - step] + x[j + step])
        + G2 * (x[j - 2 * step] + x[j + 2 * step])
        + G3 * (x[j - 3 * step] + x[j + 3 * step])
        + G4 * (x[j - 4 * step] + x[j + 4 * step])
        + G5 * (x[j - 5 * step] + x[j + 5 * step])
    )


@inlined
def _blur_product(x, i, j, step):
    """Blur of the product of x around i and x around j."""
    return (
        G0 * x[i] * x[j]
        + G1 * (x[i - step] * x[j - step] + x[i + step] * x[j + step])
        + G2 * (x[i - 2 * step] * x[j - 2 * step] + x[i + 2 * step] * x[j + 2 * step])
        + G3 * (x[i - 3 * step] * x[j - 3 * step] + x[i + 3 * step] * x[j + 3 * step])
        + G4 * (x[i - 4 * step] * x[j - 4 * step] + x[i + 4 * step] * x[j + 4 * step])
        + G5 * (x[i - 5 * step] * x[j - 5 * step] + x[i + 5 * step] * x[j + 5 * step])
    )


@inlined
def _ssim(lines, count, out):
    """Sum of SSIM over a row of the block, and its derivatives by E[a], E[a a], E[a b]."""
    total = ZERO
    for j in range(count):
        middle = j + MARGIN
        mu_a, mu_b = _blur(lines, E_A + middle, CHANNELS), _blur(lines, E_B + middle, CHANNELS)
        mean_product, mean_square = TWO * mu_a * mu_b + C1, mu_a * mu_a + mu_b * mu_b + C1
        covariance = TWO * (_blur(lines, E_AB + middle, CHANNELS) - mu_a * mu_b) + C2
        squares = _blur(lines, E_AA + middle, CHANNELS) + _blur(lines, E_BB + middle, CHANNELS)
        variance = squares - mu_a * mu_a - mu_b * mu_b + C2
        inverse = ONE / (mean_square * variance)
        inverse_square, inverse_variance = variance * inverse, mean_square * inverse
        ssim = mean_product * covariance * inverse
        total += ssim
        by_aa = -ssim * inverse_variance
        by_ab = TWO * mean_product * inverse
        by_mu = TWO * (mu_b * covariance * inverse - mu_a * ssim * inverse_square)
        out[D_A + j] = by_mu - TWO * mu_a * by_aa - mu_b * by_ab
        out[D_AA + j] = by_aa
        out[D_AB + j] = by_ab
    return total


@inlined
def _absolute_difference(a, b):
    total = ZERO
    for j in range(len(a)):
        total += abs(a[j] - b[j])
    return total


@inlined
def _image_gradient(lines, a, b, v_l1, v_ssim, v_image):
    for j in range(len(a)):
        middle = j + MARGIN
        by_a, by_aa = _blur(lines, D_A + middle, CHANNELS), _blur(lines, D_AA + middle, CHANNELS)
        by_ab = _blur(lines, D_AB + middle, CHANNELS)
        value_a, value_b = a[j], b[j]
        sign = ONE if value_a > value_b else (-ONE if value_a < value_b else ZERO)
        v_image[j] = v_l1 * sign + v_ssim * (by_a + TWO * value_a * by_aa + value_b * by_ab)
