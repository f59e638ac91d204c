"""MatchAnything (He et al., 2025): EfficientLoFTR trained to match across kinds of pictures, by transformers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import EfficientLoFTRForKeypointMatching

from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.matching import Cutout, Matches, framed
from splatsmith.models.semidense import coarse, fine

SIDE = 640
"""Pixels along the square that an object is shown in; a multiple of 32."""
LUMA = (0.2989, 0.5870, 0.1140)
"""Of red, green and blue: the model sees grey values."""


class MatchAnything:
    """A `Matcher`. Scores are the product of both probabilities, up to 1. Reads any EfficientLoFTR."""

    def __init__(self, model: EfficientLoFTRForKeypointMatching, side: int = SIDE):
        self.model, self.side = model, side

    @classmethod
    def load(cls, checkpoint: Checkpoint, *, device: str, side: int = SIDE) -> "MatchAnything":
        """From its folder. Raises InputError where weights and model do not fit each other."""
        return cls(load_model(EfficientLoFTRForKeypointMatching, checkpoint, device=device, dtype="float32"), side)

    def match(self, pairs: Sequence[tuple[Cutout, Cutout]]) -> list[Matches]:
        """As `Matcher.match`."""
        return [self._match(a, b) for a, b in pairs]

    @torch.inference_mode()
    def _match(self, a: Cutout, b: Cutout) -> Matches:
        first, second = (framed(cutout, (self.side, self.side)) for cutout in (a, b))
        pixels = torch.stack([grey(first.pixels), grey(second.pixels)])[None].to(self.model.device)
        points_a, points_b, scores = (one.double().cpu().numpy() for one in self._points(pixels))
        return Matches(first.original(points_a), second.original(points_b), scores).of(a, b)

    def _points(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of a pair (1, 2, 1, S, S): points in both pictures (M, 2), in pixels from the corner, and scores (M,)."""
        config = self.model.config
        maps, *residual = self.model.efficientloftr(pixels).feature_maps
        cells_a, cells_b, scores = coarse(
            maps[0, 0],
            maps[0, 1],
            temperature=config.coarse_matching_temperature,
            threshold=config.coarse_matching_threshold,
            border=config.coarse_matching_border_removal,
            normalised=not config.coarse_matching_skip_softmax,
        )
        windows_a, windows_b = self.model.refinement_layer(maps / config.hidden_size**0.5, residual)
        offset_a, offset_b = fine(
            windows_a[0, cells_a],
            windows_b[0, cells_b],
            regressed=config.fine_matching_slice_dim,
            temperature=config.fine_matching_regress_temperature,
        )
        width = maps.shape[-1]
        cell = pixels.shape[-1] // width

        def point(cells: Tensor, offset: Tensor) -> Tensor:
            # a cell stands for the pixel with cell * (column, row) as its indices: so it was trained
            return torch.stack([cells % width, cells // width], dim=1) * cell + offset + 0.5

        return point(cells_a, offset_a), point(cells_b, offset_b), scores


def grey(image: np.ndarray) -> Tensor:
    """(1, H, W) float32, 0 to 1: the grey values of an image (H, W, 3) uint8."""
    return torch.from_numpy(image.astype(np.float32) @ np.array(LUMA, np.float32) / 255)[None]
