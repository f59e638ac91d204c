"""Law: Adam's moments follow their rows through every change of rows, and a fresh row has none."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows
from splatsmith.train.config import LearningRates
from splatsmith.train.optimizer import GaussianAdam

FIELDS = ("means", "quats", "log_scales", "logit_opacities", "sh0", "sh_rest", "code")


def random_gaussians(n: int, seed: int = 0, sh_degree: int = 1) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"means": (n, 3), "quats": (n, 4), "log_scales": (n, 3), "logit_opacities": (n,)}
    columns = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    sh = torch.randn(n, (sh_degree + 1) ** 2, 3, generator=generator)
    return Gaussians(**columns, sh=sh, extra={"code": torch.randn(n, 5, generator=generator), "label": torch.arange(n)})


def adam_after(steps: int, n: int = 6, seed: int = 0) -> GaussianAdam:
    """An optimiser that has seen some gradients."""
    pace = {"extent": 2.0, "steps": 100, "extra_rates": {"code": 0.1}}
    optimizer = GaussianAdam(random_gaussians(n, seed), LearningRates(), **pace)
    generator = torch.Generator().manual_seed(seed + 1)
    for step in range(steps):
        for parameter in optimizer.parameters.values():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step(step)
    return optimizer


def copied(state: dict) -> dict:
    return {name: {key: value.clone() for key, value in tensors.items()} for name, tensors in state.items()}


@given(origin=st.lists(st.integers(0, 5), max_size=12), data=st.data())
def test_moments_follow_their_rows(origin, data):
    fresh = data.draw(st.lists(st.booleans(), min_size=len(origin), max_size=len(origin)))
    optimizer = adam_after(3)
    before = copied(optimizer.state())
    changed = random_gaussians(len(origin), seed=9)
    optimizer.remap(Rows(changed, torch.tensor(origin, dtype=torch.long), torch.tensor(fresh, dtype=torch.bool)))
    after = optimizer.state()
    assert len(optimizer) == len(origin)
    for name in FIELDS:
        for moment in ("exp_avg", "exp_avg_sq"):
            for row, (old, new) in enumerate(zip(origin, fresh, strict=True)):
                expected = torch.zeros_like(before[name][moment][old]) if new else before[name][moment][old]
                assert torch.equal(after[name][moment][row], expected), f"{name}.{moment} row {row}"
        assert torch.equal(after[name]["step"], before[name]["step"])
    assert torch.equal(optimizer.gaussians().sh, changed.sh)


def test_descending_after_a_permutation_is_the_permuted_descent():
    straight, permuted = adam_after(3), adam_after(3)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    scene = permuted.gaussians()
    moved = scene.map(lambda column: column[order])
    permuted.remap(Rows(moved, order, torch.zeros(6, dtype=torch.bool)))
    for optimizer, rows in ((straight, torch.arange(6)), (permuted, order)):
        for parameter in optimizer.parameters.values():
            gradient = torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape)
            parameter.grad = gradient[rows]
        optimizer.step(3)
    for name, column in straight.gaussians().columns.items():
        assert torch.equal(permuted.gaussians().columns[name], column[order]), name


def test_replacing_a_parameter_forgets_its_moments_only():
    optimizer = adam_after(3)
    before = copied(optimizer.state())
    optimizer.replace("logit_opacities", torch.full((6,), -2.0))
    after = optimizer.state()
    assert torch.equal(after["logit_opacities"]["value"], torch.full((6,), -2.0))
    assert not after["logit_opacities"]["exp_avg"].any()
    assert not after["logit_opacities"]["exp_avg_sq"].any()
    assert torch.equal(after["means"]["exp_avg"], before["means"]["exp_avg"])


def test_state_brings_everything_back():
    one, other = adam_after(3, n=6), adam_after(1, n=4, seed=5)
    other.load(copied(one.state()))
    for optimizer in (one, other):
        for parameter in optimizer.parameters.values():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step(3)
    for name in FIELDS:
        assert torch.equal(one.parameters[name], other.parameters[name])


def test_extra_columns_without_a_rate_are_left_behind():
    optimizer = adam_after(1)
    assert set(optimizer.gaussians().extra) == set(optimizer.gaussians(1).extra) == {"code"}
    assert set(optimizer.state()) == set(FIELDS)


def test_rate_of_the_means_falls_exponentially_in_units_of_the_scene():
    optimizer = GaussianAdam(random_gaussians(2), LearningRates(means=1e-3, means_final=1e-5), extent=3.0, steps=100)
    assert optimizer.means_rate(0) == pytest.approx(3e-3)
    assert optimizer.means_rate(50) == pytest.approx(3e-4)
    assert optimizer.means_rate(100) == pytest.approx(3e-5)


@pytest.mark.parametrize("degree", [0, 1])
def test_bands_that_are_not_drawn_yet_do_not_move(degree):
    optimizer = GaussianAdam(random_gaussians(3, sh_degree=2), LearningRates(), extent=1.0, steps=10)
    before = optimizer.gaussians().sh.clone()
    optimizer.gaussians(degree).sh.sum().backward()
    optimizer.step(0)
    active = (degree + 1) ** 2
    after = optimizer.gaussians().sh
    assert (after[:, :active] != before[:, :active]).all()
    assert torch.equal(after[:, active:], before[:, active:])
