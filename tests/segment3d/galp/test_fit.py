"""The optimisation: noise of maps is averaged out, geometry stays, seeds decide, losses obey their laws."""

from dataclasses import replace

import pytest
import torch

from splatsmith.segment3d.config import GalpConfig
from splatsmith.segment3d.galp.coding import Codebook
from splatsmith.segment3d.galp.field import LabelField
from splatsmith.segment3d.galp.fit import PartLabels, fit, galp_loss, segmentation_loss
from splatsmith.segment3d.galp.soft_targets import SoftTarget
from splatsmith.segment3d.targets import UNKNOWN, Target

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 3
QUICK = GalpConfig(steps=60, anchors=60, k=5)
PAPER = {"coding": "paper", "initial": "grey", "softness": "paper"}


def noisy(pair, seed: int = 0) -> list[SoftTarget]:
    """Soft maps in cells of 4 pixels; every third has its two parts swapped."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for place, target in enumerate(pair.targets):
        shares = target.one_hot(torch.arange(CLASSES)).movedim(-1, 0)
        shares = torch.nn.functional.avg_pool2d(shares, 4).movedim(0, -1)
        shares = (shares + 0.3 * torch.rand(shares.shape, generator=random)).softmax(dim=-1)
        found.append(SoftTarget.of(target.camera, shares[..., [0, 2, 1]] if place % 3 == 0 else shares))
    return found


def right(pair, drawn: torch.Tensor, target: Target) -> float:
    """Share of the pixels of parts that are told apart rightly."""
    parts = target.classes > 0
    return float((drawn[..., 1:].argmax(dim=-1) + 1 == target.classes)[parts].float().mean())


def test_noise_of_maps_is_averaged_out(pair):
    maps = noisy(pair)
    found = fit(pair.still, maps, CLASSES, QUICK)
    theirs = [right(pair, soft.one_hot(torch.arange(CLASSES)), t) for soft, t in zip(maps, pair.targets, strict=True)]
    ours = [right(pair, found.draw(target.camera), target) for target in pair.targets]
    assert sum(theirs) < 0.75 * len(theirs)
    assert min(ours) > 0.9


def test_exact_maps_are_kept_and_gaussians_know_their_parts(pair):
    found = fit(pair.still, pair.targets, CLASSES, QUICK)
    assert min(right(pair, found.draw(target.camera), target) for target in pair.targets) > 0.95
    seen = found.pi.sum(dim=1) > 0
    assert seen.sum() > 80
    assert (found.pi[seen, 1:].argmax(dim=1) + 1 == pair.truth[seen]).float().mean() > 0.97


@pytest.mark.parametrize("settings", [{}, {"degree": 0}, {"agreement": 0.0}, PAPER])
def test_results_are_distributions_and_repeat_bit_for_bit(pair, settings):
    config = GalpConfig(steps=30, anchors=60, k=5, **settings)
    one, same = (fit(pair.still, noisy(pair), CLASSES, config) for _ in range(2))
    assert torch.equal(one.field.coefficients, same.field.coefficients)
    assert torch.equal(one.pi, same.pi)
    sums = one.pi.sum(dim=1)
    assert (((sums - 1).abs() < 1e-4) | (sums == 0)).all()
    drawn = one.draw(pair.targets[0].camera)
    torch.testing.assert_close(drawn.sum(dim=-1), torch.ones(40, 40), rtol=1e-3, atol=1e-3)
    assert not any(tensor.requires_grad for tensor in (drawn, one.pi, one.softness, one.field.coefficients))


def test_the_scene_and_the_maps_are_left_as_they_are(pair):
    maps = noisy(pair)
    given = [*tensors(pair.still), *(target.shares for target in maps)]
    before = [tensor.numpy().tobytes() for tensor in given]
    found = fit(pair.still, maps, CLASSES, QUICK)
    assert [tensor.numpy().tobytes() for tensor in [*tensors(found.still), *(t.shares for t in maps)]] == before


def tensors(still) -> list[torch.Tensor]:
    return [still.means, still.quats, still.scales, still.opacities]


def test_renaming_parts_renames_labels(pair):
    order = [0, 2, 1]
    maps = noisy(pair)
    renamed = [SoftTarget.of(target.camera, target.shares[..., order]) for target in maps]
    config = GalpConfig(steps=15, agreement=0.0)
    one, other = (fit(pair.still, some, CLASSES, config) for some in (maps, renamed))
    assert (one.pi - other.pi[:, order]).abs().max() < 1e-3


def test_another_seed_gives_another_result(pair):
    one, other = (fit(pair.still, noisy(pair), CLASSES, replaced(QUICK, seed=seed)) for seed in (0, 1))
    assert not torch.equal(one.field.coefficients, other.field.coefficients)


def replaced(config: GalpConfig, **changes: object) -> GalpConfig:
    return GalpConfig(**config.model_dump() | changes)


def test_without_neighbours_and_degree_labels_do_not_vary(pair):
    found: PartLabels = fit(pair.still, noisy(pair), CLASSES, replaced(QUICK, degree=0, agreement=0.0))
    assert (found.softness == 0).all()
    assert found.field.varying.shape == (120, 0, CLASSES)


def neighbourhoods() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random coefficients (40, 4, 3), anchors and their neighbours."""
    random = torch.Generator().manual_seed(0)
    rows = torch.randperm(40, generator=random)[:12]
    return torch.randn(40, 4, 3, generator=random, dtype=torch.float64), rows, (rows[:, None] + torch.arange(1, 6)) % 40


