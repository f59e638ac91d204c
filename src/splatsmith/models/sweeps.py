"""How a sequence is tracked: every frame once, from the nearest frame where the object was shown.

Video trackers drift the further they get from what they were shown. So of two frames where the object was shown, each
serves the half of the gap that is nearer to it, one forwards and one backwards in time.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from splatsmith.models.protocols import Frames

SHOWN, FORWARD, BACKWARD = 0, 1, -1


def directions(length: int, seeds: Collection[int]) -> np.ndarray:
    """(length,) int64. For each frame how it is reached: SHOWN, FORWARD from an earlier seed, or BACKWARD.

    The nearer seed counts, the earlier one where both are as near. `seeds`: at least one frame within the sequence.
    """
    shown = np.array(sorted(seeds))
    if len(shown) == 0 or shown[0] < 0 or shown[-1] >= length:
        raise ValueError(f"seeds {sorted(seeds)} do not lie within {length} frames")
    offsets = np.arange(length)[:, None] - shown
    since = np.where(offsets >= 0, offsets, length).min(axis=1)
    until = np.where(offsets <= 0, -offsets, length).min(axis=1)
    return np.where(since == 0, SHOWN, np.where(since <= until, FORWARD, BACKWARD))


def sweep(length: int, direction: int) -> Iterator[int]:
    """Frames in the order of a pass through the sequence."""
    yield from range(length) if direction == FORWARD else range(length - 1, -1, -1)


class Video:
    """Frames of a sequence, opened and prepared one by one: what an inference session takes for its stored frames."""

    def __init__(self, frames: Frames, prepare: Callable[[np.ndarray], Tensor]):
        self.frames, self.prepare = frames, prepare
        self.sizes: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, frame: int) -> Tensor:
        """(3, S, S): the frame as the model takes it."""
        image = self.frames[frame]
        self.sizes[frame] = image.shape[:2]
        return self.prepare(image)[0]

    def size(self, frame: int) -> tuple[int, int]:
        """Height and width of a frame."""
        if frame not in self.sizes:
            self.sizes[frame] = self.frames[frame].shape[:2]
        return self.sizes[frame]


@dataclass(frozen=True)
class Memory:
    """How far back a tracker looks, in frames: what is older is dropped, so that length costs no memory."""

    masks: int
    """Frames whose encoded masks it attends to."""
    pointers: int
    """Frames whose object pointers it attends to."""

    @classmethod
    def of(cls, config: Any) -> "Memory":
        """As a SAM 2 or SAM 3 tracker's configuration says."""
        return cls(config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1)

    def forget(self, outputs: dict[str, dict[int, dict]], frame: int) -> None:
        """Drop from a session's stored `outputs` of one object what no frame after `frame`, the latest, reads."""
        for output in outputs["cond_frame_outputs"].values():
            output.pop("high_res_masks", None)
        tracked = outputs["non_cond_frame_outputs"]
        for past in list(tracked):
            age = abs(frame - past)
            if age >= max(self.masks, self.pointers):
                del tracked[past]
                continue
            unread = ["high_res_masks", "pred_masks"]
            if age >= self.masks:
                unread += ["maskmem_features", "maskmem_pos_enc"]
            for name in unread:
                tracked[past].pop(name, None)
