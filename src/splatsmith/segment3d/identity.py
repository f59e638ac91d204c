"""Identity encodings: a short code per Gaussian, blended like colour, and a linear classifier that reads it.

    e_i     (D,) code of Gaussian i, D = 16
    E(p)    = sum_i w_ip e_i
    f       linear, D -> C;  F = softmax(f)
    L_2d    = mean over pixels of CE(f(E(p)), y(p)) / ln C
    L_3d    = mean over targets j and neighbours k of KL(F(e_j) || F(e_k))

Source: Ye et al., Gaussian Grouping, ECCV 2024, section 3.2; GradiSeg, section 3.1.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from splatsmith.segment3d.targets import UNKNOWN

DIMENSIONS = 16
SPREAD = 0.5 / 0.28209479177387814
"""First codes are uniform in -SPREAD to SPREAD, as Gaussian Grouping's are: random colours as SH coefficients."""
TINY = 1e-10


@dataclass(frozen=True, eq=False)
class Classifier:
    """f."""

    weight: Tensor
    """(C, D)."""
    bias: Tensor
    """(C,)."""

    def logits(self, codes: Tensor) -> Tensor:
        """(..., C) for codes (..., D)."""
        return F.linear(codes, self.weight, self.bias)

    def probabilities(self, codes: Tensor) -> Tensor:
        """(..., C). F."""
        return self.logits(codes).softmax(dim=-1)


def initial_codes(n: int, generator: torch.Generator) -> Tensor:
    """(n, D), on the generator's device."""
    return SPREAD * (2 * torch.rand(n, DIMENSIONS, generator=generator, device=generator.device) - 1)


def initial_classifier(classes: int, generator: torch.Generator) -> Classifier:
    """Uniform within 1 / sqrt(D), as torch initialises a 1x1 convolution."""
    bound = 1 / math.sqrt(DIMENSIONS)

    def uniform(*shape: int) -> Tensor:
        return bound * (2 * torch.rand(*shape, generator=generator, device=generator.device) - 1)

    return Classifier(uniform(classes, DIMENSIONS), uniform(classes))


def pixel_loss(drawn: Tensor, classifier: Classifier, classes: Tensor) -> Tensor:
    """L_2d, a scalar, for drawn codes (H, W, D) and y (H, W). Pixels with an unknown class count for nothing."""
    logits = classifier.logits(drawn)
    loss = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), ignore_index=UNKNOWN, reduction="sum")
    return loss / classes.numel() / math.log(max(2, logits.shape[-1]))


def agreement_loss(codes: Tensor, classifier: Classifier, rows: Tensor, neighbours: Tensor) -> Tensor:
    """L_3d, a scalar, as published: gradients flow into the targets `rows` (M,) and their `neighbours` (M, K)."""
    mine = classifier.probabilities(codes[rows])[:, None]
    theirs = classifier.probabilities(codes[neighbours])
    return (mine * ((mine + TINY).log() - (theirs + TINY).log())).sum(dim=-1).mean()


def guidance_loss(codes: Tensor, classifier: Classifier, rows: Tensor, neighbours: Tensor) -> Tensor:
    """L_3d with the neighbours as teachers: the targets follow them, each as much as it is sure, and not the reverse.

    A teacher's certainty is 1 - entropy / ln C. So labels spread from the sure to the unsure, and boundaries between
    sure neighbours are not blurred.
    """
    student = classifier.logits(codes[rows]).log_softmax(dim=-1)
    with torch.no_grad():
        teacher = classifier.probabilities(codes[neighbours])
        entropy = -(teacher * (teacher + TINY).log()).sum(dim=-1, keepdim=True)
        weight = (1 - entropy / math.log(max(2, teacher.shape[-1]))).clamp(min=0)
        target = (weight * teacher).mean(dim=1)
    return -(target * student).sum(dim=-1).mean()
