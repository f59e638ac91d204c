"""Where a scene folder keeps the truth that results are measured against, if it does.

    test_mask/<k>/<prompt>.png             LERF-Mask: masks of the view `k` or `test_k`, or the k-th held out, from 0
    ground_truth/object_mask/<photo>.png   label maps as large as the photos, their names in ground_truth/labels.json
    object_mask/<photo>.png                the same beside the photos, their names in labels.json
    ground_truth/surface_points.ply        points on the true surfaces: x y z object_id part_id; or in gt/

`labels.json` is {"objects": {"1": "mug"}, "parts": {"7": {"object_id": 1, "name": "handle"}}}. An `object_mask/`
without it is no truth: in Gaussian Grouping's folders it is what a tracker found.

Only names are looked at, so that a workflow may ask at its start.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splatsmith.base.errors import InputError, Problem

PROMPTS = "test_mask"
"""Folder of LERF-Mask's truth."""
FOLDERS = (PROMPTS, "ground_truth/object_mask", "object_mask")
"""Where label maps and masks are looked for, in this order."""
POINTS = ("ground_truth/surface_points.ply", "gt/surface_points.ply")
LABELS_NAME = "labels.json"
PARTS = "part_mask"
"""Name of a folder of label maps whose numbers are those of parts."""


@dataclass(frozen=True)
class TruthFiles:
    """Where the truth is."""

    kind: Literal["masks", "labels"]
    """One mask per prompt and view, or one label map per view."""
    folder: Path
    """Of the masks or label maps."""
    legend: Path | None
    """`labels.json`; None for masks, which are called by their prompts."""
    points: Path | None
    """Of the surfaces."""

    @property
    def parts(self) -> bool:
        """Whether the numbers of the label maps are those of parts."""
        return self.folder.name == PARTS

    @property
    def files(self) -> list[Path]:
        """Every file of it, sorted."""
        single = {path for path in (self.legend, self.points) if path is not None}
        return sorted({*self.folder.rglob("*.png"), *single})


def find_truth(scene: Path, folder: str | None = None) -> TruthFiles | None:
    """The truth in a scene folder, or None where there is none.

    `folder` is that of the label maps, or one called test_mask; None: the first that is there. Raises InputError where
    a named folder is not there or has no names.
    """
    points = next((scene / name for name in POINTS if (scene / name).is_file()), None)
    for name in FOLDERS if folder is None else (folder,):
        found = _truth_in(scene / name, points)
        if found is not None:
            return found
    if folder is None:
        return None
    expected = f"a folder of label maps with {LABELS_NAME} beside it, or one called {PROMPTS} with masks"
    raise InputError(Problem("there is no truth in this folder", str(scene / folder), "correct the path", expected))


def _truth_in(folder: Path, points: Path | None) -> TruthFiles | None:
    if folder.name == PROMPTS:
        return TruthFiles("masks", folder, None, points) if any(folder.glob("*/*.png")) else None
    legend = folder.parent / LABELS_NAME
    named = legend.is_file() and any(folder.rglob("*.png"))
    return TruthFiles("labels", folder, legend, points) if named else None