def test_labels_like_those_of_their_neighbours_cost_nothing():
    r, rows, near = neighbourhoods()
    assert galp_loss(r[:1].expand(40, 4, 3), rows, near) == 0
    assert galp_loss(r, rows, near) > 0


def test_the_loss_knows_no_order_of_gaussians_classes_anchors_or_neighbours():
    r, rows, near = neighbourhoods()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    place = order.argsort()
    expected = galp_loss(r, rows, near)
    torch.testing.assert_close(galp_loss(r[order], place[rows], place[near]), expected)
    torch.testing.assert_close(galp_loss(r[..., [2, 0, 1]], rows, near), expected)
    torch.testing.assert_close(galp_loss(r, rows.flip(0), near.flip(0).flip(1)), expected)


def test_anchors_and_neighbours_pull_at_each_other_and_nobody_else():
    r, rows, near = neighbourhoods()
    r.requires_grad_()
    galp_loss(r, rows, near).backward()
    touched = torch.zeros(40, dtype=torch.bool).index_fill_(0, torch.cat([rows, near.flatten()]).unique(), True)
    assert (r.grad[~touched] == 0).all()
    torch.testing.assert_close(r.grad.sum(dim=0), torch.zeros(4, 3, dtype=torch.float64))


def test_the_derivative_of_the_segmentation_loss_is_its_slope(pair):
    field, target = field_of(pair), pair.targets[0]
    direction = torch.randn(120, 4, CLASSES, generator=torch.Generator().manual_seed(1))
    leaf = replace(field, constant=field.constant.requires_grad_(), varying=field.varying.requires_grad_())
    segmentation_loss(leaf, pair.still, target).backward()
    slope = (leaf.constant.grad * direction[:, :1]).sum() + (leaf.varying.grad * direction[:, 1:]).sum()
    ends = [
        segmentation_loss(
            LabelField(
                field.constant.detach() + step * direction[:, :1],
                field.varying.detach() + step * direction[:, 1:],
                field.codebook,
            ),
            pair.still,
            target,
        )
        for step in (-1e-3, 1e-3)
    ]
    torch.testing.assert_close((ends[1] - ends[0]) / 2e-3, slope, rtol=2e-2, atol=1e-4)


def field_of(pair) -> LabelField:
    random = torch.Generator().manual_seed(0)
    codebook = Codebook.of("one-hot", CLASSES, torch.device("cpu"))
    return LabelField(
        torch.randn(120, 1, CLASSES, generator=random), torch.randn(120, 3, CLASSES, generator=random), codebook
    )


def test_a_pixel_costs_as_much_as_is_known_of_it(pair):
    field, target = field_of(pair), pair.targets[0]
    full = target.one_hot(torch.arange(CLASSES))
    whole, half = (segmentation_loss(field, pair.still, SoftTarget.of(target.camera, part * full)) for part in (1, 0.5))
    torch.testing.assert_close(whole, 2 * half)
    upper = full.clone()
    upper[20:] = 0
    lower = full - upper
    parts = [segmentation_loss(field, pair.still, SoftTarget.of(target.camera, some)) for some in (upper, lower)]
    torch.testing.assert_close(parts[0] + parts[1], whole)


def test_nothing_known_costs_nothing(pair):
    target = Target(pair.targets[0].camera, torch.full((40, 40), UNKNOWN))
    assert segmentation_loss(field_of(pair), pair.still, target) == 0
