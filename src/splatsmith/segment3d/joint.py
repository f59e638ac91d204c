"""GradiSeg from scratch: a scene and the identity codes of its Gaussians, in one optimisation.

    L = L_rec + L_2d + lambda_3d L_3d

The gradient of L_2d reaches everything that is drawn: codes, but also centres, shapes and opacities, and so where 3DGS
densification grows the scene. That of L_3d reaches codes and classifier only. In shares of the steps, 30,000 as
published: 3DGS densification to 0.4, then GradiSeg's own on the boundaries of objects to 0.5, then none; neighbours in
L_3d are the nearest to 0.5, look-ahead ones from there on.

Source: GradiSeg, section 3, eq. 5, and its supplement; Ye et al., Gaussian Grouping, ECCV 2024, and its code.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows
from splatsmith.render import rasterize
from splatsmith.render.choice import device_of
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.segment3d import agreement, identity, igd
from splatsmith.segment3d.agreement import Surroundings, some_rows
from splatsmith.segment3d.config import GradisegConfig
from splatsmith.segment3d.gradiseg import Identities, generator_of
from splatsmith.segment3d.identity import Classifier
from splatsmith.segment3d.neighbours import nearest_to
from splatsmith.segment3d.pulls import Pulls
from splatsmith.segment3d.targets import Still, Target
from splatsmith.train.config import TrainConfig
from splatsmith.train.loop import train
from splatsmith.train.resume import Checkpoint

CODES = "identity"
"""The column of the codes."""


def fit(
    scene: PreparedScene,
    targets: Mapping[str, Target],
    classes: int,
    config: GradisegConfig,
    training: TrainConfig,
    *,
    checkpoint: Checkpoint | None = None,
    label: str = "gradiseg",
) -> Identities:
    """Train the scene from its points, and with it codes and classifier on the label maps of some of its views.

    targets: by the name of the view, on the device of `training.backend`, which must be settled. training: how the
    scene is trained, as `config.training` has it. Goes on from `checkpoint`, and raises InputError, as `train` does.
    """
    device = device_of(training.backend)
    companion = JointIdentities(targets, classes, config, training, device)
    training = training.model_copy(update={"max_gaussians": _most_densified(scene, config, training)})
    gaussians, _ = train(scene, training, companion=companion, checkpoint=checkpoint, label=label)
    gaussians = gaussians.map(lambda column: column.to(device))
    codes, classifier = gaussians.extra[CODES], companion.classifier
    classifier = Classifier(classifier.weight.detach(), classifier.bias.detach())
    return Identities(replace(gaussians, extra={}), codes, classifier, companion.origin_of(gaussians))


def _most_densified(scene: PreparedScene, config: GradisegConfig, training: TrainConfig) -> int:
    """The limit of 3DGS densification: room is left for all rounds at boundaries, so that the limit of all holds."""
    pixels = sum(view.camera.width * view.camera.height for view in scene.train_views)
    growth = config.growth if config.boundaries != "none" else 0.0
    return max(1, int(training.most_gaussians(pixels, len(scene.points)) / (1 + growth) ** len(config.round_steps)))


class JointIdentities:
    """The companion (see train/companion.py) that gives the Gaussians of a training their identity codes."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        classes: int,
        config: GradisegConfig,
        training: TrainConfig,
        device: torch.device,
    ):
        self.config = config
        self.rates = {CODES: config.code_rate}
        self._targets, self._classes = targets, classes
        self._drawing = {"antialiased": training.antialiased, "backend": training.backend}
        drawn = identity.initial_classifier(classes, generator_of(config.seed, 0, device))
        self.classifier = Classifier(drawn.weight.requires_grad_(), drawn.bias.requires_grad_())
        self._adam = torch.optim.Adam(self._own.values(), lr=config.classifier_rate, eps=1e-15, fused=True)
        self._pulls = Pulls.none(0, device)
        self._origin: Tensor | None = None

    def begin(self, gaussians: Gaussians) -> dict[str, Tensor]:
        """Random codes (N, D)."""
        device = gaussians.means.device
        self._pulls = Pulls.none(len(gaussians), device)
        return {CODES: identity.initial_codes(len(gaussians), generator_of(self.config.seed, 1, device))}

    def descend(self, gaussians: Gaussians, view: str, step: int) -> Tensor | None:
        """L_2d where the view has a label map, L_3d where the step is one of its own; see Companion.descend."""
        target, v_means2d = self._targets.get(view), None
        if target is not None:
            geometry = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
            drawn = rasterize(*geometry, gaussians.extra[CODES], **vars(target.camera), **self._drawing)
            drawn.means2d.retain_grad()
            identity.pixel_loss(drawn.image, self.classifier, target.classes).backward()
            v_means2d, v_codes, v_means = drawn.means2d.grad, gaussians.extra[CODES].grad, gaussians.means.grad
            self._pulls = self._pulls.felt(v_codes, v_means, drawn.radii, target.classes.numel())
        if step % agreement.EVERY == 0:
            self._space_loss(gaussians, step).backward()
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return v_means2d

    def _space_loss(self, gaussians: Gaussians, step: int) -> Tensor:
        """The 3D loss, weighted; centres are out of the graph."""
        codes, means = gaussians.extra[CODES], gaussians.means.detach()
        rows = some_rows(len(codes), agreement.TARGETS, generator_of(self.config.seed, 2 + step, codes.device))
        around = Surroundings(means, lambda rows, k: nearest_to(means, rows, k), self._pulls.directions)
        kind = self.config.neighbours_at(step)
        return agreement.loss(codes, self.classifier, rows, kind, around, self.config)

    def refine(self, gaussians: Gaussians, step: int) -> Rows | None:
        """A round at the boundaries of objects (IGD), where the schedule has one."""
        if step not in self.config.round_steps:
            return None
        changed = igd.sharpened(
            self.config.boundaries,
            gaussians,
            gaussians.extra[CODES],
            Still.of(gaussians, **self._drawing),
            list(self._targets.values()),
            self._classes,
            pull=self._pulls.mean,
            most=int(self.config.growth * len(gaussians)),
            generator=generator_of(self.config.seed, -1 - step, gaussians.means.device),
        )
        if changed is None:
            return None
        rows, codes = changed
        if self._origin is None:
            self._origin = torch.arange(len(gaussians), device=codes.device)
        return rows._replace(gaussians=replace(rows.gaussians, extra={CODES: codes}))

    def follow(self, rows: Rows) -> None:
        """Pulls are felt anew."""
        self._pulls = self._pulls.moved(rows)
        if self._origin is not None:
            self._origin = self._origin[rows.origin]

    def origin_of(self, gaussians: Gaussians) -> Tensor:
        """(N,) int64. Before the first round at boundaries, the row that each Gaussian was, or was cut from."""
        everything = torch.arange(len(gaussians), device=gaussians.means.device)
        return everything if self._origin is None else self._origin

    def state(self) -> dict:
        """Classifier with Adam's moments, pulls and origins."""
        own = {name: {"value": p.detach(), **self._adam.state.get(p, {})} for name, p in self._own.items()}
        return {"classifier": own, "pulls": vars(self._pulls), "origin": self._origin}

    def load(self, state: dict) -> None:
        """What `state` gave."""
        for name, parameter in self._own.items():
            moments = dict(state["classifier"][name])
            with torch.no_grad():
                parameter.copy_(moments.pop("value"))
            self._adam.state[parameter] = moments
        self._pulls, self._origin = Pulls(**state["pulls"]), state["origin"]

    @property
    def _own(self) -> dict[str, Tensor]:
        return vars(self.classifier)
