"""Refining: the photos' colours come back, geometry stays as it was, and the unseen side goes along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.base.outcome import Unusable
from splatsmith.complete.carry import carried
from splatsmith.complete.exposures import exposed, fitted, gauged
from splatsmith.complete.refine import Settings, mean_loss, refined
from splatsmith.complete.sightings import sightings
from splatsmith.complete.turned import turned
from splatsmith.complete.windows import MARGIN, Window, psnrs, window_of
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import dc_to_rgb, rgb_to_dc
from splatsmith.render import render_view
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View

CAMERA = Camera(64, 48, 80.0, 80.0, 32.0, 24.0)
UP = np.array([0.0, 0.0, 1.0])
DRAWING = {"backend": "cpu", "antialiased": False}


@pytest.fixture(autouse=True, scope="module")
def threads(one_thread):
    """Tensors here are tiny."""


def settings(steps: int = 160, sh_degree: int = 0) -> Settings:
    return Settings(steps, sh_degree, 0, "cpu", False)


def ball(n: int = 400, degree: int = 0) -> Gaussians:
    """An opaque sphere of radius 0.5, red in front (x > 0), blue behind, darker below; all of it given."""
    z, turn = torch.linspace(-0.99, 0.99, n), 2.4 * torch.arange(n)  # the golden angle spreads them evenly
    unit = torch.stack([(1 - z**2).sqrt() * turn.cos(), (1 - z**2).sqrt() * turn.sin(), z], dim=1)
    red, blue = torch.tensor([0.7, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.6])
    rgb = torch.where(unit[:, :1] > 0, red, blue) + 0.1 * unit[:, 2:]
    sh = torch.zeros(n, (degree + 1) ** 2, 3)
    sh[:, 0] = rgb_to_dc(rgb)
    return Gaussians(
        means=0.5 * unit,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), -2.8),
        logit_opacities=torch.full((n,), 4.0),
        sh=sh,
        extra={"provenance": torch.zeros(n, dtype=torch.uint8)},
    )


def views(degrees: list[float]) -> list[View]:
    """Level views from a distance of 2, at these azimuths from x."""
    found = []
    for i, azimuth in enumerate(np.radians(degrees)):
        outwards = np.array([np.cos(azimuth), np.sin(azimuth), 0.3])
        outwards /= np.linalg.norm(outwards)
        found.append(View(f"{i}", Path(f"{i}.png"), CAMERA, look_along(2 * outwards, -outwards, UP)))
    return found


def photographed(truth: Gaussians, degrees: list[float], pairs: torch.Tensor | None = None) -> list[Window]:
    """What photos of the truth on grey show of it; `pairs` (V, 2, 3) are their gains and biases."""
    windows = []
    for i, view in enumerate(views(degrees)):
        drawn = render_view(truth, CAMERA, view.T_camera_world)
        image = drawn.image if pairs is None else exposed(drawn.image, drawn.alpha, pairs[i])
        photo = (image + (1 - drawn.alpha[..., None]) * 0.5).clamp(0, 1)
        bytes = (photo * 255).round().to(torch.uint8).numpy()
        windows.append(window_of(view, bytes, drawn.alpha.numpy() > 0.5, torch.device("cpu")))
    return windows


FRONT, AROUND = [-60.0, -40, -20, 0, 20, 40, 60], [0.0, 45, 90, 135, 180, 225, 270, 315]


def rgb(gaussians: Gaussians) -> torch.Tensor:
    return dc_to_rgb(gaussians.sh[:, 0])


def tinted(truth: Gaussians) -> Gaussians:
    """The truth in wrong colours."""
    return replace(truth, sh=rgb_to_dc(0.6 * dc_to_rgb(truth.sh[:, :1]) + torch.tensor([0.05, 0.2, 0.1])))


def geometry(gaussians: Gaussians) -> dict[str, bytes]:
    return {name: column.numpy().tobytes() for name, column in gaussians.columns.items() if name != "sh"}


def test_colours_are_recovered_and_nothing_else_changes():
    truth, start = ball(), tinted(ball())
    parts = photographed(truth, AROUND)
    result = refined(start, parts, settings(), "test")
    assert geometry(result.gaussians) == geometry(start)
    seen = result.observed
    assert seen.float().mean() > 0.6
    error = (rgb(result.gaussians) - rgb(truth))[seen].abs()
    assert error.mean() < 0.02
    assert (rgb(start) - rgb(truth))[seen].abs().mean() > 0.09
    assert np.mean(psnrs(result.gaussians, parts, **DRAWING)) > 36


def test_the_unseen_side_shifts_as_its_seen_neighbours_and_keeps_its_pattern():
    """All colours are off by the same, so what is carried to the back is the truth there."""
    truth = ball()
    offset = torch.tensor([0.1, -0.15, 0.1])
    start = replace(truth, sh=rgb_to_dc(rgb(truth) + offset)[:, None])
    result = refined(start, photographed(truth, FRONT), settings(), "test")
    back = truth.means[:, 0] < -0.35
    assert not result.observed[back].any()
    assert (rgb(result.gaussians) - rgb(truth))[back].abs().max() < 0.04


def test_carrying_interpolates_between_what_is_known():
    random = torch.Generator().manual_seed(0)
    means, colors = torch.rand(300, 3, generator=random), torch.rand(300, 3, generator=random)
    known = torch.rand(300, generator=random) < 0.2
    shifts = torch.randn(300, 3, generator=random)
    result = carried(means, colors, shifts, known.float())
    assert torch.equal(result[known], shifts[known])
    assert (result.amax(dim=0) <= shifts[known].amax(dim=0) + 1e-4).all()
    assert (result.amin(dim=0) >= shifts[known].amin(dim=0) - 1e-4).all()
    same = carried(means, colors, torch.ones(300, 3) * torch.tensor([1.0, -2, 3]), known.float())
    torch.testing.assert_close(same, torch.tensor([1.0, -2, 3]).expand(300, 3), rtol=1e-3, atol=1e-3)


def test_what_is_known_well_counts_for_more():
    """Between two known ends, what is unknown goes with the one that is shown better."""
    line, grey = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), torch.full((3, 3), 0.5)
    shifts = torch.tensor([[1.0], [0.0], [-1.0]])
    middle = [
        float(carried(line, grey, shifts, torch.tensor(e))[1]) for e in ([1.0, 0, 1], [0.9, 0, 0.3], [0.3, 0, 0.9])
    ]
    assert middle == pytest.approx([0, 0.5, -0.5], abs=1e-3)


def test_what_looks_alike_is_shifted_alike():
    """Two colours side by side, of which one is shifted: the unknown ones of either go with their own."""
    grid = torch.cartesian_prod(torch.arange(12.0), torch.arange(12.0), torch.zeros(1))
    red = grid[:, 0] < 6
    colors = torch.where(red[:, None], torch.tensor([0.9, 0.1, 0.1]), torch.tensor([0.1, 0.1, 0.9]))
    shifts, known = torch.where(red[:, None], 0.3, 0.0).expand(-1, 3), grid[:, 1] < 3
    result = carried(grid, colors, shifts, known.float())
    assert (result - shifts).abs().max() < 0.1
    assert (result - shifts).abs().mean() < 0.03


def test_gain_and_bias_of_a_photo_are_recovered():
    random = torch.Generator().manual_seed(1)
    alpha = 0.5 + 0.5 * torch.rand(40, 30, generator=random)
    color = torch.rand(40, 30, 3, generator=random) * alpha[..., None]
    pair = torch.tensor([[1.2, 0.9, 1.0], [0.05, -0.02, 0.1]])
    mask = torch.rand(40, 30, generator=random) < 0.7
    photo = torch.where(mask[..., None], exposed(color, alpha, pair) / alpha[..., None], 7.0)
    torch.testing.assert_close(fitted(color, alpha, photo, mask), pair, rtol=0, atol=0.03)
    neutral = torch.tensor([[1.0], [0.0]]).expand(2, 3)
    torch.testing.assert_close(fitted(color, alpha, color / alpha[..., None], mask), neutral, rtol=0, atol=1e-5)


def test_photos_of_varying_exposure_do_not_spoil_the_colours():
    truth, random = ball(), torch.Generator().manual_seed(2)
    pairs = torch.stack([1 + 0.1 * torch.randn(8, 3, generator=random), 0.02 * torch.randn(8, 3, generator=random)], 1)
    pairs = gauged(list(pairs))
    neutral = torch.tensor([[1.0], [0.0]]).expand(2, 3)
    torch.testing.assert_close(pairs.mean(dim=0), neutral)
    result = refined(tinted(truth), photographed(truth, AROUND, pairs), settings(240), "test")
    torch.testing.assert_close(result.exposures.mean(dim=0), neutral)
    shown = torch.tensor([0.5, 0.35, 0.4])  # what the photos make of a usual colour tells gain and bias together
    got, wanted = (some[:, 0] * shown + some[:, 1] for some in (result.exposures, pairs))
    assert (got - wanted).abs().mean() < 0.25 * (wanted - shown).abs().mean()
    assert (rgb(result.gaussians) - rgb(truth))[result.observed].abs().mean() < 0.02


def test_colours_depend_on_the_direction_only_where_it_was_seen_from_enough_sides():
    truth = ball(degree=1)
    truth.sh[:, 1:] = 0.25 * torch.randn(3, 3, generator=torch.Generator().manual_seed(3))
    start = replace(truth, sh=truth.sh[:, :1])
    parts = photographed(truth, [*range(-70, 71, 10)])
    flat, bent = (refined(start, parts, settings(sh_degree=degree), "test") for degree in (0, 1))
    assert flat.gaussians.sh_degree == 0
    assert 0 < bent.directional.sum() < bent.observed.sum()
    assert not bent.gaussians.sh[~bent.directional, 1:].any()
    assert np.mean(psnrs(bent.gaussians, parts, **DRAWING)) > 0.2 + np.mean(psnrs(flat.gaussians, parts, **DRAWING))
    narrow = refined(start, photographed(truth, [-5, -3, -1, 1, 3, 5, 7]), settings(4, sh_degree=1), "test")
    assert not narrow.directional.any()


def test_a_start_that_cannot_be_bettered_stays_to_the_bit():
    """Photos of one colour, which the start has: whatever is learnt is no better."""
    truth = replace(ball(), sh=torch.zeros(400, 1, 3))
    parts = [replace(part, photo=torch.full_like(part.photo, 0.5)) for part in photographed(truth, FRONT)]
    result = refined(truth, parts, settings(8), "test")
    assert result.kept == "before"
    assert torch.equal(result.gaussians.sh, truth.sh)


@pytest.mark.parametrize("steps", [1, 7, 160])
def test_the_result_is_never_farther_from_the_photos_than_the_start(steps):
    start, parts = tinted(ball()), photographed(ball(), FRONT)
    result = refined(start, parts, settings(steps), "test")
    loss = mean_loss(result.gaussians, parts, settings())
    assert loss <= mean_loss(start, parts, settings())
    assert loss == result.losses[result.kept]


def test_trained_colours_are_kept_unless_the_photos_speak_clearly_against_them():
    truth = ball(degree=1)
    truth.sh[:, 1:] = 0.05
    trained = truth.means[:, 0] > 0
    start = replace(tinted(truth), extra={"provenance": trained.to(torch.uint8)})
    right = replace(
        start, sh=torch.where(trained[:, None, None], truth.sh, torch.cat([start.sh, 0 * truth.sh[:, 1:]], 1))
    )
    parts = photographed(truth, AROUND)
    result = refined(right, parts, settings(), "test")
    assert result.kept == "trained kept"
    assert torch.equal(result.gaussians.sh[trained], truth.sh[trained])
    assert refined(start, parts, settings(), "test").kept == "all"


def test_the_same_every_time_and_on_any_number_of_threads():
    from splatsmith.render.cpu import get_threads, set_threads

    start, parts = tinted(ball()), photographed(ball(), FRONT)
    first, before = refined(start, parts, settings(20), "test").gaussians.sh, get_threads()
    try:
        set_threads(3)
        assert torch.equal(refined(start, parts, settings(20), "test").gaussians.sh, first)
    finally:
        set_threads(before)


def test_inputs_are_left_as_they_are():
    start, parts = tinted(ball()), photographed(ball(), FRONT)
    before = geometry(start), start.sh.clone(), parts[0].photo.clone()
    refined(start, parts, settings(8, sh_degree=1), "test")
    assert geometry(start) == before[0]
    assert torch.equal(start.sh, before[1])
    assert torch.equal(parts[0].photo, before[2])


def test_what_no_photo_shows_is_unusable():
    far = replace(ball(), means=ball().means + 50)
    with pytest.raises(Unusable, match="no photo shows"):
        refined(far, photographed(ball(), FRONT), settings(), "test")


def test_only_what_lies_open_is_seen():
    front = sightings(ball(), photographed(ball(), [0.0]), **DRAWING)
    assert not front.observed[ball().means[:, 0] < -0.1].any()
    assert front.observed[ball().means[:, 0] > 0.3].float().mean() > 0.7
    assert front.spread[front.observed].abs().max() < 1e-5


def test_the_spread_of_directions_is_one_minus_the_mean_resultant_length():
    degrees = [-40.0, 0.0, 40.0]
    found = sightings(ball(), photographed(ball(), degrees), **DRAWING)
    row = int((found.views == 3).nonzero()[0])
    directions = np.stack([ball().means[row].numpy() - view.center for view in views(degrees)])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert found.spread[row] == pytest.approx(1 - np.linalg.norm(directions.mean(axis=0)), abs=1e-5)


def test_a_window_shows_what_the_whole_picture_does_there():
    truth = replace(ball(), means=ball().means + torch.tensor([0.0, 0.3, 0.1]))
    view = views([10.0])[0]
    whole = render_view(truth, CAMERA, view.T_camera_world)
    mask = whole.alpha.numpy() > 0.5
    part = window_of(view, np.zeros((48, 64, 3), np.uint8), mask, torch.device("cpu"))
    color, alpha = part.draw(truth, **DRAWING)
    top, left = round(CAMERA.cy - part.camera.cy), round(CAMERA.cx - part.camera.cx)
    inside = np.s_[top : top + part.camera.height, left : left + part.camera.width]
    torch.testing.assert_close(color, whole.image[inside], rtol=0, atol=1e-5)
    torch.testing.assert_close(alpha, whole.alpha[inside], rtol=0, atol=1e-5)
    assert part.pixels == mask.sum()
    assert part.mask.shape[0] <= np.ptp(mask.any(axis=1).nonzero()[0]) + 1 + 2 * MARGIN


def test_a_turned_camera_sees_the_object_turned_the_other_way():
    view, center = views([20.0])[0], np.array([0.1, -0.2, 0.3])
    other = turned(view, center, UP, 0.7)
    cos, sin = np.cos(0.7), np.sin(0.7)
    R = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    point = np.array([0.4, 0.5, -0.6])
    world = R @ (point - center) + center
    here, there = (T[:3, :3] @ x + T[:3, 3] for T, x in ((view.T_camera_world, point), (other.T_camera_world, world)))
    np.testing.assert_allclose(there, here, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(other.center - center), np.linalg.norm(view.center - center))
