"""Laws of relocation: copies together look like the one they replace; the dead are drawn anew; noise has its scale."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.render import render_view
from splatsmith.train import mcmc


def some_gaussians(opacities: torch.Tensor, seed: int = 0) -> Gaussians:
    n = len(opacities)
    generator = torch.Generator().manual_seed(seed)
    return Gaussians(
        means=torch.randn(n, 3, generator=generator),
        quats=torch.randn(n, 4, generator=generator),
        log_scales=torch.randn(n, 3, generator=generator) - 2,
        logit_opacities=torch.logit(opacities),
        sh=torch.randn(n, 4, 3, generator=generator),
        extra={"label": torch.arange(n)},
    )


@given(opacity=st.floats(0.006, 0.999), copies=st.integers(1, 51))
def test_copies_have_the_opacity_of_the_one(opacity, copies):
    each, _ = mcmc.copied(torch.tensor([opacity]), torch.ones(1, 3), torch.tensor([copies]))
    assert 1 - (1 - each.double().item()) ** copies == pytest.approx(opacity, rel=1e-4)


@pytest.mark.parametrize("opacity", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("copies", [1, 2, 5, 20, 51])
def test_copies_have_the_integral_of_the_one(opacity, copies):
    """Composite n equal profiles along a line and integrate: as much light is blocked as by the one they replace."""
    each, scales = mcmc.copied(torch.tensor([opacity]), torch.full((1, 3), 2.0), torch.tensor([copies]))
    x = torch.linspace(-40, 40, 20_001, dtype=torch.float64)
    alone = opacity * torch.exp(-(x**2) / (2 * 2.0**2))
    together = 1 - (1 - each.double() * torch.exp(-(x**2) / (2 * scales.double()[0, 0] ** 2))) ** copies
    assert torch.trapezoid(together, x).item() == pytest.approx(torch.trapezoid(alone, x).item(), rel=1e-4)


def test_the_published_double_sum_is_the_collapsed_one():
    """Kheradmand et al. 2024, eq. 9, as printed."""
    opacity, copies = 0.7, 6
    each = 1 - (1 - opacity) ** (1 / copies)
    total = sum(
        math.comb(i - 1, k) * (-1) ** k * each ** (k + 1) / math.sqrt(k + 1)
        for i in range(1, copies + 1)
        for k in range(i)
    )
    _, scales = mcmc.copied(torch.tensor([opacity]), torch.ones(1, 3), torch.tensor([copies]))
    assert scales[0, 0].item() == pytest.approx(opacity / total, rel=1e-5)


def test_saturated_opacity_stays_finite():
    each, scales = mcmc.copied(torch.ones(3), torch.ones(3, 3), torch.tensor([1, 2, 500]))
    assert each.isfinite().all()
    assert scales.isfinite().all()
    assert (scales > 0).all()


def test_sharing_keeps_the_picture(blob_scene):
    """Every Gaussian becomes one to four: the image stays, while plain copies would change it ten times as much."""
    generator = torch.Generator().manual_seed(3)
    view = blob_scene.views[0]
    gaussians = some_gaussians(0.1 + 0.8 * torch.rand(40, generator=generator))
    origin = torch.cat([torch.arange(40), torch.randint(40, (40,), generator=generator)])

    def picture(scene: Gaussians) -> torch.Tensor:
        return render_view(scene, view.camera, view.T_camera_world).image

    before = picture(gaussians)
    shared, copied = (picture(scene) for scene in (mcmc.share(gaussians, origin).gaussians, select(gaussians, origin)))
    change, naive = ((image - before).abs().mean() for image in (shared, copied))
    assert change < 0.01
    assert change < 0.1 * naive


def test_the_dead_are_drawn_anew_and_the_rest_stay_byte_equal():
    opacities = torch.rand(300, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05
    opacities[::7] = 0.001
    before = some_gaussians(opacities)
    rows = mcmc.refine(before, most=330, generator=torch.Generator().manual_seed(2))
    dead = opacities <= mcmc.DEAD
    assert len(rows.gaussians) == 315, "5 % more"
    assert not dead[rows.origin].any(), "nobody descends from the dead"
    assert torch.equal(rows.origin[:300][~dead], torch.arange(300)[~dead]), "the living keep their rows"
    assert torch.equal(rows.gaussians.extra["label"], rows.origin)
    assert torch.equal(rows.fresh, torch.bincount(rows.origin, minlength=300)[rows.origin] > 1)
    for name, column in before.columns.items():
        assert torch.equal(rows.gaussians.columns[name][~rows.fresh], column[rows.origin[~rows.fresh]]), name
    assert (rows.gaussians.opacities > mcmc.DEAD * 0.999).all()


@pytest.mark.parametrize(("n", "most", "expected"), [(100, 1000, 105), (100, 102, 102), (100, 100, 100), (3, 9, 4)])
def test_growth_goes_to_the_limit(n, most, expected):
    before = some_gaussians(torch.full((n,), 0.5))
    assert len(mcmc.refine(before, most, torch.Generator().manual_seed(0)).gaussians) == expected


def test_when_all_are_dead_nothing_happens():
    before = some_gaussians(torch.full((5,), 0.001))
    rows = mcmc.refine(before, 100, torch.Generator().manual_seed(0))
    assert torch.equal(rows.gaussians.means, before.means)
    assert not rows.fresh.any()


def test_noise_moves_the_transparent_and_spares_the_opaque():
    gaussians = some_gaussians(torch.tensor([0.001, 0.9]).repeat(500))
    step = mcmc.noise(gaussians, 1e-4, 1.0, torch.Generator().manual_seed(0)).norm(dim=1)
    assert step[1::2].max() < 1e-6 * step[::2].median()


def test_noise_scales_with_the_scene():
    gaussians = some_gaussians(torch.full((10,), 0.001))
    columns = {name: column for name, column in gaussians.columns.items() if name != "label"}
    enlarged = Gaussians(**columns | {"means": 7 * gaussians.means, "log_scales": gaussians.log_scales + math.log(7)})
    small = mcmc.noise(gaussians, 1e-4, 1.0, torch.Generator().manual_seed(0))
    large = mcmc.noise(enlarged, 7e-4, 7.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(large, 7 * small, rtol=1e-4, atol=1e-9)
