"""The source `grounded-sam2`: GroundingDINO finds what the prompts say, SAM 2 follows it through all views.

Views are walked through in the order of their poses (tour.py). In every few of them, the key frames, the detector looks
for all prompts. An object is followed both ways from its surest detections, spread over the tour; the other detections
tell where a track has drifted (tracks.py), and there it begins anew. What is still in doubt gets a lower score and a
flag. An object with boxes or points in the description is followed from these instead, and its prompt is not read.

Pictures are opened as they are needed, and masks are kept packed, in some ten kilobytes for each track and view.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatsmith.base.progress import Progress
from splatsmith.models.protocols import Detections, Detector, Frames, Prompt, Tracker
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object
from splatsmith.segment2d import tracks
from splatsmith.segment2d.claims import settled
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.model_settings import GroundedSam2Settings
from splatsmith.segment2d.packed import PackedMask
from splatsmith.segment2d.prompts import best_candidate, not_found, require_prompts, with_hidden
from splatsmith.segment2d.tour import Pictures, tour
from splatsmith.segment2d.tracks import Checked, Seed, Track

NAME = "grounded-sam2"


@dataclass(frozen=True, eq=False)
class _Followed:
    """An object's tracks: those that are believed, and what is to be said of the others by frame."""

    name: str
    tracks: Sequence[Checked]
    doubted: Mapping[int, str]

    def chosen(self, frame: int) -> Checked | None:
        """The track that shows the object in `frame`, None where it is not seen there."""
        best = tracks.chosen(self.tracks, frame) if self.tracks else None
        return best if best is not None and best.track.masks[frame] is not None else None

    def flags(self, frame: int) -> Iterator[str]:
        """What a person should look at in `frame`."""
        if frame in self.doubted:
            yield f"`{self.name}`: {self.doubted[frame]}"
        if self.tracks and (best := tracks.chosen(self.tracks, frame)).contradicted(frame):
            got = f"{best.overlaps[frame]:.2f}"
            yield f"`{self.name}`: what was followed and what is detected here overlap by {got}"


