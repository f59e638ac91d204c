"""What labels are made of: a channel for every class, or a colour for every class as the paper has it.

Colours share channels. Blended, red and green are yellow: another class, or as near to black as to either. With a
channel of its own, a mixture of two classes is nothing but that, and there is no end to the classes.
"""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from splatsmith.segment3d.config import Coding

COLORS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1))
"""Of classes 1 to 6, RGB. RoMaP, code; any further class has a random colour, the rest is black."""
NEAR = 0.1
"""Mean difference of channels from a colour at which its likelihood has fallen to 1/e."""
TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Codebook:
    """The codewords of all classes, and how labels are read."""

    kind: Coding
    words: Tensor
    """(C, D) float32. e."""

    @classmethod
    def of(cls, kind: Coding, classes: int, device: torch.device) -> "Codebook":
        """For classes 0, the rest, to `classes` - 1."""
        match kind:
            case "one-hot":
                words = torch.eye(classes)
            case "paper":
                more = torch.rand(max(0, classes - 7), 3, generator=torch.Generator().manual_seed(0))
                words = torch.cat([torch.zeros(1, 3), torch.tensor(COLORS, dtype=torch.float32), more])[:classes]
            case _:
                assert_never(kind)
        return cls(kind, words.to(device))

    def read(self, labels: Tensor) -> Tensor:
        """(..., C). The distribution over classes that labels (..., D) stand for; zeros where a label says nothing."""
        match self.kind:
            case "one-hot":
                shares = labels.clamp(min=0)
                return shares / shares.sum(dim=-1, keepdim=True).clamp(min=TINY)
            case "paper":
                return (-(labels[..., None, :] - self.words).abs().mean(dim=-1) / NEAR).softmax(dim=-1)
            case _:
                assert_never(self.kind)

    def cosines(self, labels: Tensor) -> Tensor:
        """(N, C). Of the angles between labels (N, D) and codewords; 0 for black."""
        units = [torch.nn.functional.normalize(vectors, dim=-1, eps=TINY) for vectors in (labels, self.words)]
        return units[0] @ units[1].T
