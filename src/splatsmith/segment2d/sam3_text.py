"""The source `sam3`: SAM 3 finds what the prompts say and follows it, in the order of the views' poses (tour.py).

One prompt may fit several things. Those that the model follows are its instances. An object is the instance that is
seen most surely in most views; and, since the model may lose it and find it again as a new instance, also the surest
other ones that are never seen beside it. What is seen beside it is something else of the same kind: its masks are kept
without an object, and its views are flagged.

A checkpoint of the image model alone follows nothing: then every view is looked at by itself, and so are all views for
what was not found by following. In such a view the surest mask is the object, and the others are flagged.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from splatsmith.base.progress import Progress
from splatsmith.models.protocols import Detections, Detector, Frames, TextTracker
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object
from splatsmith.segment2d.claims import settled
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.model_settings import Sam3TextSettings
from splatsmith.segment2d.packed import PackedMask
from splatsmith.segment2d.prompts import not_found, require_prompts, with_hidden
from splatsmith.segment2d.tour import Pictures, tour

NAME = "sam3"


@dataclass(frozen=True, eq=False)
class Sighting:
    """One instance of one prompt in one view."""

    frame: int
    instance: int
    score: float
    mask: PackedMask


class Sam3Text:
    """A `MaskSource`. Detector and tracker are one model, the latter None where its weights are not there."""

    def __init__(self, settings: Sam3TextSettings, detector: Detector, tracker: TextTracker | None):
        self.settings, self.detector, self.tracker = settings, detector, tracker

    @classmethod
    def load(cls, settings: Sam3TextSettings, models_dir: Path, device: str = "auto") -> "Sam3Text":
        """With the model in `models_dir`, on `device`. Raises InputError where it is missing or does not fit."""
        from splatsmith.models.checkpoints import find_checkpoints

        (checkpoint,) = find_checkpoints(settings.models, models_dir)  # before the imports, which take seconds
        from splatsmith.models.placement import placed
        from splatsmith.models.sam3 import Sam3
        from splatsmith.models.sam3_video import Sam3Tracker

        place = placed(device, half=True)
        config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
        follows = config["model_type"] == "sam3_video"
        words = "" if follows else "; these weights cannot follow: every view is looked at by itself"
        print(f"{NAME}: sam3 on {place}{words}", flush=True)
        if not follows:
            return cls(settings, Sam3.load(checkpoint, device=place.device, dtype=place.dtype), None)
        tracker = Sam3Tracker.load(checkpoint, device=place.device, dtype=place.dtype)
        return cls(settings, tracker.detector, tracker)

    def find(self, request: Request) -> Found:
        """Looks and follows at once; the views are then told one by one, in the order of the tour.

        Raises InputError where there are no objects, or prompts that are alike or cannot be read.
        """
        require_prompts(request.objects, NAME)
        views = tour(request.scene.views)
        pictures = Pictures(views)
        tracked = {} if self.tracker is None else self._followed(pictures, request.objects)
        rest = [one for one in request.objects if one.name not in tracked]
        seen, looked = self._looked(pictures, rest)
        missing = {
            one.name: not_found(
                one.prompt,
                {view.name: found for view, found in zip(views, looked[one.name], strict=True)},
                len(views),
                f"sam3.threshold is {self.settings.threshold:g}",
                "lower it, or use other words",
            )
            for one in rest
            if one.name not in seen
        }
        sightings = {one.name: tracked.get(one.name) or seen.get(one.name, []) for one in request.objects}
        told = _views(views, sightings, set(tracked))
        return Found("background", with_hidden(told, request.objects, missing), missing)

    def _followed(self, pictures: Frames, objects: Sequence[Object]) -> dict[str, list[Sighting]]:
        """What is seen of each object whose prompt the tracker finds, by name. Instances are numbered across all."""
        sightings: dict[str, list[Sighting]] = defaultdict(list)
        numbers: dict[tuple[int, int], int] = {}
        step = self.settings.prompts_at_once
        parts = [objects[first : first + step] for first in range(0, len(objects), step)]
        with Progress(f"{NAME}: follow {len(objects)} objects", len(parts) * len(pictures), "views") as bar:
            for i, part in enumerate(parts):
                names, done = {one.prompt: one.name for one in part}, 0
                for one in self.tracker.track(pictures, list(names)):
                    instance = numbers.setdefault((i, one.instance), len(numbers))
                    if (mask := PackedMask.of(one.mask)) is not None:
                        sightings[names[one.name]].append(Sighting(one.frame, instance, one.mask.score, mask))
                    bar.advance(one.frame - done, masks=sum(map(len, sightings.values())))
                    done = one.frame
                bar.advance(len(pictures) - done)
        return dict(sightings)

    def _looked(
        self, pictures: Frames, objects: Sequence[Object]
    ) -> tuple[dict[str, list[Sighting]], dict[str, list[Detections]]]:
        """What is seen of each object in each view by itself, where it is seen at all; and all that was detected."""
        sightings: dict[str, list[Sighting]] = defaultdict(list)
        looked: dict[str, list[Detections]] = {one.name: [] for one in objects}
        if not objects:
            return {}, {}
        number = count()
        with Progress(f"{NAME}: look for {len(objects)} objects", len(pictures), "views") as bar:
            for frame in range(len(pictures)):
                prompts = [one.prompt for one in objects]
                found = self.detector.detect(pictures[frame], prompts, threshold=self.settings.threshold)
                for one, detections in zip(objects, found, strict=True):
                    looked[one.name].append(detections)
                    for score, soft in zip(detections.scores, detections.masks, strict=True):
                        if (mask := PackedMask.of(soft)) is not None:
                            sightings[one.name].append(Sighting(frame, next(number), float(score), mask))
                bar.advance(masks=sum(map(len, sightings.values())))
        return dict(sightings), looked


def instances_of(sightings: Sequence[Sighting]) -> set[int]:
    """The instances of one prompt that are the object: those seen most surely, none beside another.

    How surely: by the scores in all views, added up; of equal ones the first counts.
    """
    sureness: dict[int, float] = defaultdict(float)
    frames: dict[int, set[int]] = defaultdict(set)
    for one in sightings:
        sureness[one.instance] += one.score
        frames[one.instance].add(one.frame)
    own: set[int] = set()
    taken: set[int] = set()
    for instance in sorted(sureness, key=lambda i: (-sureness[i], i)):
        if not taken & frames[instance]:
            own.add(instance)
            taken |= frames[instance]
    return own


def _views(
    views: Sequence[View], sightings: Mapping[str, Sequence[Sighting]], followed: set[str]
) -> Iterator[tuple[str, ViewMasks]]:
    """Every view with one mask at most of each object, and the masks of what else fits a prompt."""
    own = {name: instances_of(seen) for name, seen in sightings.items()}
    by_frame: dict[int, list[tuple[str, Sighting]]] = defaultdict(list)
    for name, seen in sightings.items():
        for one in seen:
            by_frame[one.frame].append((name, one))
    for frame, view in enumerate(views):
        claims, others = [], dict.fromkeys(sightings, 0)
        for name, one in by_frame[frame]:
            is_own, track = one.instance in own[name], one.instance if name in followed else None
            claims.append((Mask(object=name if is_own else None, score=one.score, track=track), one.mask))
            others[name] += not is_own
        flags = [f"`{name}`: {n} more fit the prompt" for name, n in others.items() if n]
        yield view.name, settled((view.camera.height, view.camera.width), claims, flags)
