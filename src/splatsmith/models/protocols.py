"""What the pipeline asks of a 2D model, in numpy, and the values that go to and fro.

Images are (H, W, 3) uint8 RGB. Coordinates are pixels from the image's left and top edge, x first; boxes are
x0 y0 x1 y1. They reach a model as its published code would hand them on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SURE = 10.0
"""Logit of a pixel that is known rather than guessed: SAM 2 takes the same for the masks that it is given."""


@dataclass(frozen=True, eq=False)
class SoftMask:
    """One object's pixels in one image, with the model's doubts."""

    logits: np.ndarray
    """(H, W) float32. Above 0 where the object is; `probability` is their sigmoid."""
    score: float
    """How good the model thinks the mask is, 0 to 1: predicted overlap, or the probability that the object is seen."""

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool. The object's pixels."""
        return self.logits > 0

    @property
    def probability(self) -> np.ndarray:
        """(H, W) float32. Of each pixel to belong to the object."""
        return 1 / (1 + np.exp(-np.clip(self.logits, -50, 50)))

    @classmethod
    def known(cls, mask: np.ndarray) -> "SoftMask":
        """A mask that is certain. `mask`: (H, W) bool."""
        return cls(np.where(mask, np.float32(SURE), np.float32(-SURE)), 1.0)


@dataclass(frozen=True, eq=False)
class Prompt:
    """Where an object is in one image: a box, points or both; or a whole mask and nothing else."""

    box: np.ndarray | None = None
    """(4,) x0 y0 x1 y1, in pixels."""
    points: np.ndarray | None = None
    """(P, 2) x y, in pixels."""
    inside: np.ndarray | None = None
    """(P,) bool. Whether each point lies on the object; all do where this is None."""
    mask: np.ndarray | None = None
    """(H, W) bool, as large as the image."""

    def __post_init__(self) -> None:
        if (self.mask is None) == (self.box is None and self.points is None):
            raise ValueError("a Prompt is a box, points or both, or else a mask")
        if self.box is not None and np.shape(self.box) != (4,):
            raise ValueError(f"Prompt.box: expected shape (4,), got {np.shape(self.box)}")
        if self.points is not None and (np.ndim(self.points) != 2 or np.shape(self.points)[1] != 2):
            raise ValueError(f"Prompt.points: expected shape (P, 2), got {np.shape(self.points)}")
        if self.inside is not None and (self.points is None or len(self.inside) != len(self.points)):
            raise ValueError("Prompt.inside: expected one value per point")
        if self.mask is not None and np.ndim(self.mask) != 2:
            raise ValueError(f"Prompt.mask: expected shape (H, W), got {np.shape(self.mask)}")


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found of one text prompt in one image, the surest first."""

    prompt: str
    """The text as it was asked for."""
    boxes: np.ndarray
    """(N, 4) float64. x0 y0 x1 y1, in pixels, within the image."""
    scores: np.ndarray
    """(N,) float64, each at least the threshold."""
    best_score: float
    """The highest score of any candidate, below the threshold too; 0 where there was no candidate."""
    best_box: np.ndarray | None
    """(4,) float64. The candidate that had it."""
    masks: tuple[SoftMask, ...] = ()
    """One for each box, from a model that gives masks."""


@dataclass(frozen=True, eq=False)
class Segment:
    """One of the masks that everything-mode finds."""

    mask: np.ndarray
    """(H, W) bool."""
    box: np.ndarray
    """(4,) int64. Of the mask: first and last column and row, x0 y0 x1 y1, in pixels."""
    score: float
    """Overlap with the truth, as the model predicts it."""
    stability: float
    """Overlap of the masks that a higher and a lower cut of the logits give."""
    point: np.ndarray
    """(2,) float64. The grid point that it was found from, x y in pixels."""


@dataclass(frozen=True, eq=False)
class Tracked:
    """One object in one frame of a sequence."""

    frame: int
    """Position in the sequence, from 0."""
    name: str
    """The object's name, or the text prompt that found it."""
    mask: SoftMask
    instance: int = 0
    """Which of the objects that one text prompt found."""


class Frames(Protocol):
    """Images in order, each opened when it is asked for."""

    def __len__(self) -> int:
        """Number of frames."""

    def __getitem__(self, frame: int, /) -> np.ndarray:
        """(H, W, 3) uint8. Sizes may differ from frame to frame."""


class Detector(Protocol):
    """Finds what words describe."""

    def detect(self, image: np.ndarray, prompts: Sequence[str], *, threshold: float) -> list[Detections]:
        """One answer per prompt, in their order. Raises InputError for a prompt that the model cannot read."""


class Segmenter(Protocol):
    """Cuts out what a box or points show."""

    def segment(self, image: np.ndarray, prompts: Sequence[Prompt]) -> list[SoftMask]:
        """One mask per prompt, in their order. Prompts have no mask."""


class Tracker(Protocol):
    """Follows objects through a sequence from where they were shown."""

    def track(self, frames: Frames, seeds: Mapping[str, Mapping[int, Prompt]]) -> Iterator[Tracked]:
        """Every object in every frame, once. `seeds`: object's name to frame to where it is there, at least once."""


class TextTracker(Protocol):
    """Follows what words describe."""

    def track(self, frames: Frames, prompts: Sequence[str]) -> Iterator[Tracked]:
        """Everything found, frame by frame; what is not seen in a frame is left out there."""
