"""Where masks come from: one of our sources by its name, or one that another package brings along."""

from importlib import metadata
from pathlib import Path

from splatsmith.base.errors import InputError, Problem
from splatsmith.segment2d.masks import MaskSource
from splatsmith.segment2d.settings import SourceSettings

GROUP = "splatsmith.mask_sources"
"""Entry points of other packages. Each names a class that takes no arguments and is a `MaskSource`."""
OURS = ("boxes", "provided", "grounded-sam2", "sam", "sam3")


def source_of(settings: SourceSettings, *, scene_folder: Path, models_dir: Path, device: str) -> MaskSource:
    """The configured source, its models loaded. Raises InputError where one is missing, or no source has the name.

    scene_folder: the scene as it was captured. device: where models run, "auto" to choose.
    """
    match settings.source:
        case "boxes":
            from splatsmith.segment2d.boxes import Boxes

            return Boxes()
        case "provided":
            from splatsmith.segment2d.provided import Provided

            return Provided(settings.provided, scene_folder)
        case "grounded-sam2":
            from splatsmith.segment2d.grounded_sam2 import GroundedSam2

            return GroundedSam2.load(settings.grounded_sam2, models_dir, device)
        case "sam":
            from splatsmith.segment2d.sam_everything import SamEverything

            return SamEverything.load(settings.sam, models_dir, device)
        case "sam3":
            from splatsmith.segment2d.sam3_text import Sam3Text

            return Sam3Text.load(settings.sam3, models_dir, device)
        case other:
            return _foreign(other)


def _foreign(name: str) -> MaskSource:
    found = {point.name: point for point in metadata.entry_points(group=GROUP)}
    if name not in found:
        expected = f"one of {', '.join((*OURS, *sorted(found)))}"
        fix = f"correct it, or install the package that has it (entry point {GROUP})"
        raise InputError(Problem("there is no such mask source", "config: masks.source", fix, expected, name))
    return found[name].load()()
