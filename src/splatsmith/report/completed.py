"""What a page shows of objects that were made whole: how each went, before and after, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from splatsmith.report.listed import Document, Listed


class Pair(Document):
    """A figure before and after."""

    before: float | None
    after: float | None


class ComposedObject(Document):
    """One object in `composed/metrics.json`."""

    status: str
    reason: str
    gaussians: Pair
    leftovers_removed: int
    psnr_db: Pair | None


class Composed(Document):
    """`composed/metrics.json`."""

    gaussians: Pair
    psnr_db: Pair | None
    objects: dict[str, ComposedObject]


class Look(Document):
    """How an object looks in held-out views, on average."""

    psnr_db: float
    ssim: float
    iou: float


class Looks(Document):
    """Before and after."""

    before: Look
    after: Look


class JudgedObject(Document):
    """One object in `composed_evaluation/metrics.json`."""

    masks: str
    """true, or consistent: the scene's own."""
    mean: Looks | None
    """None where no measured view shows it."""


class Judged(Document):
    """`composed_evaluation/metrics.json`."""

    reason: str
    views: str
    """held-out, or training where none is."""
    objects: dict[str, JudgedObject]


@dataclass(frozen=True, eq=False)
class Completed:
    """All that the page shows of the completion of a scene."""

    composed: Composed
    judged: Judged | None

    def looks(self, name: str) -> Looks | None:
        """Of an object."""
        judged = self.judged.objects.get(name) if self.judged else None
        return judged.mean if judged else None


def read_completed(folders: Mapping[str, Listed]) -> Completed | None:
    """Read it from the folders of results by place; None where nothing was composed. Raises InputError."""
    if "composed" not in folders:
        return None
    judged = folders.get("composed_evaluation")
    return Completed(
        composed=folders["composed"].json(Composed, "metrics.json"),
        judged=judged.json(Judged, "metrics.json") if judged else None,
    )
