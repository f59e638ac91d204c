"""GroundingDINO: boxes for text prompts (Liu et al., ECCV 2024), through transformers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import BertTokenizer, GroundingDinoForObjectDetection

from splatsmith.base.errors import InputError, Problem
from splatsmith.models import captions
from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.nms import box_iou, nms
from splatsmith.models.pictures import IMAGENET_MEAN, IMAGENET_STD, normalised, resized
from splatsmith.models.protocols import Detections

EDGES = (800, 1333)
"""The shorter edge of an image is brought to the first length, unless the longer one would exceed the second."""
DUPLICATE = 0.8
"""Boxes of one prompt that overlap more than this show the same thing."""


class GroundingDino:
    """A `Detector`."""

    def __init__(
        self, model: GroundingDinoForObjectDetection, tokenizer: BertTokenizer, edges: tuple[int, int] = EDGES
    ):
        self.model, self.tokenizer, self.edges = model, tokenizer, edges

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, *, device: str, dtype: str = "float32", edges: tuple[int, int] = EDGES
    ) -> "GroundingDino":
        """From its folder. Raises InputError where weights and model do not fit each other."""
        model = load_model(GroundingDinoForObjectDetection, checkpoint, device=device, dtype=dtype)
        return cls(model, BertTokenizer.from_pretrained(str(checkpoint.folder), local_files_only=True), edges)

    def detect(self, image: np.ndarray, prompts: Sequence[str], *, threshold: float) -> list[Detections]:
        """Boxes for each prompt: those that show no other prompt better, and score at least `threshold`.

        Prompts are read in lower case and without `.` and `?`; those that are alike get the same answer. Raises
        InputError for a prompt without words, and for one that is longer than the model reads.
        """
        phrases = [captions.phrase(prompt) for prompt in prompts]
        distinct = list(dict.fromkeys(phrases))
        limit = self.model.config.max_text_len - 2  # a caption starts and ends with a special token
        lengths = self._lengths(prompts, phrases, distinct, limit)
        pixels = self._pixels(image)
        found = {}
        for group in captions.batches(lengths, limit):
            asked = [distinct[i] for i in group]
            boxes, scores, shown = self._candidates(pixels, image.shape[:2], asked)
            for i, words in enumerate(asked):
                found[words] = boxes[shown == i], scores[shown == i]
        return [_detections(prompt, *found[words], threshold) for prompt, words in zip(prompts, phrases, strict=True)]

    def _lengths(self, prompts: Sequence[str], phrases: list[str], distinct: list[str], limit: int) -> list[int]:
        """Tokens that each distinct phrase takes in a caption, its full stop included."""
        lengths = {words: len(self.tokenizer(words, add_special_tokens=False).input_ids) + 1 for words in distinct}
        wrong = []
        for prompt, words in zip(prompts, phrases, strict=True):
            if (got := lengths[words]) == 1:
                fix = "say what is to be found, e.g. `red chair`"
                wrong.append(Problem("a text prompt has no words", repr(prompt), fix))
            elif got > limit:
                at_most = f"at most {limit} tokens"
                wrong.append(Problem("a text prompt is too long", repr(prompt), "say it shorter", at_most, str(got)))
        if wrong:
            raise InputError(*wrong)
        return [lengths[words] for words in distinct]

    def _pixels(self, image: np.ndarray) -> Tensor:
        small = resized(image, fitted(image.shape[:2], self.edges))
        return normalised(small, IMAGENET_MEAN, IMAGENET_STD).to(self.model.device, self.model.dtype)

    @torch.inference_mode()
    def _candidates(
        self, pixels: Tensor, size: tuple[int, int], phrases: list[str]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every box (Q, 4) in pixels of an image of `size`, its score (Q,), and which phrase it shows (Q,)."""
        text, spans = captions.caption(phrases)
        tokens = self.tokenizer(text, return_offsets_mapping=True, return_tensors="pt", return_token_type_ids=True)
        offsets = tokens.pop("offset_mapping")[0].tolist()
        mask = torch.ones_like(pixels[:, 0], dtype=torch.int64)
        answer = self.model(pixel_values=pixels, pixel_mask=mask, **tokens.to(self.model.device))
        scores = answer.logits[0, :, : len(offsets)].float().sigmoid().cpu().numpy()
        shown, score = captions.winners(scores.astype(np.float64), captions.members(offsets, spans))
        return corners(answer.pred_boxes[0].double().cpu().numpy(), size), score, shown


def fitted(size: tuple[int, int], edges: tuple[int, int]) -> tuple[int, int]:
    """Height and width that an image of `size` is brought to: `edges` says how far. The aspect ratio is kept."""
    short, long = min(size), max(size)
    target = edges[0] * 1.0
    if long / short * edges[0] > edges[1]:
        target = edges[1] * short / long
    if short == round(target):
        return size
    other = int(target * long / short)
    return (round(target), other) if size[0] <= size[1] else (other, round(target))


def corners(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(Q, 4) x0 y0 x1 y1 in pixels, within the image of `size` = (H, W), of centres and extents as fractions of it."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scale = np.array(size[::-1], dtype=np.float64)
    low, high = (centre - half) * scale, (centre + half) * scale
    return np.concatenate([np.clip(low, 0, scale), np.clip(high, 0, scale)], axis=1)


def _detections(prompt: str, boxes: np.ndarray, scores: np.ndarray, threshold: float) -> Detections:
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    good = scores >= threshold
    kept = nms(scores[good], box_iou(boxes[good]), DUPLICATE)
    return Detections(
        prompt,
        boxes=boxes[good][kept],
        scores=scores[good][kept],
        best_score=float(scores[0]) if len(scores) else 0.0,
        best_box=boxes[0] if len(boxes) else None,
    )
