"""SAM 3 on sequences: finds in every frame what a text prompt says, and follows it (Carion et al., 2025).

The model detects in each frame and matches with what it follows, so an object that drifts or is new is caught again.
Two of its steps are left to an optional library that fetches code from the network: suppressing duplicate detections,
and mending small holes. The first is done here in its place; holes are left to whoever uses the masks.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer, Sam3VideoInferenceSession, Sam3VideoModel

from splatsmith.models import sweeps
from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.nms import mask_iou, nms
from splatsmith.models.pictures import enlarged
from splatsmith.models.protocols import SURE, Frames, SoftMask, Tracked
from splatsmith.models.sam3 import Sam3, load_tokenizer, prepared, tokenized


class _Sam3Video(Sam3VideoModel):
    """The model with duplicate detections suppressed by our own means."""

    def run_detection(self, inference_session: Sam3VideoInferenceSession, vision_embeds: Tensor) -> dict[int, dict]:
        """Detections by prompt: "bbox" (N, 4), "mask" (N, h, w) logits, "scores" (N,)."""
        threshold, self.det_nms_thresh = self.det_nms_thresh, 0.0  # off, in the original
        try:
            found = super().run_detection(inference_session, vision_embeds)
        finally:
            self.det_nms_thresh = threshold
        return {prompt: _without_duplicates(one, threshold) for prompt, one in found.items()}


class Sam3Tracker:
    """A `TextTracker`."""

    def __init__(self, model: Sam3VideoModel, tokenizer: CLIPTokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.model.fill_hole_area = 0

    @classmethod
    def load(cls, checkpoint: Checkpoint, *, device: str, dtype: str = "float32") -> "Sam3Tracker":
        """From its folder. Raises InputError where weights and model do not fit each other."""
        model = load_model(_Sam3Video, checkpoint, device=device, dtype=dtype)
        return cls(model, load_tokenizer(checkpoint))

    @property
    def detector(self) -> Sam3:
        """The part that finds, for images by themselves. It shares the tracker's weights."""
        return Sam3(self.model.detector_model, self.tokenizer)

    def track(self, frames: Frames, prompts: Sequence[str]) -> Iterator[Tracked]:
        """Every instance of every prompt in every frame where it is seen, in the order of the frames.

        `name` is the prompt, `instance` counts what was found, across prompts. `score` is the probability that it is
        seen in the frame. Instances of one prompt do not overlap. Raises InputError for a prompt without words, and for
        one that is longer than the model reads.
        """
        if not prompts:
            return
        video = sweeps.Video(frames, lambda image: prepared(image, self.model.detector_model))
        session = self._session(video, prompts)
        memory = sweeps.Memory.of(self.model.tracker_model.config)
        for answer in self.model.propagate_in_video_iterator(session):
            yield from _tracked(session, answer, video.size(answer.frame_idx))
            for outputs in session.output_dict_per_obj.values():
                memory.forget(outputs, max(outputs["non_cond_frame_outputs"], default=0))

    def _session(self, video: sweeps.Video, prompts: Sequence[str]) -> Sam3VideoInferenceSession:
        device = self.model.device
        session = Sam3VideoInferenceSession(
            inference_device=device, inference_state_device=device, dtype=self.model.dtype
        )
        session.processed_frames = video
        for prompt, (ids, mask) in tokenized(self.tokenizer, prompts).items():
            position = session.add_prompt(prompt)
            session.prompt_input_ids[position] = ids.to(device)
            session.prompt_attention_masks[position] = mask.to(device)
        return session


def _without_duplicates(found: dict[str, Tensor], threshold: float) -> dict[str, Tensor]:
    """Of detections whose masks overlap by more than `threshold`, the best."""
    scores = found["scores"].float().cpu().numpy()
    kept = nms(scores, mask_iou((found["mask"] > 0).cpu().numpy()), threshold)
    kept = torch.as_tensor(np.sort(kept), device=found["mask"].device)
    return {name: values[kept] for name, values in found.items()}


def _tracked(session: Sam3VideoInferenceSession, answer: object, size: tuple[int, int]) -> Iterator[Tracked]:
    """What the model says of one frame of `size` = (H, W), without what it suppressed."""
    hidden = set(answer.suppressed_obj_ids or ()) | session.hotstart_removed_obj_ids
    ids = [i for i in sorted(answer.obj_id_to_mask) if i not in hidden]
    if not ids:
        return
    logits = enlarged(torch.cat([answer.obj_id_to_mask[i] for i in ids]), size).cpu().numpy()
    scores = np.array([answer.obj_id_to_tracker_score.get(i, 0.0) for i in ids], dtype=np.float64)
    asked = np.array([session.obj_id_to_prompt_id[i] for i in ids])
    seen = (logits > 0).any(axis=(1, 2))
    for prompt in np.unique(asked):
        rivals = np.flatnonzero(seen & (asked == prompt))
        for one, own in zip(rivals, parted(logits[rivals], scores[rivals]), strict=True):
            yield Tracked(answer.frame_idx, session.prompts[prompt], SoftMask(own, float(scores[one])), ids[one])


def parted(logits: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(N, H, W). Masks that do not overlap, of those in `logits` (N, H, W): the one with the highest of `scores` (N,)
    keeps what several claim, the first of equal ones. What is lost is surely not the object's any more."""
    claims = np.where(logits > 0, scores[:, None, None], -np.inf)
    owner = claims.argmax(axis=0)
    lost = (logits > 0) & (owner != np.arange(len(logits))[:, None, None])
    return np.where(lost, np.float32(-SURE), logits)
