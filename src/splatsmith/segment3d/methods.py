"""The three ways to lift label maps into a scene, with one result: what each Gaussian is, and what each pixel shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.render import Backend
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.segment3d import gradiseg, igd, joint, sparse_id
from splatsmith.segment3d.config import GradisegConfig, SparseIdConfig
from splatsmith.segment3d.gradiseg import Identities
from splatsmith.segment3d.targets import Camera, Still, Target, drawn_probabilities
from splatsmith.segment3d.votes import shares, vote_mass
from splatsmith.train.config import TrainConfig
from splatsmith.train.resume import Checkpoint

Method = Literal["votes", "sparse-id", "gradiseg"]


@dataclass(frozen=True, eq=False)
class Lifted:
    """A segmented scene."""

    gaussians: Gaussians
    """The scene that the rest speaks of; where boundaries were cut, not the one that was given."""
    origin: Tensor
    """(N,) int64. The row that each Gaussian is, or was cut from, of the scene before the first cut."""
    pi: Tensor
    """(N, C)."""
    draw: Callable[[Camera], Tensor]
    """(H, W, C) probabilities of the classes in a picture."""

    @property
    def cut(self) -> int:
        """How many Gaussians were cut."""
        return len(self.origin) - len(self.origin.unique())


Repair = Callable[[Gaussians, Tensor], Gaussians]
"""Of a scene and those of its rows (M,) that were cut, the scene as it should look: see restore.py."""


def lift(
    method: Method,
    gaussians: Gaussians,
    targets: Sequence[Target],
    classes: int,
    *,
    gradiseg_config: GradisegConfig,
    sparse_id_config: SparseIdConfig,
    backend: Backend,
    antialiased: bool = False,
    repair: Repair = lambda gaussians, rows: gaussians,
    label: str = "segment",
) -> Lifted:
    """Segment a trained scene. Gaussians and targets are on the backend's device; no result depends on threads.

    repair: called where Gaussians were cut.
    """
    still = Still.of(gaussians, backend=backend, antialiased=antialiased)
    match method:
        case "votes":
            everything = torch.arange(len(gaussians), device=gaussians.means.device)
            pi = shares(vote_mass(still, targets, classes))
            return Lifted(gaussians, everything, pi, lambda camera: drawn_probabilities(still, pi, camera))
        case "sparse-id":
            return _sparse(gaussians, still, targets, classes, sparse_id_config, repair)
        case "gradiseg":
            found = gradiseg.fit(gaussians, targets, classes, gradiseg_config, still=still, label=label)
            whole = _repaired(found.gaussians, found.origin, repair)
            return _identified(replace(found, gaussians=whole), still.moved_to(whole))
        case _:
            assert_never(method)


def lift_while_training(
    scene: PreparedScene,
    targets: Mapping[str, Target],
    classes: int,
    config: GradisegConfig,
    training: TrainConfig,
    *,
    checkpoint: Checkpoint | None = None,
    label: str = "segment",
) -> Lifted:
    """Segment by GradiSeg's own schedule, which trains the scene anew; see joint.fit."""
    found = joint.fit(scene, targets, classes, config, training, checkpoint=checkpoint, label=label)
    return _identified(found, Still.of(found.gaussians, backend=training.backend, antialiased=training.antialiased))


def _identified(found: Identities, still: Still) -> Lifted:
    """still: the scene of `found`, to draw."""

    def draw(camera: Camera) -> Tensor:
        return found.classifier.probabilities(still.draw(found.codes, camera).image)

    return Lifted(found.gaussians, found.origin, found.probabilities, draw)


def _sparse(
    gaussians: Gaussians, still: Still, targets: Sequence[Target], classes: int, config: SparseIdConfig, repair: Repair
) -> Lifted:
    origin = torch.arange(len(gaussians), device=gaussians.means.device)
    for _ in range(config.rounds):
        rows = igd.cut_along_boundaries(gaussians, still, targets, classes, int(config.growth * len(origin))).rows
        gaussians, origin, still = rows.gaussians, origin[rows.origin], still.moved_to(rows.gaussians)
    gaussians = _repaired(gaussians, origin, repair)
    still = still.moved_to(gaussians)
    pi = sparse_id.fit(still, targets, classes)
    return Lifted(gaussians, origin, pi, lambda camera: sparse_id.sharpened(drawn_probabilities(still, pi, camera)))


def _repaired(gaussians: Gaussians, origin: Tensor, repair: Repair) -> Gaussians:
    """Rows that share their origin with another are those that were cut."""
    cut = (origin.bincount()[origin] > 1).nonzero()[:, 0]
    return repair(gaussians, cut) if len(cut) else gaussians
