"""SAM 2 on single images: masks for boxes and points (Ravi et al., 2024), through transformers."""

import numpy as np
import torch
from torch import Tensor
from transformers import Sam2Model

from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.pictures import IMAGENET_MEAN, IMAGENET_STD, enlarged, normalised, squeezed
from splatsmith.models.prompted import PromptedSegmenter


class Sam2(PromptedSegmenter):
    """A `Segmenter` with everything-mode. Reads the same checkpoint as the tracker in `sam2_video.py`."""

    @classmethod
    def load(cls, checkpoint: Checkpoint, *, device: str, dtype: str = "float32") -> "Sam2":
        """From its folder. Raises InputError where weights and model do not fit each other."""
        return cls(load_model(Sam2Model, checkpoint, device=device, dtype=dtype))

    @property
    def _side(self) -> int:
        return self.model.config.prompt_encoder_config.image_size

    @torch.inference_mode()
    def _embed(self, image: np.ndarray) -> list[Tensor]:
        """Features at three sizes. The image becomes a square, its aspect ratio is not kept."""
        pixels = normalised(squeezed(image, self._side), IMAGENET_MEAN, IMAGENET_STD)
        return self.model.get_image_embeddings(pixels.to(self.model.device, self.model.dtype))

    def _scale(self, size: tuple[int, int]) -> tuple[float, float]:
        return self._side / size[1], self._side / size[0]

    def _decode(self, embedding: list[Tensor], multimask: bool, **prompts: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.model(image_embeddings=embedding, multimask_output=multimask, **prompts)
        return answer.pred_masks[0], answer.iou_scores[0]

    def _full_size(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        return enlarged(logits, size)
