"""How near a surface is to the true one: distances of a metric kind, that neither sparse points nor insides disturb."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from splatsmith.complete.evaluation.geometry import TrueSurface, earth_movers_distance, geometry, seen_surface
from splatsmith.gaussians import Gaussians
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View

seeds = st.integers(0, 2**32 - 1)
UP = np.array([0.0, 0.0, 1.0])


def sphere(count: int, radius: float = 1.0) -> np.ndarray:
    """(count, 3) points spread evenly, by the golden angle."""
    z, turn = np.linspace(1 - 1 / count, 1 / count - 1, count), np.pi * (3 - 5**0.5) * np.arange(count)
    level = np.sqrt(1 - z**2)
    return radius * np.stack([level * np.cos(turn), level * np.sin(turn), z], axis=1)


def on_sphere(count: int, seed: int, radius: float = 1.0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return radius * points / np.linalg.norm(points, axis=1, keepdims=True)


TRUE = TrueSurface(sphere(800))


@pytest.mark.parametrize("radius", [0.7, 0.95, 1.0, 1.05, 1.5])
def test_distances_are_those_to_the_surface_and_not_to_its_points(radius):
    points = on_sphere(500, 0, radius)
    found = TRUE.distances(points)
    np.testing.assert_allclose(found, abs(radius - 1), atol=0.008)
    assert found.mean() == pytest.approx(abs(radius - 1), abs=0.003)
    if radius == 1:
        assert cKDTree(TRUE.xyz).query(points)[0].mean() > 0.04


def test_beyond_the_edge_of_a_surface_it_is_far_away():
    """A square of side 1, open at its edges."""
    square = TrueSurface(np.stack([*np.mgrid[0:1:21j, 0:1:21j], np.zeros((21, 21))], axis=-1).reshape(-1, 3))
    points = np.array([[0.5, 0.5, 0.3], [2.0, 0.5, 0.0], [-1.0, 0.5, 1.0]])
    np.testing.assert_allclose(square.distances(points), [0.3, 1 - 0.05, math.hypot(1, 1 - 0.05)], atol=1e-6)


def test_the_surface_itself_is_without_error():
    found = geometry(np.random.default_rng(0).permutation(TRUE.xyz), TRUE)
    assert found.accuracy < 0.003
    assert (found.completeness, found.precision, found.recall, found.f_score) == (0, 1, 1, 1)
    assert found.emd == pytest.approx(0, abs=1e-12)
    assert found.diagonal == pytest.approx(2 * 3**0.5, rel=0.01)


def test_half_the_surface_is_accurate_and_half_complete():
    points = on_sphere(40_000, 1)
    found = geometry(points[points[:, 2] > 0], TRUE)
    assert found.precision == 1
    assert found.recall == pytest.approx(0.5, abs=0.03)
    assert found.f_score == pytest.approx(2 / 3, abs=0.03)
    assert found.completeness > 20 * found.accuracy
    assert found.chamfer == pytest.approx((found.accuracy + found.completeness) / 2)


@given(seeds, st.floats(0.1, 10))
def test_figures_move_with_the_world(seed, scale):
    rng = np.random.default_rng(seed)
    R, shift = Rotation.random(random_state=rng), rng.normal(size=3)
    points, truth = on_sphere(300, seed, 1.03), sphere(300)
    before = geometry(points, TrueSurface(truth))
    after = geometry(scale * R.apply(points) + shift, TrueSurface(scale * R.apply(truth) + shift))
    for key in ("accuracy", "completeness", "chamfer", "emd"):
        assert getattr(after, key) == pytest.approx(scale * getattr(before, key), rel=1e-6)


@given(seeds, st.floats(0.01, 3))
def test_earth_has_to_be_moved_as_far_as_it_was_shifted(seed, distance):
    rng = np.random.default_rng(seed)
    a, direction = rng.normal(size=(60, 3)), rng.normal(size=3)
    b = a + distance * direction / np.linalg.norm(direction)
    assert earth_movers_distance(a, rng.permutation(b)) == pytest.approx(distance)
    assert earth_movers_distance(a, rng.permutation(a)) == pytest.approx(0, abs=1e-12)


@given(seeds)
def test_moving_earth_is_a_distance_and_never_less_than_the_nearest(seed):
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, 30, 3)) * rng.random(3)[:, None, None]
    assert earth_movers_distance(a, b) == pytest.approx(earth_movers_distance(b, a))
    assert earth_movers_distance(a, c) <= earth_movers_distance(a, b) + earth_movers_distance(b, c) + 1e-9
    assert earth_movers_distance(a, b) >= cKDTree(b).query(a)[0].mean() - 1e-9


def ball(count: int = 8000, radius: float = 0.5, opacity: float = 1.0) -> Gaussians:
    """A shell of small Gaussians, so dense that nothing shines through."""
    return Gaussians(
        means=torch.from_numpy(sphere(count, radius)).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(count, 1),
        log_scales=torch.full((count, 3), math.log(0.012)),
        logit_opacities=torch.full((count,), opacity),
        sh=torch.zeros(count, 1, 3),
    )


def around(count: int = 6, side: int = 64) -> list[View]:
    camera = Camera(side, side, side, side, side / 2, side / 2)
    poses = []
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        outwards = np.array([np.cos(angle), np.sin(angle), 0.4 * np.cos(3 * angle)])
        poses.append(look_along(2 * outwards, -outwards / np.linalg.norm(outwards), UP))
    return [View(f"{i}", Path("x.png"), camera, pose) for i, pose in enumerate(poses)]


def seen(gaussians: Gaussians, views: list[View], cell: float = 0.0173) -> np.ndarray:
    return seen_surface(gaussians, views, cell, backend="cpu", antialiased=False)


def test_the_seen_surface_is_that_of_the_object():
    points = seen(ball(opacity=3.0), around(side=200))
    found = geometry(points, TrueSurface(sphere(800, 0.5)))
    assert found.accuracy < 0.012  # the standard deviation of its Gaussians
    assert min(found.precision, found.recall) > 0.75
    other = geometry(points, TrueSurface(sphere(800, 0.55)))
    assert max(other.precision, other.recall) < 0.1


def test_one_point_in_each_cell_whatever_the_number_of_views():
    points = seen(ball(), around() + around())
    cells = np.floor(points / 0.0173).astype(int)
    assert len(np.unique(cells, axis=0)) == len(points)
    np.testing.assert_array_equal(
        np.unique(cells, axis=0), np.unique(np.floor(seen(ball(), around()) / 0.0173), axis=0)
    )


def test_what_is_inside_is_not_seen():
    shell, core = ball(), ball(300, 0.1, 5.0)
    both = Gaussians(**{name: torch.cat([column, core.columns[name]]) for name, column in shell.columns.items()})
    a, b = seen(shell, around()), seen(both, around())
    assert np.linalg.norm(b, axis=1).min() > 0.4
    assert abs(np.linalg.norm(a, axis=1).mean() - np.linalg.norm(b, axis=1).mean()) < 1e-3


def test_pixels_in_which_near_and_far_mix_are_no_surface():
    """A half transparent wall before another one: between them is nothing."""
    grid = torch.cartesian_prod(torch.arange(-1, 1, 0.04), torch.arange(-1, 1, 0.04))
    walls = [torch.cat([torch.full((len(grid), 1), x), grid], dim=1) for x in (0.3, -0.3)]
    wall = ball(len(grid))
    both = {name: torch.cat([column, column]) for name, column in wall.columns.items()}
    faint = torch.full((len(grid),), -1.5)
    mixed = Gaussians(**both | {"means": torch.cat(walls), "logit_opacities": torch.cat([faint, wall.logit_opacities])})
    assert len(seen(mixed, around()[:1])) < 0.05 * len(
        seen(Gaussians(**wall.columns | {"means": walls[1]}), around()[:1])
    )


def test_what_is_hardly_there_has_no_surface():
    assert seen(ball(opacity=-6.0), around()).shape == (0, 3)
