"""The optimisation: labels follow the maps of one view after the other, and soft and hard ones their neighbours.

RoMaP's schedule: Adam, 600 steps of one view each, rates of 0.0125 for constant coefficients and a twentieth of that
for the others; neighbours count after a twelfth of the steps, and anchors are drawn anew as often. What differs: rates
fall to a tenth, as labels would else follow the last few views. Its L_seg is a mean over three channels, and its code
leaves the varying coefficients out of L_GALP; here channels are summed and all coefficients compared, as the paper has
it. Its lambda of 2 is then 6, at which a small part is outvoted by what surrounds it. And no Gaussian is taken away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from splatsmith.base.progress import Progress
from splatsmith.segment3d import neighbours
from splatsmith.segment3d.config import GalpConfig
from splatsmith.segment3d.galp.anchors import anchors, softness
from splatsmith.segment3d.galp.coding import Codebook
from splatsmith.segment3d.galp.field import LabelField
from splatsmith.segment3d.galp.outlook import Outlook
from splatsmith.segment3d.gradiseg import generator_of, view_order
from splatsmith.segment3d.targets import Camera, Still, Target
from splatsmith.segment3d.votes import shares, vote_mass

RATE, VARYING = 0.0125, 1 / 20
"""Adam's step size of constant coefficients, and that of the others as a share of it."""
FALL = 0.1
"""What is left of the step sizes at the end, as a share."""
REDRAWN = 1 / 12
"""Share of the steps without neighbours at first, and then between two drawings of anchors."""


@dataclass(frozen=True, eq=False)
class PartLabels:
    """The result: what each Gaussian is, and what each pixel shows. The scene is the one that was given."""

    field: LabelField
    pi: Tensor
    """(N, C). The mean label over the views that see a Gaussian, as a distribution; zeros where none does. `Scores`
    makes hard labels of it."""
    softness: Tensor
    """(N,). S."""
    still: Still

    def draw(self, camera: Camera) -> Tensor:
        """(H, W, C). Probabilities of the classes in a picture."""
        return self.field.codebook.read(self.field.drawn(self.still, camera))


def fit(
    still: Still, targets: Sequence[Target], classes: int, config: GalpConfig, *, label: str = "galp"
) -> PartLabels:
    """Fit labels to label maps or soft maps, on the device that draws. No result depends on threads.

    classes: C, the rest included.
    """
    device, cameras = still.means.device, [target.camera for target in targets]
    pi, codebook = shares(vote_mass(still, targets, classes)), Codebook.of(config.coding, classes, device)
    field = LabelField.initial(config.initial, pi, config.degree, codebook)
    field = LabelField(field.constant.requires_grad_(), field.varying.requires_grad_(), codebook)
    adam = torch.optim.Adam([{"params": [field.constant]}, {"params": [field.varying]}], eps=1e-15)
    outlook = Outlook.of(still, cameras, config.degree)
    hidden_too = config.softness == "paper"
    looked_from = Outlook.of(still, cameras, config.degree, hidden_too=True) if hidden_too else outlook
    near = neighbours.nearest(still.means, config.k) if config.agreement else None
    every, rows = max(1, round(REDRAWN * config.steps)), None
    with Progress(label, config.steps, "steps") as bar:
        for step in range(config.steps):
            if near is not None and step and step % every == 0:
                with torch.no_grad():
                    drawn_from = generator_of(config.seed, 1 + step, device)
                    rows = anchors(config.softness, field, looked_from, config.anchors, drawn_from)
            loss = segmentation_loss(field, still, targets[view_order(len(targets), step, config.seed)])
            if rows is not None and len(rows):
                loss = loss + config.agreement * galp_loss(field.coefficients, rows, near[rows])
            loss.backward()
            for group, rate in zip(adam.param_groups, (RATE, VARYING * RATE), strict=True):
                group["lr"] = rate * FALL ** (step / config.steps)
            adam.step()
            adam.zero_grad(set_to_none=True)
            bar.advance(**({"loss": float(loss.detach())} if step % 50 == 0 else {}))
    return _finished(field, outlook, looked_from, config, still)


def segmentation_loss(field: LabelField, still: Still, target: Target) -> Tensor:
    """L_seg of a view, a scalar. A pixel counts as much as is known of it."""
    classes = target.present
    told = target.one_hot(classes)
    known = told.sum(dim=-1)
    difference = known[..., None] * field.drawn(still, target.camera) - told @ field.codebook.words[classes]
    return difference.abs().sum() / known.numel()


def galp_loss(coefficients: Tensor, rows: Tensor, near: Tensor) -> Tensor:
    """L_GALP, a scalar, of coefficients (N, K, D): anchors `rows` (M,) and neighbours (M, k) pull at each other."""
    flat = coefficients.flatten(1)
    mine, theirs = F.embedding(rows, flat)[:, None], F.embedding(near, flat)  # indexing would add up in any order
    return (mine - theirs).abs().sum(dim=2).mean()


@torch.no_grad()
def _finished(
    field: LabelField, outlook: Outlook, looked_from: Outlook, config: GalpConfig, still: Still
) -> PartLabels:
    field = LabelField(field.constant.detach(), field.varying.detach(), field.codebook)
    pi = field.codebook.read(outlook.mean_label(field)) * outlook.seen[:, None]
    return PartLabels(field, pi, softness(config.softness, field, looked_from), still)
