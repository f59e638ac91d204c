"""Laws of row operations: every column follows its row, and the rows tell where they came from."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from splatsmith.gaussians.ops import Rows, concat, duplicate, prune, select, split
from splatsmith.gaussians.transforms import covariances

masks = st.lists(st.booleans(), max_size=12).map(lambda values: torch.tensor(values, dtype=torch.bool))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def operations(gaussians, mask) -> dict[str, Rows]:
    return {
        "prune": prune(gaussians, mask),
        "duplicate": duplicate(gaussians, mask),
        "split": split(gaussians, mask, seeded()),
    }


@given(mask=masks)
def test_every_row_equals_its_origin(labelled, equal, mask):
    gaussians = labelled(len(mask))
    for name, (result, origin, fresh) in operations(gaussians, mask).items():
        came_from = select(gaussians, origin)
        assert origin.dtype == torch.int64, name
        assert fresh.dtype == torch.bool, name
        assert len(result) == len(origin) == len(fresh), name
        if name == "split":
            equal(select(result, ~fresh), select(came_from, ~fresh))
            moved = {"means", "log_scales"}
            kept = {column: value for column, value in result.columns.items() if column not in moved}
            assert all(torch.equal(value, came_from.columns[column]) for column, value in kept.items())
        else:
            equal(result, came_from)


@given(mask=masks)
def test_which_rows_there_are(labelled, mask):
    n, chosen = len(mask), mask.nonzero()[:, 0].tolist()
    rest = (~mask).nonzero()[:, 0].tolist()
    expected = {"prune": (rest, []), "duplicate": (list(range(n)), chosen), "split": (rest, chosen + chosen)}
    for name, (result, origin, fresh) in operations(labelled(n), mask).items():
        kept, added = expected[name]
        assert origin.tolist() == result.extra["id"].tolist() == kept + added, name
        assert fresh.tolist() == [False] * len(kept) + [True] * len(added), name


@given(mask=masks)
def test_inputs_are_left_alone(labelled, equal, mask):
    gaussians, before = labelled(len(mask)), mask.clone()
    operations(gaussians, mask)
    select(gaussians, mask)
    concat([gaussians, gaussians])
    equal(gaussians, labelled(len(mask)))
    assert torch.equal(mask, before)


@given(mask=masks)
def test_parts_of_a_scene_make_the_scene_again(labelled, equal, mask):
    gaussians = labelled(len(mask))
    parts = concat([select(gaussians, mask), select(gaussians, ~mask)])
    equal(select(parts, parts.extra["id"].argsort()), gaussians)


@given(mask=masks, rows=st.lists(st.integers(0, 11), max_size=8))
def test_selections_compose(labelled, equal, mask, rows):
    gaussians = labelled(12)
    rows = torch.tensor(rows, dtype=torch.int64)
    once = select(gaussians, rows)
    mask = torch.cat([mask, torch.ones(12, dtype=torch.bool)])[: len(rows)]
    equal(select(once, mask), select(gaussians, rows[mask]))


def test_concat_is_associative_and_the_empty_scene_is_neutral(labelled, equal):
    a, b, c = labelled(3, seed=1), labelled(4, seed=2), labelled(2, seed=3)
    equal(concat([concat([a, b]), c]), concat([a, concat([b, c])]))
    equal(concat([a, labelled(0)]), a)
    equal(concat([a]), a)


def test_concat_pads_colour_with_zeros(scene, equal):
    low, high = scene(3, degree=1), scene(2, degree=3)
    both = concat([low, high])
    assert both.sh_degree == 3
    assert torch.equal(both.sh[:3, :4], low.sh)
    assert not both.sh[:3, 4:].any()
    equal(select(both, torch.tensor([3, 4])), high)


@pytest.mark.parametrize(
    "other",
    [{}, {"label": torch.zeros(2)}, {"label": torch.zeros(2, 1, dtype=torch.int32)}, {"name": torch.zeros(2).int()}],
)
def test_concat_refuses_other_extra_columns(scene, other):
    with pytest.raises(ValueError, match="cannot concatenate scenes with different extra columns"):
        concat([scene(2, label=torch.zeros(2, dtype=torch.int32)), scene(2, **other)])


def test_operations_compose_as_their_rows_do(labelled, equal):
    gaussians = labelled(10)
    first = duplicate(gaussians, gaussians.extra["id"] % 2 == 0)
    second = split(first.gaussians, first.gaussians.extra["id"] % 3 == 0, seeded())
    third = prune(second.gaussians, second.gaussians.extra["id"] == 4)
    result, origin, fresh = first.then(second).then(third)
    equal(result, third.gaussians)
    assert torch.equal(result.extra["id"].long(), origin)
    untouched = sorted(set(range(10)) - {0, 3, 4, 6, 9})  # neither split nor pruned: there once, not fresh
    assert origin[~fresh].tolist() == untouched
    equal(select(result, ~fresh), select(gaussians, origin[~fresh]))


def test_split_is_decided_by_the_generator_alone(labelled, equal):
    gaussians = labelled(20)
    mask = gaussians.extra["id"] % 2 == 0
    equal(split(gaussians, mask, seeded(3)).gaussians, split(gaussians, mask, seeded(3)).gaussians)
    other = split(gaussians, mask, seeded(4)).gaussians
    assert not torch.equal(split(gaussians, mask, seeded(3)).gaussians.means, other.means)


def test_halves_are_drawn_from_their_parent(scene):
    """Many splits of one Gaussian: their offsets have its covariance, and they keep its shape, 1.6 times smaller."""
    n = 40_000
    one = scene(1, dtype=torch.float64)
    many = select(one, torch.zeros(n, dtype=torch.int64))
    result, _, fresh = split(many, torch.ones(n, dtype=torch.bool), seeded())
    assert fresh.all()
    torch.testing.assert_close(result.log_scales, one.log_scales.expand(2 * n, 3) - math.log(1.6))
    offsets = result.means - one.means
    expected = covariances(one)[0]
    sampled = offsets.T @ offsets / len(offsets)
    whitened = torch.linalg.solve(expected, sampled)
    torch.testing.assert_close(whitened, torch.eye(3).double(), atol=0.05, rtol=0)
    assert (offsets.mean(dim=0).abs() < 0.02 * one.scales.max()).all()
    first, second = offsets.chunk(2)
    assert (first - second).abs().amax(dim=1).min() > 0


@pytest.mark.parametrize("mask", [torch.zeros(4, dtype=torch.bool), torch.zeros(5, dtype=torch.int64)])
def test_a_mask_that_does_not_fit_is_refused(scene, mask):
    for operation in (prune, duplicate, lambda gaussians, mask: split(gaussians, mask, seeded())):
        with pytest.raises(ValueError, match=r"expected a mask \(5,\) of bool"):
            operation(scene(5), mask)
