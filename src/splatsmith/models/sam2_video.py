"""SAM 2 on sequences: follows objects from the frames where they were shown (Ravi et al., 2024), through transformers.

Objects do not influence each other: each has its own inference session, and all share one frame's features. A session
keeps what the next frames need and no more (`sweeps.Memory`), and frames are opened as they come, so the length of a
sequence costs time and no memory.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import Sam2VideoInferenceSession, Sam2VideoModel

from splatsmith.models import sweeps
from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.pictures import IMAGENET_MEAN, IMAGENET_STD, enlarged, normalised, squeezed
from splatsmith.models.protocols import Frames, Prompt, SoftMask, Tracked

BOX_CORNERS = (2, 3)
"""Labels of the points that stand for a box: its top left and its bottom right corner."""


class Sam2Tracker:
    """A `Tracker`."""

    def __init__(self, model: Sam2VideoModel):
        self.model = model

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, *, device: str, dtype: str = "float32", seeds_in_memory: int | None = None
    ) -> "Sam2Tracker":
        """From its folder. Raises InputError where weights and model do not fit each other.

        Every frame attends to all frames in which its object was shown; `seeds_in_memory` limits that to the nearest
        ones, for time and memory where there are many.
        """
        model = load_model(Sam2VideoModel, checkpoint, device=device, dtype=dtype)
        if seeds_in_memory is not None:
            model.config.max_cond_frame_num = seeds_in_memory
        return cls(model)

    def track(self, frames: Frames, seeds: Mapping[str, Mapping[int, Prompt]]) -> Iterator[Tracked]:
        """Every object in every frame, once: first where they were shown, then forwards, then backwards.

        `seeds`: object's name to frame to where it is there. Each frame is reached from the seed that is nearest
        to it. A mask that was given is returned as it is on its own frame. `score` is the probability that the object
        is seen in the frame. Raises ValueError for an object without seeds and for one outside the sequence.
        """
        video = sweeps.Video(frames, self._pixels)
        plan = {name: sweeps.directions(len(video), list(shown)) for name, shown in seeds.items()}
        sessions = self._sessions(video, list(seeds))
        for frame in sorted({frame for shown in seeds.values() for frame in shown}):
            for name, shown in seeds.items():
                if frame in shown:
                    yield Tracked(frame, name, self._show(sessions[name], video, frame, shown[frame]))
        for direction in (sweeps.FORWARD, sweeps.BACKWARD):
            for session in sessions.values():
                session.output_dict_per_obj[0]["non_cond_frame_outputs"].clear()  # a pass knows nothing of the other
            for frame in sweeps.sweep(len(video), direction):
                for name, session in sessions.items():
                    if plan[name][frame] == direction:
                        yield Tracked(frame, name, self._follow(session, video, frame, direction))

    @property
    def _side(self) -> int:
        return self.model.config.image_size

    def _pixels(self, image: np.ndarray) -> Tensor:
        return normalised(squeezed(image, self._side), IMAGENET_MEAN, IMAGENET_STD).to(self.model.dtype)

    def _sessions(self, video: sweeps.Video, names: list[str]) -> dict[str, Sam2VideoInferenceSession]:
        """One for each object, all with the same frames and the same features of the latest frame."""
        sessions, device = {}, self.model.device
        for name in names:
            session = Sam2VideoInferenceSession(
                inference_device=device, inference_state_device=device, dtype=self.model.dtype
            )
            session.processed_frames = video
            session.obj_id_to_idx(0)
            sessions[name] = session
        for session in sessions.values():
            session.cache = sessions[names[0]].cache
        return sessions

    def _show(self, session: Sam2VideoInferenceSession, video: sweeps.Video, frame: int, prompt: Prompt) -> SoftMask:
        """Let the object's memory start from what is known of it in `frame`; returns its mask there."""
        size = video.size(frame)
        if prompt.mask is not None:
            if prompt.mask.shape != size:
                raise ValueError(f"the mask prompt has shape {prompt.mask.shape}, frame {frame} has {size}")
            session.add_mask_inputs(0, frame, fitted_mask(prompt.mask, self._side))
        else:
            points, labels = clicks(prompt, size, self._side)
            session.add_point_inputs(0, frame, {"point_coords": points, "point_labels": labels})
        session.obj_with_new_inputs = [0]
        found = self._run(session, video, frame, sweeps.FORWARD)
        return found if prompt.mask is None else SoftMask.known(prompt.mask)

    def _follow(self, session: Sam2VideoInferenceSession, video: sweeps.Video, frame: int, direction: int) -> SoftMask:
        found = self._run(session, video, frame, direction)
        sweeps.Memory.of(self.model.config).forget(session.output_dict_per_obj[0], frame)
        return found

    @torch.inference_mode()
    def _run(self, session: Sam2VideoInferenceSession, video: sweeps.Video, frame: int, direction: int) -> SoftMask:
        answer = self.model(session, frame_idx=frame, reverse=direction == sweeps.BACKWARD)
        logits = enlarged(answer.pred_masks[0], video.size(frame))[0]
        return SoftMask(logits.cpu().numpy(), float(answer.object_score_logits.float().sigmoid().squeeze()))


def clicks(prompt: Prompt, size: tuple[int, int], side: int) -> tuple[Tensor, Tensor]:
    """Box and points of `prompt` in an image of `size` = (H, W) as points (1, 1, P, 2) of the model's square of `side`
    pixels, with labels (1, 1, P): 0 outside, 1 inside the object, 2 and 3 for a box's corners."""
    points, labels = [np.zeros((0, 2))], [np.zeros(0)]
    if prompt.box is not None:
        points.append(np.reshape(prompt.box, (2, 2)))
        labels.append(np.array(BOX_CORNERS))
    if prompt.points is not None:
        points.append(np.asarray(prompt.points))
        labels.append(np.ones(len(prompt.points)) if prompt.inside is None else np.asarray(prompt.inside))
    scaled = np.concatenate(points) * (side / size[1], side / size[0])
    return (
        torch.as_tensor(scaled, dtype=torch.float32)[None, None],
        torch.as_tensor(np.concatenate(labels).astype(np.int32))[None, None],
    )


def fitted_mask(mask: np.ndarray, side: int) -> Tensor:
    """(1, 1, side, side) float32 of zeros and ones: `mask` (H, W) bool, where it covers at least half of a pixel."""
    whole = torch.as_tensor(mask, dtype=torch.float32)[None, None]
    return (interpolate(whole, (side, side), mode="bilinear", align_corners=False, antialias=True) >= 0.5).float()
