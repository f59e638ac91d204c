"""Semi-dense matching of two feature maps: EfficientLoFTR's steps after its network (Wang et al., CVPR 2024, 3.3-3.4).

transformers 5.23 has them too, but its matches are not to be used: it lists the points of one picture in another order
than those of the other, and takes the first pixel of every window for the best. There are no weights here.

    C       channels of a feature map; coarse maps have one cell for every 8 x 8 pixels, fine maps one for every pixel
    k       pixels along the window of a cell
"""

import torch
from torch import Tensor
from torch.nn.functional import softmax


def coarse(
    a: Tensor, b: Tensor, *, temperature: float, threshold: float, border: int, normalised: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Cells of two coarse maps (C, h, w) that are each other's likeliest: of a (M,), of b (M,), and scores (M,).

    Cells count row by row. The score is the product of the softmax over both maps, or the similarity itself if not
    `normalised`; it is above `threshold`. Cells within `border` of the edge have no match.
    """
    channels, height, width = a.shape
    score = (a.flatten(1).T @ b.flatten(1)) / (channels * temperature)
    if normalised:
        score = softmax(score, 0) * softmax(score, 1)
    to_b, to_a = score.argmax(1), score.argmax(0)
    cells = torch.arange(height * width, device=a.device)
    best = score[cells, to_b]
    inner = _inner(height, width, border).to(a.device)
    kept = (to_a[to_b] == cells) & (best > threshold) & inner & inner[to_b]
    return cells[kept], to_b[kept], best[kept]


def _inner(height: int, width: int, border: int) -> Tensor:
    """(h w,) bool. Cells that are further than `border` from the edge."""
    inner = torch.zeros(height, width, dtype=torch.bool)
    inner[border : height - border, border : width - border] = True
    return inner.flatten()


def fine(a: Tensor, b: Tensor, *, regressed: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Where in the windows of matching cells the same point is: two tensors (M, 2), x y in pixels from the middle.

    a: features (M, k^2, C) of the windows in the first picture. b: (M, (k + 2)^2, C), windows one pixel larger all
    round. The likeliest pair of pixels is taken by all channels but the last `regressed`; these say where between the
    pixels of b the point is.
    """
    count, pixels, channels = a.shape
    k = round(pixels**0.5)
    score = a[..., :-regressed] @ b[..., :-regressed].mT / channels
    score = (softmax(score, 1) * softmax(score, 2)).reshape(count, pixels, k + 2, k + 2)
    best = score[..., 1:-1, 1:-1].flatten(1).argmax(1)  # the rim of b is not to be chosen
    in_a, in_b = best // pixels, best % pixels
    middle = (k - 1) / 2
    at_a = torch.stack([in_a % k, in_a // k], dim=1)
    at_b = torch.stack([in_b % k, in_b // k], dim=1)
    rows = torch.arange(count, device=a.device)
    heat = torch.einsum("mc,mrc->mr", a[rows, in_a, -regressed:], b[..., -regressed:]) / regressed**0.5
    around = _neighbours(heat.reshape(count, k + 2, k + 2), at_b + 1)
    return at_a - middle, at_b - middle + _expected(softmax(around / temperature, dim=1))


def _neighbours(maps: Tensor, at: Tensor) -> Tensor:
    """(M, 9). The 3 x 3 values of each map (M, h, w) around x y (M, 2), row by row."""
    steps = torch.arange(-1, 2, device=maps.device)
    rows = torch.arange(len(maps), device=maps.device)[:, None, None]
    y, x = at[:, 1, None, None] + steps[:, None], at[:, 0, None, None] + steps
    return maps[rows, y, x].reshape(-1, 9)


def _expected(heat: Tensor) -> Tensor:
    """(M, 2). Expectation of x y in -1 to 1, of probabilities (M, 9) row by row."""
    steps = torch.arange(-1.0, 2.0, device=heat.device, dtype=heat.dtype)
    grid = heat.reshape(-1, 3, 3)
    return torch.stack([(grid * steps).sum((1, 2)), (grid * steps[:, None]).sum((1, 2))], dim=1)
