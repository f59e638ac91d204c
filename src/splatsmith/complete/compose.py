"""The scene with objects completed: what is left of it, and the objects in their new form.

rest        Gaussians of no completed object: their bytes and their order stay
leftovers   of those, the ones without a label that lie in the body of a new object; they go
objects     follow the rest, in the order of their labels
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from splatsmith.complete.interior import interior_of, leftovers
from splatsmith.complete.provenance import OBSERVED, PROVENANCE
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat, select
from splatsmith.scenes.label_maps import Legend

LABEL = "label"


@dataclass(frozen=True, eq=False)
class Composed:
    """A scene with completed objects."""

    gaussians: Gaussians
    """With the columns `label` and `provenance`."""
    leftovers: dict[int, int]
    """Leftovers in the body of each new object, by its label."""


def composed(scene: Gaussians, legend: Legend, objects: Mapping[int, Gaussians], up: np.ndarray) -> Composed:
    """The scene with the Gaussians of each label in `objects`, those of its parts included, replaced by the given ones.

    scene: with the column `label`. objects: with the column `provenance`. Further columns of the scene are zero in new
    rows; those of the objects are left behind. up: (3,) unit vector of the world. The order of `objects` is of no
    consequence.
    """
    scene = _with_provenance(scene)
    labels = scene.extra[LABEL].long()
    gone, found = torch.zeros(len(scene), dtype=torch.bool), {}
    for id in sorted(objects):
        gone |= torch.isin(labels, torch.tensor(legend.family(id)))
        inside = leftovers(scene, interior_of(objects[id], up)) & (labels == 0)
        found[id] = int(inside.sum())
        gone |= inside
    rest = select(scene, ~gone)
    return Composed(concat([rest, *(_labelled(objects[id], id, scene) for id in sorted(objects))]), found)


def _with_provenance(scene: Gaussians) -> Gaussians:
    """The trained scene, all of which was observed, with the column that says so."""
    observed = torch.full((len(scene),), OBSERVED, dtype=torch.uint8)
    return replace(scene, extra={**scene.extra, PROVENANCE: observed})


def _labelled(gaussians: Gaussians, id: int, like: Gaussians) -> Gaussians:
    """A new object with the columns that the scene `like` has."""
    extra = {name: _zeros(column, len(gaussians)) for name, column in like.extra.items()}
    extra[LABEL] = torch.full((len(gaussians),), id).to(like.extra[LABEL].dtype)
    extra[PROVENANCE] = gaussians.extra[PROVENANCE]
    return replace(gaussians, extra=extra)


def _zeros(column: Tensor, count: int) -> Tensor:
    return torch.zeros((count, *column.shape[1:]), dtype=column.dtype)
