"""What the functions that build toys have in common: how they are asked, and small helpers.

Object frame: z up, standing on z = 0, about one unit tall. Whatever has a front faces -y, so **its own left is
+x**: the right-hand side of somebody who looks it in the face.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from splatsmith.toys.affine import Number, affine
from splatsmith.toys.materials import Material

Paint = Mapping[str, Material]
"""The look of every part, by part name."""

Vary = Callable[[str, float, float], Number]
"""vary(name, low, high): a proportion between low and high, a float or one per copy (n,)."""


def ball(radius: Number) -> Tensor:
    """A sphere of this radius about the origin."""
    return affine((radius, radius, radius))


def between(low: float, value: Number, high: float) -> Tensor:
    """(n,) or (1,) bool: low <= value < high; says which copies have a piece."""
    value = torch.as_tensor(value).reshape(-1)
    return (low <= value) & (value < high)
