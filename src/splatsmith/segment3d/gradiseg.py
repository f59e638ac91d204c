"""GradiSeg on a trained scene: codes and classifier are fitted while the scene rests, boundaries are cut in rounds.

Source: GradiSeg, section 3; Ye et al., Gaussian Grouping, ECCV 2024, section 3.2 and its code. Their schedule from
scratch, with scene and codes in one optimisation, is in joint.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.base.progress import Progress
from splatsmith.gaussians import Gaussians
from splatsmith.segment3d import agreement, identity, igd, neighbours
from splatsmith.segment3d.agreement import Surroundings, some_rows
from splatsmith.segment3d.config import GradisegConfig
from splatsmith.segment3d.identity import Classifier
from splatsmith.segment3d.pulls import Pulls
from splatsmith.segment3d.targets import Still, Target

GUIDANCE_TARGETS = 4096
"""Gaussians that follow look-ahead neighbours in each step."""


@dataclass(frozen=True, eq=False)
class Identities:
    """The result: a scene, its boundaries cut, and what its Gaussians are."""

    gaussians: Gaussians
    codes: Tensor
    """(N, D)."""
    classifier: Classifier
    origin: Tensor
    """(N,) int64. The row of the given scene that each Gaussian is, or was cut from."""

    @property
    def probabilities(self) -> Tensor:
        """(N, C). F(e_i)."""
        return self.classifier.probabilities(self.codes)


@dataclass
class Fit:
    """A fit at a moment: all that changes from step to step."""

    gaussians: Gaussians
    still: Still
    codes: Tensor
    classifier: Classifier
    adam: torch.optim.Adam
    pulls: Pulls
    near: Tensor
    """(N, L) int64. Nearest Gaussians."""
    origin: Tensor


def fit(
    gaussians: Gaussians,
    targets: Sequence[Target],
    classes: int,
    config: GradisegConfig,
    *,
    still: Still,
    label: str = "gradiseg",
) -> Identities:
    """Fit codes and classifier to the label maps, and cut boundaries as `config` says. `still`: the scene, to draw."""
    run = _begin(gaussians, classes, config, still)
    with Progress(label, config.steps, "steps") as bar:
        for step in range(config.steps):
            if step in config.round_steps:
                _cut(run, targets, classes, config, step)
            generator = generator_of(config.seed, 1 + step, run.codes.device)
            idx = view_order(len(targets), step, config.seed)
            loss = _descend(run, targets[idx], config, step, generator)
            bar.advance(gaussians=len(run.codes), **({"loss": float(loss)} if step % 50 == 0 else {}))
    return Identities(run.gaussians, run.codes.detach(), _detached(run.classifier), run.origin)


def view_order(views: int, step: int, seed: int) -> int:
    """The view of a step: every view once an epoch, in an order drawn anew."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step // views)
    return int(torch.randperm(views, generator=generator)[step % views])


def _begin(gaussians: Gaussians, classes: int, config: GradisegConfig, still: Still) -> Fit:
    generator = generator_of(config.seed, 0, gaussians.means.device)
    codes = identity.initial_codes(len(gaussians), generator)
    classifier = identity.initial_classifier(classes, generator)
    origin = torch.arange(len(gaussians), device=gaussians.means.device)
    pulls = Pulls.none(len(gaussians), gaussians.means.device)
    return _restarted(gaussians, still, codes, classifier, pulls, origin, config)


def _restarted(
    gaussians: Gaussians,
    still: Still,
    codes: Tensor,
    classifier: Classifier,
    pulls: Pulls,
    origin: Tensor,
    config: GradisegConfig,
) -> Fit:
    """A fit from these codes on, with fresh moments."""
    codes = codes.detach().clone().requires_grad_()
    classifier = Classifier(*(t.detach().clone().requires_grad_() for t in (classifier.weight, classifier.bias)))
    groups = [
        {"params": [codes], "lr": config.code_rate},
        {"params": [classifier.weight, classifier.bias], "lr": config.classifier_rate},
    ]
    return Fit(
        gaussians=gaussians,
        still=still,
        codes=codes,
        classifier=classifier,
        adam=torch.optim.Adam(groups, eps=1e-15),
        pulls=pulls,
        near=neighbours.nearest(gaussians.means),
        origin=origin,
    )


def _descend(run: Fit, target: Target, config: GradisegConfig, step: int, generator: torch.Generator) -> Tensor:
    means = run.still.means.clone().requires_grad_(config.neighbours != "knn")
    drawn = run.still.draw(run.codes, target.camera, means=means)
    loss = identity.pixel_loss(drawn.image, run.classifier, target.classes)
    loss.backward()
    run.pulls = run.pulls.felt(run.codes.grad, means.grad, drawn.radii, target.classes.numel())
    space = _space_loss(run, config, step, generator)
    if space is not None:
        space.backward()
    for group, rate in zip(run.adam.param_groups, (config.code_rate, config.classifier_rate), strict=True):
        group["lr"] = rate * 0.1 ** (step / config.steps)
    run.adam.step()
    run.adam.zero_grad(set_to_none=True)
    return loss.detach()


def _space_loss(run: Fit, config: GradisegConfig, step: int, generator: torch.Generator) -> Tensor | None:
    """The 3D loss of this step, weighted; None where there is none."""
    kind = config.neighbours_at(step)
    guided = kind == "look-ahead"
    if not guided and step % agreement.EVERY:
        return None
    rows = some_rows(len(run.codes), GUIDANCE_TARGETS if guided else agreement.TARGETS, generator)
    around = Surroundings(run.still.means, lambda rows, k: run.near[rows, :k], run.pulls.directions)
    return agreement.loss(run.codes, run.classifier, rows, kind, around, config)


def _cut(run: Fit, targets: Sequence[Target], classes: int, config: GradisegConfig, step: int) -> None:
    """One round of sharpening boundaries. The fit goes on in the changed scene, from fresh moments."""
    changed = igd.sharpened(
        config.boundaries,
        run.gaussians,
        run.codes.detach(),
        run.still,
        targets,
        classes,
        pull=run.pulls.mean,
        most=int(config.growth * len(run.codes)),
        generator=generator_of(config.seed, -1 - step, run.codes.device),
    )
    if changed is None:
        return
    rows, codes = changed
    still, pulls, origin = run.still.moved_to(rows.gaussians), run.pulls.moved(rows), run.origin[rows.origin]
    vars(run).update(vars(_restarted(rows.gaussians, still, codes, run.classifier, pulls, origin, config)))


def generator_of(seed: int, step: int, device: torch.device) -> torch.Generator:
    """A generator of its own for each step."""
    return torch.Generator(device).manual_seed((seed * 1_000_003 + step) % 2**63)


def _detached(classifier: Classifier) -> Classifier:
    return Classifier(classifier.weight.detach(), classifier.bias.detach())
