"""What SAM and SAM 2 have in common on single images: embed an image once, then decode masks for boxes and points."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatsmith.models.everything import Everything, everything
from splatsmith.models.protocols import Prompt, Segment, SoftMask


class PromptedSegmenter(ABC):
    """A `Segmenter` with everything-mode. The latest image's embedding is kept: asking again is cheap."""

    def __init__(self, model: Any):
        self.model = model
        self._latest: tuple[np.ndarray, Any] | None = None

    @abstractmethod
    def _embed(self, image: np.ndarray) -> Any:
        """What the decoder needs to know of an image (H, W, 3) uint8."""

    @abstractmethod
    def _scale(self, size: tuple[int, int]) -> tuple[float, float]:
        """By how much x and y grow on the way from an image of `size` = (H, W) into the model's."""

    @abstractmethod
    def _decode(self, embedding: Any, multimask: bool, **prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Low-resolution logits (P, M, h, w) and predicted overlaps (P, M) for P prompts."""

    @abstractmethod
    def _full_size(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, H, W) logits at the image's `size` = (H, W), of low-resolution ones (N, h, w)."""

    def segment(self, image: np.ndarray, prompts: Sequence[Prompt]) -> list[SoftMask]:
        """The best mask for each prompt of box and points, in their order.

        A single point may mean a thing, its part or a whole: of the three masks that the model then offers, the one is
        taken that it predicts the best overlap for.
        """
        if any(prompt.mask is not None for prompt in prompts):
            raise ValueError("mask prompts are for tracking")
        return [self._best(image, prompt) for prompt in prompts]

    def everything(self, image: np.ndarray, settings: Everything | None = None) -> list[Segment]:
        """Masks of everything in the image, the best first; see `everything.py`."""
        return everything(self, image, settings or Everything())

    @torch.inference_mode()
    def around_points(self, image: np.ndarray, points: np.ndarray) -> tuple[Tensor, Tensor]:
        """Three masks for each of P points (P, 2): low-resolution logits (P, 3, h, w), predicted overlaps (P, 3)."""
        labels = torch.ones(1, len(points), 1, dtype=torch.int64, device=self.model.device)
        coordinates = self._coordinates(points, image.shape[:2])[None, :, None]
        return self._decode(self._embedding(image), True, input_points=coordinates, input_labels=labels)

    @torch.inference_mode()
    def full_size(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, H, W) float32 logits at an image's `size` = (H, W), of low-resolution ones (N, h, w)."""
        return self._full_size(logits.float(), size)

    @torch.inference_mode()
    def _best(self, image: np.ndarray, prompt: Prompt) -> SoftMask:
        size = image.shape[:2]
        given = {}
        if prompt.points is not None:
            inside = np.ones(len(prompt.points)) if prompt.inside is None else np.asarray(prompt.inside)
            labels = torch.as_tensor(inside.astype(np.int64), device=self.model.device)
            given |= {"input_points": self._coordinates(prompt.points, size)[None, None]}
            given |= {"input_labels": labels[None, None]}
        if prompt.box is not None:
            given |= {"input_boxes": self._coordinates(np.reshape(prompt.box, (2, 2)), size).reshape(1, 1, 4)}
        ambiguous = prompt.box is None and len(prompt.points) == 1
        logits, overlaps = self._decode(self._embedding(image), ambiguous, **given)
        best = overlaps[0].argmax()
        full = self.full_size(logits[0, best][None], size)[0]
        return SoftMask(full.cpu().numpy(), float(overlaps[0, best].clamp(0, 1)))

    def _embedding(self, image: np.ndarray) -> Any:
        if self._latest is None or not np.array_equal(self._latest[0], image):
            self._latest = None  # the former one makes room before the next is made
            self._latest = image.copy(), self._embed(image)
        return self._latest[1]

    def _coordinates(self, points: np.ndarray, size: tuple[int, int]) -> Tensor:
        """(P, 2) in the model's pixels, of points (P, 2) in those of an image of `size`."""
        scaled = np.asarray(points, dtype=np.float64) * self._scale(size)
        return torch.as_tensor(scaled, dtype=self.model.dtype, device=self.model.device)
