"""SAM 3 on single images: boxes and masks of whatever a text prompt names (Carion et al., 2025), by transformers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer, Sam3Model

from splatsmith.base.errors import InputError, Problem
from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.pictures import enlarged, normalised, squeezed
from splatsmith.models.protocols import Detections, SoftMask

MEAN = STD = (0.5, 0.5, 0.5)
TOKENS = 32
"""Tokens of every prompt, filled up to that many."""


class Sam3:
    """A `Detector` that gives masks too. Reads the same checkpoint as the tracker in `sam3_video.py`."""

    def __init__(self, model: Sam3Model, tokenizer: CLIPTokenizer):
        self.model, self.tokenizer = model, tokenizer

    @classmethod
    def load(cls, checkpoint: Checkpoint, *, device: str, dtype: str = "float32") -> "Sam3":
        """From its folder. Raises InputError where weights and model do not fit each other."""
        model = load_model(Sam3Model, checkpoint, device=device, dtype=dtype)
        return cls(model, load_tokenizer(checkpoint))

    @torch.inference_mode()
    def detect(self, image: np.ndarray, prompts: Sequence[str], *, threshold: float) -> list[Detections]:
        """All instances of each prompt that score at least `threshold`, with their masks; `mask.score` is `scores`.

        Raises InputError for a prompt without words, and for one that is longer than the model reads.
        """
        texts = tokenized(self.tokenizer, prompts)
        features = self.model.get_vision_features(prepared(image, self.model).to(self.model.device))
        answers = {}
        for prompt, (ids, mask) in texts.items():
            tokens = {"input_ids": ids.to(self.model.device), "attention_mask": mask.to(self.model.device)}
            answers[prompt] = instances(self.model(vision_embeds=features, **tokens), image.shape[:2], threshold)
        return [Detections(prompt, *answers[prompt]) for prompt in prompts]


def prepared(image: np.ndarray, model: Any) -> Tensor:
    """(1, 3, S, S) in the precision of a SAM 3 `model`: `image` (H, W, 3) uint8 as the square that it takes."""
    return normalised(squeezed(image, model.config.image_size), MEAN, STD).to(model.dtype)


def load_tokenizer(checkpoint: Checkpoint) -> CLIPTokenizer:
    """The tokenizer in a checkpoint's folder."""
    return CLIPTokenizer.from_pretrained(str(checkpoint.folder), local_files_only=True)


def tokenized(tokenizer: CLIPTokenizer, prompts: Sequence[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """Token ids and attention mask, each (1, 32), of every prompt. Raises InputError for a prompt that does not fit."""
    texts, wrong = {}, []
    for prompt in prompts:
        tokens = tokenizer(prompt, return_tensors="pt", padding="max_length", max_length=TOKENS)
        texts[prompt] = tokens.input_ids, tokens.attention_mask
        got = int(tokens.attention_mask.sum())
        if not prompt.strip():
            wrong.append(
                Problem("a text prompt has no words", repr(prompt), "say what is to be found, e.g. `red chair`")
            )
        elif got > TOKENS:
            at_most = f"at most {TOKENS - 2} tokens"
            wrong.append(Problem("a text prompt is too long", repr(prompt), "say it shorter", at_most, str(got - 2)))
    if wrong:
        raise InputError(*wrong)
    return texts


def instances(
    answer: Any, size: tuple[int, int], threshold: float
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, tuple[SoftMask, ...]]:
    """Fields of a `Detections` after its prompt, from the model's answer for an image of `size` = (H, W).

    A candidate's score is the probability that it is an instance, times that of the prompt to be in the image at all.
    """
    scores = (answer.pred_logits[0].float().sigmoid() * answer.presence_logits[0].float().sigmoid()).cpu()
    boxes = answer.pred_boxes[0].double().cpu().numpy() * (size[1], size[0], size[1], size[0])
    boxes = np.clip(boxes, 0, (size[1], size[0], size[1], size[0]))
    order = scores.argsort(descending=True, stable=True)
    good = order[scores[order] >= threshold]
    probabilities = enlarged(answer.pred_masks[0][good.to(answer.pred_masks.device)].float().sigmoid(), size)
    masks = tuple(
        SoftMask(logits, score)
        for logits, score in zip(probabilities.logit(1e-6).cpu().numpy(), scores[good].tolist(), strict=True)
    )
    best = int(order[0])
    return boxes[good.numpy()], scores[good].double().numpy(), float(scores[best]), boxes[best], masks
