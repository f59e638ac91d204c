"""One gain and one bias for each photo and channel, for photos whose exposure or white balance varies.

    C, alpha    premultiplied colours and opacity of the object as drawn
    I           the photo
    g, b        gain and bias: the photo would show g C + b alpha where the object covers a pixel

The pair of a photo is the least-squares solution over the object's pixels, drawn towards (1, 0) by a
prior. What all photos have in common belongs to the object's colours: their mean is held at (1, 0), so a view without a
pair of its own is drawn as it is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

PRIOR = 1e-2
"""Weight of the prior, per pixel that the object covers."""


def fitted(color: Tensor, alpha: Tensor, photo: Tensor, mask: Tensor) -> Tensor:
    """(2, 3). Gain and bias per channel, given C (H, W, 3), alpha (H, W), I (H, W, 3) and the pixels that count."""
    c, a = color[mask].double(), alpha[mask].double()[:, None]  # (P, 3), (P, 1)
    target = a * photo[mask].double()
    prior = PRIOR * a.sum() + 1e-9
    cc, ca, aa = (c * c).sum(0) + prior, (c * a).sum(0), (a * a).sum() + prior
    ct, at = (c * target).sum(0) + prior, (a * target).sum(0)
    det = cc * aa - ca * ca
    return torch.stack([(aa * ct - ca * at) / det, (cc * at - ca * ct) / det]).to(color)


def gauged(pairs: Sequence[Tensor]) -> Tensor:
    """(V, 2, 3). The pairs of all photos, shifted so that their mean is a gain of 1 and a bias of 0."""
    every = torch.stack(list(pairs))
    neutral = torch.tensor([[1.0], [0.0]]).to(every)
    return every - every.mean(dim=0) + neutral


def exposed(color: Tensor, alpha: Tensor, pair: Tensor) -> Tensor:
    """(H, W, 3). The drawn object, premultiplied, as a photo with this pair (2, 3) would show it."""
    return pair[0] * color + pair[1] * alpha[..., None]
