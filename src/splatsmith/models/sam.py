"""SAM: masks for boxes and points, or of everything (Kirillov et al., ICCV 2023), through transformers."""

import numpy as np
import torch
from torch import Tensor
from transformers import SamModel

from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model, ready
from splatsmith.models.pictures import IMAGENET_MEAN, IMAGENET_STD, enlarged, normalised, resized
from splatsmith.models.prompted import PromptedSegmenter
from splatsmith.models.sam_official import read_official


class Sam(PromptedSegmenter):
    """A `Segmenter` with everything-mode."""

    @classmethod
    def load(cls, checkpoint: Checkpoint, *, device: str, dtype: str = "float32") -> "Sam":
        """From its folder, official `.pth` included. Raises InputError where weights and model do not fit."""
        if checkpoint.official_sam is not None:
            return cls(ready(read_official(checkpoint, dtype=dtype), device))
        return cls(load_model(SamModel, checkpoint, device=device, dtype=dtype))

    @property
    def _side(self) -> int:
        return self.model.config.vision_config.image_size

    @torch.inference_mode()
    def _embed(self, image: np.ndarray) -> Tensor:
        """(1, C, h, w) features. The longer side is brought to the model's; the rest is filled up with zeros."""
        height, width = fitted(image.shape[:2], self._side)
        pixels = torch.zeros(1, 3, self._side, self._side)
        pixels[..., :height, :width] = normalised(resized(image, (height, width)), IMAGENET_MEAN, IMAGENET_STD)
        return self.model.get_image_embeddings(pixels.to(self.model.device, self.model.dtype))

    def _scale(self, size: tuple[int, int]) -> tuple[float, float]:
        height, width = fitted(size, self._side)
        return width / size[1], height / size[0]

    def _decode(self, embedding: Tensor, multimask: bool, **prompts: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.model(image_embeddings=embedding, multimask_output=multimask, **prompts)
        return answer.pred_masks[0], answer.iou_scores[0]

    def _full_size(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = fitted(size, self._side)
        return enlarged(enlarged(logits, (self._side, self._side))[:, :height, :width], size)


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Height and width of an image of `size` whose longer side is brought to `side`."""
    scale = side / max(size)
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)
