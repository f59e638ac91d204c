"""Tracks of one object that began in several views, held against what a detector finds: which to believe where.

A tracker drifts: it slips onto a neighbour, or loses the object, and is no less sure of itself. A detector knows
nothing of other views and cannot drift, but it takes one thing for another now and then. So a track is trusted as far
as detections confirm it; where they contradict every track, another one begins; and a seed that is itself the odd one
out is dropped. Frames count along the tour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splatsmith.models.nms import box_iou
from splatsmith.models.protocols import Detections, Prompt
from splatsmith.segment2d.packed import PackedMask


@dataclass(frozen=True, eq=False)
class Seed:
    """Where a track begins."""

    frame: int
    prompt: Prompt
    sureness: float
    """How sure it is that the object is there, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Track:
    """One object through the whole tour of F frames, followed from one seed."""

    seed: Seed
    masks: Sequence[PackedMask | None]
    """None where it is not seen."""
    scores: np.ndarray
    """(F,). The probability that it is seen."""


@dataclass(frozen=True, eq=False)
class Checked:
    """A track, and what detections say of it."""

    track: Track
    overlaps: np.ndarray
    """(F,). IoU of its extent with the detected box that fits best; NaN where nothing was detected."""
    least: float
    """The overlap that confirms it."""

    @property
    def frame(self) -> int:
        """Where it begins."""
        return self.track.seed.frame

    @cached_property
    def latest(self) -> np.ndarray:
        """(F,). Overlap in the latest frame with a detection on the way from the seed; NaN while there was none."""
        ahead, behind = _carried(self.overlaps[self.frame :]), _carried(self.overlaps[self.frame :: -1])
        return np.concatenate([behind[:0:-1], ahead])

    @cached_property
    def holds(self) -> np.ndarray:
        """(F,) bool. Whether the latest detection on the way confirms it; so does the seed while there was none."""
        return ~(self.latest < self.least)

    def contradicted(self, frame: int) -> bool:
        """Whether something else was detected in `frame`."""
        return bool(self.overlaps[frame] < self.least)

    def confirmed(self, frames: Sequence[int]) -> np.ndarray:
        """Of each of `frames`, whether a detection there fits."""
        return self.overlaps[list(frames)] >= self.least

    def shows(self, box: np.ndarray, frame: int) -> bool:
        """Whether it is at `box` (4,) in `frame`."""
        mask = self.track.masks[frame]
        return mask is not None and overlap(mask.extent, box) >= self.least

    def score(self, frame: int) -> float:
        """How sure it is of `frame`, 0 to 1: less by how much a detection contradicts it."""
        doubt = 1.0 if self.holds[frame] else self.latest[frame]
        return float(self.track.scores[frame] * self.track.seed.sureness * doubt)


def check(track: Track, detections: Mapping[int, Detections], least: float) -> Checked:
    """Hold a track against `detections` by frame. An overlap of at least `least` confirms it."""
    overlaps = np.full(len(track.masks), np.nan)
    for frame, found in detections.items():
        if len(found.boxes):
            mask = track.masks[frame]
            overlaps[frame] = 0.0 if mask is None else max(overlap(mask.extent, box) for box in found.boxes)
    return Checked(track, overlaps, least)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes (4,)."""
    return float(box_iou(np.stack([first, second]))[0, 1])


def first_seeds(detections: Mapping[int, Detections], count: int) -> list[Seed]:
    """The surest detection in each of `count` stretches of the tour that have as many detections each."""
    frames = sorted(frame for frame, found in detections.items() if len(found.boxes))
    stretches = np.array_split(np.array(frames, dtype=int), min(count, len(frames))) if frames else []
    return [_surest(stretch.tolist(), detections) for stretch in stretches]


def further_seeds(tracks: Sequence[Checked], detections: Mapping[int, Detections]) -> list[Seed]:
    """Where detections contradict all of `tracks` that are believed: the surest of each such stretch of the tour.

    No track begins where one of `tracks` began before, be it believed or not.
    """
    begun, kept = {track.frame for track in tracks}, believed(tracks)[0]
    frames = sorted(frame for frame, found in detections.items() if len(found.boxes))
    lost = [frame not in begun and not any(track.holds[frame] for track in kept) for frame in frames]
    stretches: list[list[int]] = []
    for i, frame in enumerate(frames):
        if lost[i] and i > 0 and lost[i - 1]:
            stretches[-1].append(frame)
        elif lost[i]:
            stretches.append([frame])
    return [_surest(stretch, detections) for stretch in stretches]


def believed(tracks: Sequence[Checked]) -> tuple[list[Checked], dict[int, str]]:
    """The tracks that show the object, the surest first; and of the others, by their seeds' frames, why they do not.

    A track is not believed where its seed is one of several things that fit the prompt, and a surer track shows
    another of them there. Nor where detections before and after its seed contradict it and confirm another track.
    """
    order = sorted(tracks, key=lambda one: (-one.track.seed.sureness, one.frame))
    odd = [one for one in order if any(_passes_over(other, one) for other in order)]
    kept: list[Checked] = []
    doubted = {one.frame: "what is detected here fits nothing before and after" for one in odd}
    for one in order:
        if one in odd and len(odd) < len(order):
            continue
        if any(_is_another(one, other) for other in kept):
            doubted[one.frame] = "several things fit the prompt"
        else:
            kept.append(one)
    return kept, doubted


def chosen(tracks: Sequence[Checked], frame: int) -> Checked:
    """The track to take in `frame`: of those that hold there, else of all, the one that began nearest."""
    return min(tracks, key=lambda one: (not one.holds[frame], abs(one.frame - frame), one.frame))


def _is_another(track: Checked, surer: Checked) -> bool:
    """Whether a detection in the seed's frame confirms `surer`, but is not the one that `track` began with."""
    box = track.track.seed.prompt.box
    return bool(surer.confirmed([track.frame])[0]) and box is not None and not surer.shows(box, track.frame)


def _passes_over(other: Checked, track: Checked) -> bool:
    """Whether the detections next to the seed of `track`, on both sides, confirm `other` and contradict `track`."""
    (known,) = np.nonzero(~np.isnan(track.overlaps))
    before, after = known[known < track.frame], known[known > track.frame]
    if len(before) == 0 or len(after) == 0:
        return False
    around = (int(before[-1]), int(after[0]))
    return bool(other.confirmed(around).all() and not track.confirmed(around).any())


def _surest(frames: Sequence[int], detections: Mapping[int, Detections]) -> Seed:
    best = max(frames, key=lambda frame: detections[frame].scores[0])  # the first of equal ones
    found = detections[best]
    return Seed(best, Prompt(box=found.boxes[0]), float(found.scores[0]))


def _carried(values: np.ndarray) -> np.ndarray:
    """Each value that is NaN replaced by the latest one before it, if there is any."""
    latest = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return values[latest]
