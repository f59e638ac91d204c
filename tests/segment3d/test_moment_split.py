"""Cutting by a plane: two halves have the moments of the whole, and each the moments of its half."""

import math

import pytest
import torch

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.transforms import covariances
from splatsmith.segment3d.moment_split import split_by_plane

RANDOM = torch.Generator().manual_seed(5)


def random_gaussians(n: int) -> Gaussians:
    return Gaussians(
        means=torch.randn(n, 3, generator=RANDOM).double(),
        quats=torch.randn(n, 4, generator=RANDOM).double(),
        log_scales=torch.randn(n, 3, generator=RANDOM).double() * 0.5,
        logit_opacities=torch.randn(n, generator=RANDOM).double(),
        sh=torch.randn(n, 4, 3, generator=RANDOM).double(),
        extra={"label": torch.arange(n)},
    )


WHOLE = random_gaussians(50)
NORMALS = torch.randn(50, 3, generator=RANDOM).double()
EVERY = torch.ones(50, dtype=torch.bool)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.84])
def test_the_halves_together_have_the_mean_and_covariance_of_the_whole(share):
    halves = split_by_plane(WHOLE, EVERY, NORMALS, torch.full((50,), share, dtype=torch.float64)).gaussians
    w = torch.tensor([share, 1 - share], dtype=torch.float64)[:, None, None]
    means, Sigma = halves.means.view(2, 50, 3), covariances(halves).view(2, 50, 3, 3)
    mean = (w * means).sum(dim=0)
    offset = means - mean
    covariance = (w[..., None] * (Sigma + offset[..., None] * offset[..., None, :])).sum(dim=0)
    torch.testing.assert_close(mean, WHOLE.means)
    torch.testing.assert_close(covariance, covariances(WHOLE), rtol=1e-6, atol=1e-9)


def test_a_half_has_the_moments_of_samples_on_its_side():
    one = select(WHOLE, torch.tensor([0]))
    halves = split_by_plane(one, torch.tensor([True]), NORMALS[:1], torch.tensor([0.3])).gaussians
    chol = torch.linalg.cholesky(covariances(one)[0])
    samples = one.means + torch.randn(400_000, 3, generator=RANDOM).double() @ chol.T
    along = (samples - one.means) @ torch.nn.functional.normalize(NORMALS[0], dim=0)
    ahead = samples[along >= along.kthvalue(280_000).values]
    torch.testing.assert_close(ahead.mean(dim=0), halves.means[0], rtol=0, atol=0.02)
    torch.testing.assert_close(ahead.T.cov(), covariances(halves)[0], rtol=0.05, atol=0.02)


def test_a_centred_cut_along_an_axis_has_the_known_numbers():
    """Half-normal moments: mean sqrt(2 / pi), variance 1 - 2 / pi."""
    unit = random_gaussians(1)
    unit = Gaussians(
        unit.means, torch.tensor([[1.0, 0, 0, 0]]).double(), torch.zeros(1, 3).double(), unit.logit_opacities, unit.sh
    )
    halves = split_by_plane(unit, torch.tensor([True]), torch.tensor([[0.0, 0, 2.0]]), torch.tensor([0.5])).gaussians
    offset = torch.tensor([0, 0, math.sqrt(2 / math.pi)]).double()
    torch.testing.assert_close(halves.means, torch.stack([unit.means[0] + offset, unit.means[0] - offset]))
    assert sorted(halves.scales[0].tolist()) == pytest.approx([math.sqrt(1 - 2 / math.pi), 1, 1])
    torch.testing.assert_close(halves.opacities, (0.5 * unit.opacities / math.sqrt(1 - 2 / math.pi)).repeat(2))


def test_rows_that_are_not_cut_keep_their_bytes_and_everything_rides_along():
    mask = torch.arange(50) % 7 == 0
    rows = split_by_plane(WHOLE, mask, NORMALS, torch.full((50,), 0.4))
    kept = int((~mask).sum())
    assert len(rows.gaussians) == 50 + int(mask.sum())
    for name, column in rows.gaussians.columns.items():
        assert torch.equal(column[:kept], WHOLE.columns[name][~mask])
    assert torch.equal(rows.gaussians.extra["label"], WHOLE.extra["label"][rows.origin])
    assert rows.fresh.tolist() == [False] * kept + [True] * (2 * int(mask.sum()))


def test_nothing_to_cut_changes_nothing():
    rows = split_by_plane(WHOLE, ~EVERY, NORMALS, torch.full((50,), 0.5))
    assert all(torch.equal(rows.gaussians.columns[name], column) for name, column in WHOLE.columns.items())
