"""The source `sam`: masks of all there is in each view by itself, by SAM or SAM 2 in everything-mode.

Nobody is asked what the masks show. Numbers are those of one view, and one thing is several masks where the model sees
its parts: association across views comes later. Where masks overlap, the smaller one is on top.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

import numpy as np

from splatsmith.models.protocols import Segment
from splatsmith.scenes.prepared import read_image
from splatsmith.segment2d.claims import without_hidden
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.model_settings import SamEverythingSettings

if TYPE_CHECKING:
    from splatsmith.models.everything import Everything

NAME = "sam"


class EverythingSegmenter(Protocol):
    """Cuts out all there is."""

    def everything(self, image: np.ndarray, settings: "Everything") -> list[Segment]:
        """Masks of everything in an image (H, W, 3) uint8, the best first."""


class SamEverything:
    """A `MaskSource` that knows no objects."""

    def __init__(self, settings: SamEverythingSettings, segmenter: EverythingSegmenter):
        self.settings, self.segmenter = settings, segmenter

    @classmethod
    def load(cls, settings: SamEverythingSettings, models_dir: Path, device: str = "auto") -> "SamEverything":
        """With the model in `models_dir`, on `device`. Raises InputError where it is missing or does not fit."""
        from splatsmith.models.checkpoints import find_checkpoints

        (checkpoint,) = find_checkpoints(settings.models, models_dir)  # before the imports, which take seconds
        from splatsmith.models.placement import placed
        from splatsmith.models.sam import Sam
        from splatsmith.models.sam2 import Sam2

        place = placed(device)
        print(f"{NAME}: {settings.model} on {place}", flush=True)
        match settings.model:
            case "sam":
                segmenter = Sam.load(checkpoint, device=place.device, dtype=place.dtype)
            case "sam2":
                segmenter = Sam2.load(checkpoint, device=place.device, dtype=place.dtype)
            case _:
                assert_never(settings.model)
        return cls(settings, segmenter)

    def find(self, request: Request) -> Found:
        """View by view, each when it is asked for."""
        return Found("unknown", self._views(request), {})

    def _views(self, request: Request) -> Iterator[tuple[str, ViewMasks]]:
        from splatsmith.models.everything import Everything

        settings = Everything(
            points_per_side=self.settings.points_per_side,
            pred_iou_thresh=self.settings.pred_iou_thresh,
            stability_score_thresh=self.settings.stability_score_thresh,
        )
        for view in request.scene.views:
            segments = self.segmenter.everything(read_image(view), settings)
            yield view.name, stacked((view.camera.height, view.camera.width), segments)


def stacked(size: tuple[int, int], segments: Sequence[Segment]) -> ViewMasks:
    """The label map of a view of `size` = (H, W): smaller masks lie on larger ones, and on equal ones the better.

    Masks that are wholly hidden are left out. The order of `segments` does not matter, unless all of two are alike.
    """
    painted = sorted(segments, key=lambda one: (-np.count_nonzero(one.mask), one.score, *one.point))
    labels = np.zeros(size, dtype=np.uint16)
    for i, one in enumerate(painted, 1):
        labels[one.mask] = i
    masks = [Mask(score=min(max(one.score, 0.0), 1.0)) for one in painted]
    return without_hidden(labels, masks, () if masks else ("nothing was cut out",))
