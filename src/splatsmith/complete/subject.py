"""The object that is to be completed, as the earlier stages left it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.outcome import Unusable
from splatsmith.complete.observations import Observation, observations
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.ply import read_ply
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import LEGEND_NAME, Legend, read_legend
from splatsmith.scenes.prepared import PreparedScene, read_prepared


@dataclass(frozen=True, eq=False)
class Subject:
    """An object of a segmented scene."""

    name: str
    scene: PreparedScene
    masks: Path
    """Folder with the consistent label map of every view."""
    legend: Legend
    id: int
    gaussians: Gaussians
    """The whole scene, with the column `label`."""

    @property
    def member(self) -> torch.Tensor:
        """(N,) bool. Which of the scene's Gaussians are the object's, those of its parts included."""
        family = torch.tensor(self.legend.family(self.id), device=self.gaussians.means.device)
        return torch.isin(self.gaussians.extra["label"].long(), family)

    @property
    def observed(self) -> Gaussians:
        """The object's Gaussians, O. Raises Unusable where it has none."""
        member = self.member
        if not member.any():
            raise Unusable("no Gaussian of the scene belongs to it")
        return select(self.gaussians, member)

    @property
    def views(self) -> tuple[View, ...]:
        """The views that may be looked at: those that are not held out."""
        return self.scene.train_views or self.scene.views

    def observations(
        self, views: Sequence[View], *, backend: Literal["cpu", "gsplat"], antialiased: bool
    ) -> list[Observation]:
        """What `views` show of it, in their order. Raises Unusable, InputError."""
        drawing = {"backend": backend, "antialiased": antialiased, "label": self.name}
        return observations(views, self.masks, self.legend, self.id, self.gaussians, self.observed, **drawing)


def read_subject(scene: Path, masks: Path, objects: Path, name: str) -> Subject:
    """The object `name` of the folders of a prepared scene, of its consistent masks and of its objects.

    Raises Unusable where the segmentation knows no such object, InputError where a file is missing or damaged.
    """
    legend = read_legend(objects / LEGEND_NAME)
    if name not in legend.paths:
        raise Unusable(f"no mask shows it; the segmentation has found {', '.join(legend.paths) or 'nothing'}")
    gaussians = read_labelled(objects / "point_cloud.ply")
    return Subject(name, read_prepared(scene), masks, legend, legend.paths[name], gaussians)


def read_labelled(path: Path) -> Gaussians:
    """The scene that the stage extract_objects wrote. Raises InputError, also where it has no column `label`."""
    gaussians = read_ply(path)
    if "label" not in gaussians.extra:
        fix = "redo the stage extract_objects: ./run redo extract_objects"
        raise InputError(Problem("the PLY has no labels", str(path), fix, "a column `label`"))
    return gaussians