class GroundedSam2:
    """A `MaskSource`. Every object is one mask in each view where it is seen; its tracks are numbered."""

    def __init__(self, settings: GroundedSam2Settings, detector: Detector, tracker: Tracker):
        self.settings, self.detector, self.tracker = settings, detector, tracker

    @classmethod
    def load(cls, settings: GroundedSam2Settings, models_dir: Path, device: str = "auto") -> "GroundedSam2":
        """With the models in `models_dir`, on `device`. Raises InputError where one is missing or does not fit."""
        from splatsmith.models.checkpoints import find_checkpoints

        dino, sam2 = find_checkpoints(settings.models, models_dir)  # before the imports, which take seconds
        from splatsmith.models.grounding_dino import GroundingDino
        from splatsmith.models.placement import placed
        from splatsmith.models.sam2_video import Sam2Tracker

        exact, fast = placed(device), placed(device, half=True)
        print(f"{NAME}: grounding-dino on {exact}; sam2 on {fast}", flush=True)
        detector = GroundingDino.load(dino, device=exact.device, dtype=exact.dtype)
        return cls(settings, detector, Sam2Tracker.load(sam2, device=fast.device, dtype=fast.dtype))

    def find(self, request: Request) -> Found:
        """Looks and follows at once; the views are then told one by one, in the order of the tour.

        Raises InputError where there are no objects, or prompts that are alike or cannot be read.
        """
        views = tour(request.scene.views)
        pictures = Pictures(views)
        shown = {one.name: _given(one, views) for one in request.objects}
        sought = [one for one in request.objects if not shown[one.name]]
        if sought or not request.objects:
            require_prompts(sought, NAME)
        looked = {name: {} for name in shown} | self._look(pictures, sought)
        first = {name: given or tracks.first_seeds(looked[name], self.settings.seeds) for name, given in shown.items()}
        followed = self._follow(pictures, first, looked)
        missing = {
            one.name: self._why_missing(
                one, own, {views[i].name: found for i, found in looked[one.name].items()}, views
            )
            for one, own in zip(request.objects, followed, strict=True)
            if not any(own.chosen(frame) for frame in range(len(views)))
        }
        return Found("background", with_hidden(_views(views, followed), request.objects, missing), missing)

    def _look(self, pictures: Frames, objects: Sequence[Object]) -> dict[str, dict[int, Detections]]:
        """What the detector finds of each object in the key frames, by name and frame."""
        if not objects:
            return {}
        looked: dict[str, dict[int, Detections]] = {one.name: {} for one in objects}
        keys = range(0, len(pictures), self.settings.key_every)
        with Progress(f"{NAME}: look for {len(objects)} objects", len(keys), "views") as bar:
            for frame in keys:
                prompts = [one.prompt for one in objects]
                found = self.detector.detect(pictures[frame], prompts, threshold=self.settings.box_threshold)
                for one, detections in zip(objects, found, strict=True):
                    looked[one.name][frame] = detections
                bar.advance()
        return looked

    def _follow(
        self, pictures: Frames, first: Mapping[str, Sequence[Seed]], looked: Mapping[str, Mapping[int, Detections]]
    ) -> list[_Followed]:
        """Every object from its `first` seeds, and again from where detections contradict all its tracks."""
        checked: dict[str, list[Checked]] = {name: [] for name in first}
        fresh = [(name, seed) for name, seeds in first.items() for seed in seeds]
        for _ in range(1 + self.settings.reseeds):
            for name, track in self._tracked(pictures, fresh):
                checked[name].append(tracks.check(track, looked[name], self.settings.agreement))
            fresh = [(name, seed) for name, own in checked.items() for seed in tracks.further_seeds(own, looked[name])]
        return [_Followed(name, *tracks.believed(own)) for name, own in checked.items()]

    def _tracked(self, pictures: Frames, seeds: Sequence[tuple[str, Seed]]) -> Iterator[tuple[str, Track]]:
        """A track from each seed, with its object's name; so many at once as the settings say."""
        if not seeds:
            return
        frames, step = len(pictures), self.settings.tracks_at_once
        with Progress(f"{NAME}: follow {len(seeds)} tracks", len(seeds) * frames, "masks") as bar:
            for first in range(0, len(seeds), step):
                part = {f"{name}@{seed.frame}": (name, seed) for name, seed in seeds[first : first + step]}
                masks: dict[str, list[PackedMask | None]] = {key: [None] * frames for key in part}
                scores = {key: np.zeros(frames) for key in part}
                prompts = {key: {seed.frame: seed.prompt} for key, (_, seed) in part.items()}
                for one in self.tracker.track(pictures, prompts):
                    masks[one.name][one.frame] = PackedMask.of(one.mask)
                    scores[one.name][one.frame] = one.mask.score
                    bar.advance()
                for key, (name, seed) in part.items():
                    yield name, Track(seed, masks[key], scores[key])

    def _why_missing(
        self, one: Object, followed: _Followed, looked: Mapping[str, Detections], views: Sequence[View]
    ) -> str:
        """A sentence on an object without a mask in any view. `looked`: by the names of views."""
        by_hand = f"or show it in one view: objects.{one.name}.boxes"
        if not followed.tracks:
            threshold = f"box_threshold is {self.settings.box_threshold:g}"
            fixes = f"lower it, use other words, look in more views (key_every), {by_hand}"
            return not_found(one.prompt, looked, len(views), threshold, fixes)
        if not looked:
            return f"`{one.name}`: nothing could be cut out at its box or points; show it in other views"
        return f"`{one.prompt}`: nothing could be cut out where it was detected ({best_candidate(looked)}); {by_hand}"


def _views(views: Sequence[View], followed: Sequence[_Followed]) -> Iterator[tuple[str, ViewMasks]]:
    """Every view with one mask at most of each object."""
    begun = [(one.name, track.frame) for one in followed for track in one.tracks]
    for frame, view in enumerate(views):
        claims, flags = [], []
        for one in followed:
            flags += one.flags(frame)
            if (best := one.chosen(frame)) is not None:
                number = begun.index((one.name, best.frame))
                told = Mask(object=one.name, score=best.score(frame), track=number)
                claims.append((told, best.track.masks[frame]))
        yield view.name, settled((view.camera.height, view.camera.width), claims, flags)


def _given(one: Object, views: Sequence[View]) -> list[Seed]:
    """Seeds where a person showed the object, by frame."""
    frames = {view.name: frame for frame, view in enumerate(views)}
    seeds = []
    for name in sorted({*one.boxes, *one.points}, key=frames.__getitem__):
        box, points = one.boxes.get(name), one.points.get(name)
        prompt = Prompt(
            box=None if box is None else np.array(box), points=np.array(points, dtype=float) if points else None
        )
        seeds.append(Seed(frames[name], prompt, 1.0))
    return seeds
