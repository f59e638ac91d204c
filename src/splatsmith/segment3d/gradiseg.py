"""GradiSeg on a trained scene: codes and classifier are fitted while the scene rests, boundaries are cut in rounds.

Source: GradiSeg, section 3; Ye et al., Gaussian Grouping, ECCV 2024, section 3.2 and its code. Their schedule from
scratch, with scene and codes in one optimisation, is in joint.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from splatsmith.base.progress import Progress
from splatsmith.gaussians import Gaussians
from splatsmith.segment3d import identity, igd, neighbours
from splatsmith.segment3d.config import GradisegConfig
from splatsmith.segment3d.identity import Classifier
from splatsmith.segment3d.targets import Still, Target

PUBLISHED_CLASSES = 256
"""Gaussian Grouping's code divides the 3D loss by its number of classes."""
AGREEMENT_EVERY = 5
AGREEMENT_TARGETS, GUIDANCE_TARGETS = 1000, 16_384
MEMORY = 0.95
"""Of the running mean of directions."""


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
    directions: Tensor
    """(N, 3). Running mean of the unit vectors in which the identity loss would move each centre."""
    pull: Tensor
    """(N,). Sum over views of |dL/de_i|, since the last round."""
    looks: Tensor
    """(N,). Views of that sum."""
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
    rounds = {round(share * config.steps) for share in config.rounds} if config.boundaries != "none" else set()
    run = _begin(gaussians, classes, config, still)
    with Progress(label, config.steps, "steps") as bar:
        for step in range(config.steps):
            if step in rounds:
                _cut(run, targets, classes, config, step)
            generator = _generator(config.seed, 1 + step, run.codes.device)
            idx = view_order(len(targets), step, config.seed)
            loss = _descend(run, targets[idx], config, step, generator)
            bar.advance(gaussians=len(run.codes), **({"loss": float(loss)} if step % 50 == 0 else {}))
    return Identities(run.gaussians, run.codes.detach(), _detached(run.classifier), run.origin)


