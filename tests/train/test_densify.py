"""Laws of adaptive density control: who is grown, split, pruned; that all others stay as they are, byte for byte."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.gaussians import Gaussians
from splatsmith.train import densify
from splatsmith.train.densify import Statistics

EXTENT = 10.0


def some_gaussians(opacities: list[float], scales: list[float]) -> Gaussians:
    n = len(opacities)
    generator = torch.Generator().manual_seed(n)
    return Gaussians(
        means=torch.randn(n, 3, generator=generator),
        quats=torch.randn(n, 4, generator=generator),
        log_scales=torch.tensor(scales).log()[:, None].repeat(1, 3),
        logit_opacities=torch.logit(torch.tensor(opacities)),
        sh=torch.randn(n, 4, 3, generator=generator),
        extra={"label": torch.arange(n)},
    )


def refined(gaussians: Gaussians, gradients: list[float], most: int = 1000, prune_oversized: bool = True):
    seen = Statistics(gradients=2 * torch.tensor(gradients), views=torch.full((len(gaussians),), 2.0))
    generator = torch.Generator().manual_seed(0)
    return densify.refine(
        gaussians, seen, EXTENT, grow_grad2d=1.0, most=most, prune_oversized=prune_oversized, generator=generator
    )


KINDS = {
    "quiet": (0.5, 0.05, 0.5),
    "small and wanting": (0.5, 0.05, 2.0),
    "large and wanting": (0.5, 0.5, 2.0),
    "transparent": (0.001, 0.05, 0.5),
    "oversized": (0.5, 2.0, 0.5),
}  # opacity, scale, gradient
CHILDREN = {"quiet": 1, "small and wanting": 2, "large and wanting": 2, "transparent": 0, "oversized": 0}


@given(kinds=st.lists(st.sampled_from(list(KINDS)), max_size=12))
def test_each_kind_has_its_number_of_children_and_the_quiet_stay_byte_equal(kinds):
    opacities, scales, gradients = ([KINDS[kind][i] for kind in kinds] for i in range(3))
    before = some_gaussians(opacities, scales)
    rows = refined(before, gradients)
    counts = torch.bincount(rows.origin, minlength=len(kinds)).tolist()
    assert counts == [CHILDREN[kind] for kind in kinds]
    assert torch.equal(rows.gaussians.extra["label"], rows.origin), "labels ride along"
    for row, origin in enumerate(rows.origin.tolist()):
        if not rows.fresh[row]:
            for name, column in before.columns.items():
                assert torch.equal(rows.gaussians.columns[name][row], column[origin])
    fresh_kinds = [kinds[origin] for origin in rows.origin[rows.fresh].tolist()]
    assert fresh_kinds.count("small and wanting") == kinds.count("small and wanting"), "one copy is new, one is old"
    assert fresh_kinds.count("large and wanting") == 2 * kinds.count("large and wanting"), "both halves are new"


def test_halves_are_smaller_and_lie_within_their_parent():
    before = some_gaussians([0.5] * 200, [0.5] * 200)
    rows = refined(before, [2.0] * 200)
    torch.testing.assert_close(rows.gaussians.scales, before.scales[rows.origin] / 1.6)
    away = (rows.gaussians.means - before.means[rows.origin]) / 0.5
    assert away.std().item() == pytest.approx(1, abs=0.1), "drawn from the parent's own distribution"


def test_the_oversized_stay_until_they_count():
    assert len(refined(some_gaussians([0.5], [2.0]), [0.0], prune_oversized=False).gaussians) == 1


@given(gradients=st.lists(st.floats(0, 4, width=32), min_size=1, max_size=30), room=st.integers(-3, 30))
def test_growth_ends_at_the_limit_and_takes_the_most_wanting(gradients, room):
    values = torch.tensor(gradients)
    chosen = densify.strongest(values, 1.0, room)
    assert int(chosen.sum()) == min(max(0, room), int((values > 1).sum()))
    if chosen.any() and not chosen.all():
        left_out = values[~chosen & (values > 1)]
        assert left_out.numel() == 0 or values[chosen].min() >= left_out.max()


def test_refining_never_exceeds_the_limit():
    kinds = [0.05, 0.5] * 20
    rows = refined(some_gaussians([0.5] * 40, kinds), [2.0] * 40, most=50)
    assert len(rows.gaussians) == 50


@given(st.lists(st.floats(-20, 20, width=32), min_size=1))
def test_opacity_reset_caps_and_never_raises(logits):
    before = torch.tensor(logits)
    after = densify.reset_opacities(before)
    assert torch.sigmoid(after).max() <= densify.RESET_OPACITY * (1 + 1e-6)
    low = before < math.log(densify.RESET_OPACITY / (1 - densify.RESET_OPACITY))
    assert torch.equal(after[low], before[low])
    assert (after <= before).all()


def test_only_views_that_see_a_gaussian_count():
    seen = densify.no_statistics(3, torch.device("cpu"))
    gradient = torch.tensor([[3.0, 0.0], [0.0, 5.0], [7.0, 7.0]])
    radii = torch.tensor([[1, 1], [2, 9], [0, 0]], dtype=torch.int32)
    for _ in range(2):
        seen = densify.observe(seen, gradient, radii, width=20, height=10)
    assert seen.gradients.tolist() == [2 * 3 * 10, 2 * 5 * 5, 0]
    assert seen.views.tolist() == [2, 2, 0]