def view_order(views: int, step: int, seed: int) -> int:
    """The view of a step: every view once an epoch, in an order drawn anew."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step // views)
    return int(torch.randperm(views, generator=generator)[step % views])


def _begin(gaussians: Gaussians, classes: int, config: GradisegConfig, still: Still) -> Fit:
    generator = _generator(config.seed, 0, gaussians.means.device)
    codes = identity.initial_codes(len(gaussians), generator)
    classifier = identity.initial_classifier(classes, generator)
    origin = torch.arange(len(gaussians), device=gaussians.means.device)
    return _restarted(gaussians, still, codes, classifier, origin, config)


def _restarted(
    gaussians: Gaussians, still: Still, codes: Tensor, classifier: Classifier, origin: Tensor, config: GradisegConfig
) -> Fit:
    """A fit from these codes on, without memory of gradients."""
    codes = codes.detach().clone().requires_grad_()
    classifier = Classifier(*(t.detach().clone().requires_grad_() for t in (classifier.weight, classifier.bias)))
    groups = [
        {"params": [codes], "lr": config.code_rate},
        {"params": [classifier.weight, classifier.bias], "lr": config.classifier_rate},
    ]
    zeros = torch.zeros(len(codes), device=codes.device)
    return Fit(
        gaussians=gaussians,
        still=still,
        codes=codes,
        classifier=classifier,
        adam=torch.optim.Adam(groups, eps=1e-15),
        directions=torch.zeros_like(gaussians.means),
        pull=zeros,
        looks=zeros,
        near=neighbours.nearest(gaussians.means),
        origin=origin,
    )


def _descend(run: Fit, target: Target, config: GradisegConfig, step: int, generator: torch.Generator) -> Tensor:
    means = run.still.means.clone().requires_grad_(config.neighbours != "knn")
    drawn = run.still.draw(run.codes, target.camera, means=means)
    loss = identity.pixel_loss(drawn.image, run.classifier, target.classes)
    pixels = target.classes.numel()
    loss.backward()
    _observe(run, means.grad, drawn.radii, pixels)
    space = _space_loss(run, config, step, generator)
    if space is not None:
        space.backward()
    for group, rate in zip(run.adam.param_groups, (config.code_rate, config.classifier_rate), strict=True):
        group["lr"] = rate * 0.1 ** (step / config.steps)
    run.adam.step()
    run.adam.zero_grad(set_to_none=True)
    return loss.detach()


def _observe(run: Fit, v_means: Tensor | None, radii: Tensor, pixels: int) -> None:
    """Follow where the identity loss pulls each visible Gaussian, in space and in codes (per pixel of the picture)."""
    visible = (radii > 0).all(dim=1)
    run.pull = run.pull + visible * run.codes.grad.norm(dim=1) * pixels
    run.looks = run.looks + visible
    if v_means is not None:
        u = -torch.nn.functional.normalize(v_means, dim=1)
        run.directions = torch.where(visible[:, None], MEMORY * run.directions + (1 - MEMORY) * u, run.directions)


def _space_loss(run: Fit, config: GradisegConfig, step: int, generator: torch.Generator) -> Tensor | None:
    """The 3D loss of this step, weighted; None where there is none."""
    ahead = config.neighbours != "knn" and step >= config.look_ahead_from * config.steps
    if ahead and config.neighbours == "look-ahead":
        rows = _some_rows(len(run.codes), GUIDANCE_TARGETS, generator)
        found = neighbours.look_ahead(run.still.means, run.near, rows, run.directions[rows], config.k)
        return config.guidance * identity.guidance_loss(run.codes, run.classifier, rows, found)
    if step % AGREEMENT_EVERY:
        return None
    rows = _some_rows(len(run.codes), AGREEMENT_TARGETS, generator)
    if ahead:
        u = torch.nn.functional.normalize(run.directions[rows], dim=1)
        found = neighbours.literal(run.still.means, rows, u, config.k)
    else:  # as published, a Gaussian counts as the first of its own k neighbours
        found = torch.cat([rows[:, None], run.near[rows, : config.k - 1]], dim=1)
    weight = config.agreement / PUBLISHED_CLASSES
    return weight * identity.agreement_loss(run.codes, run.classifier, rows, found)


def _cut(run: Fit, targets: Sequence[Target], classes: int, config: GradisegConfig, step: int) -> None:
    """One round of sharpening boundaries. The fit goes on in the changed scene, from fresh moments."""
    most = int(config.growth * len(run.codes))
    generator = _generator(config.seed, -1 - step, run.codes.device)
    codes = run.codes.detach()
    match config.boundaries:
        case "moments":
            cut = igd.cut_along_boundaries(run.gaussians, run.still, targets, classes, most)
            rows, codes = cut.rows, igd.recoded(codes, cut)
        case "lite":
            rows = igd.split_pulled(run.gaussians, run.pull / run.looks.clamp(min=1), most, generator)
            codes = codes[rows.origin]
        case "random":
            rows = igd.split_at_random(run.gaussians, run.still, targets, classes, most, generator)
            codes = codes[rows.origin]
        case "none":
            return
        case _:
            assert_never(config.boundaries)
    fresh = _restarted(
        rows.gaussians, run.still.moved_to(rows.gaussians), codes, run.classifier, run.origin[rows.origin], config
    )
    fresh.directions = torch.where(rows.fresh[:, None], 0, run.directions[rows.origin])
    vars(run).update(vars(fresh))


def _some_rows(n: int, most: int, generator: torch.Generator) -> Tensor:
    """(M,) int64. Rows drawn at random, all of them where there are no more than `most`."""
    if n <= most:
        return torch.arange(n, device=generator.device)
    return torch.randint(n, (most,), generator=generator, device=generator.device)


def _generator(seed: int, step: int, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed((seed * 1_000_003 + step) % 2**63)


def _detached(classifier: Classifier) -> Classifier:
    return Classifier(classifier.weight.detach(), classifier.bias.detach())
