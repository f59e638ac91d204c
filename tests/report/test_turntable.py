"""The turntable's path: it looks where the photographers looked, stays where they stood, and moves with the scene."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatsmith.report.turntable import fit_orbit, look_along, turntable_camera
from splatsmith.scenes.cameras import Camera, View

CAMERA = Camera(64, 48, 60.0, 60.0, 32.0, 24.0)
NO_POINTS = np.zeros((0, 3))
UP = np.array([0.0, 0.0, 1.0])
seeds = st.integers(0, 2**32 - 1)


def view(T_camera_world: np.ndarray, i: int = 0, camera: Camera = CAMERA) -> View:
    return View(f"{i:04}", Path(f"{i:04}.png"), camera, T_camera_world)


def ring(azimuths_deg, elevation_deg=20.0, radius=3.0, focus=(0.0, 0.0, 0.0)) -> list[View]:
    """Level cameras around `focus` that look at it, z being up."""
    views = []
    for i, azimuth in enumerate(np.radians(azimuths_deg)):
        elevation = math.radians(elevation_deg)
        level = np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
        outwards = math.cos(elevation) * level + math.sin(elevation) * UP
        views.append(view(look_along(np.asarray(focus) + radius * outwards, -outwards, UP), i))
    return views


def shaky(views: list[View], seed: int, degrees: float = 4.0) -> list[View]:
    """The same cameras, held by a person."""
    rng = np.random.default_rng(seed)
    moved = []
    for one in views:
        T = one.T_camera_world.copy()
        T[:3] = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=3) / 2).as_matrix() @ T[:3]
        T[:3, 3] += 0.05 * rng.normal(size=3)
        moved.append(replace(one, T_camera_world=T))
    return moved


def centers(poses: np.ndarray) -> np.ndarray:
    return np.einsum("nji,nj->ni", poses[:, :3, :3], -poses[:, :3, 3])


CAPTURES = {
    "circle": ring(range(0, 360, 20)),
    "arc": ring(range(-40, 41, 8), 10.0),
    "pair": ring([0, 15]),
    "face to face": ring([0, 180], 0.0),
    "one spot": [view(look_along(np.ones(3), -ring([a])[0].center / 3, UP)) for a in range(0, 360, 30)],
    "single": ring([30]),
    "translated": [view(look_along(np.array([x, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), UP)) for x in (-1.0, 0.0, 1.0)],
    "outwards": [
        view(look_along(0.2 * np.array([math.cos(a), math.sin(a), 0.0]), np.array([math.cos(a), math.sin(a), 0.0]), UP))
        for a in np.radians(range(0, 200, 20))
    ],
    "from above": [
        view(look_along(np.array([x, y, 5.0]), -UP, np.array([0.0, 1.0, 0.0]))) for x in (-1.0, 0, 1) for y in (-1.0, 1)
    ],
}


@pytest.mark.parametrize("name", CAPTURES)
def test_every_capture_has_a_path_of_rigid_upright_cameras(name):
    orbit = fit_orbit(CAPTURES[name], NO_POINTS)
    poses = orbit.poses(24)
    assert np.isfinite(poses).all()
    np.testing.assert_allclose(
        poses[:, :3, :3] @ poses[:, :3, :3].mT, np.broadcast_to(np.eye(3), (24, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(poses[:, :3, :3]), 1.0)
    np.testing.assert_allclose(poses[:, 0, :3] @ orbit.up, 0.0, atol=1e-12)  # the horizon is level
    assert (poses[:, 1, :3] @ orbit.up < 0).all()  # y points down


@pytest.mark.parametrize("name", ["circle", "arc", "pair", "single", "translated"])
def test_cameras_look_at_the_focus_from_one_distance(name):
    orbit = fit_orbit(shaky(CAPTURES[name], 1), NO_POINTS)
    seen = orbit.poses(17) @ np.append(orbit.focus, 1.0)
    np.testing.assert_allclose(seen[:, :3], np.broadcast_to([0.0, 0.0, orbit.radius], (17, 3)), atol=1e-9)
    assert orbit.radius > 0


@given(seed=seeds, name=st.sampled_from([*CAPTURES]), scale=st.floats(0.01, 100))
def test_moving_the_scene_moves_the_path_equally(seed, name, scale):
    rng = np.random.default_rng(seed)
    views, points = shaky(CAPTURES[name], seed), rng.normal(size=(30, 3))
    R, shift = Rotation.random(random_state=rng).as_matrix(), 5 * rng.normal(size=3)
    moved = []
    for one in views:
        T = np.eye(4)
        T[:3, :3] = one.T_camera_world[:3, :3] @ R.T
        T[:3, 3] = -T[:3, :3] @ (scale * R @ one.center + shift)
        moved.append(replace(one, T_camera_world=T))
    before, after = fit_orbit(views, points), fit_orbit(moved, scale * points @ R.T + shift)
    assert before.kind == after.kind
    old, new = before.poses(12), after.poses(12)
    np.testing.assert_allclose(new[:, :3, :3], old[:, :3, :3] @ R.T, atol=1e-6)
    size = scale * max(before.radius, 1.0)
    np.testing.assert_allclose((centers(new) - shift) / size, scale * centers(old) @ R.T / size, atol=1e-6)


@given(seed=seeds, middle=st.floats(0, 360), width=st.floats(25, 170))
def test_a_path_around_something_on_a_wall_stays_within_the_photographed_arc(seed, middle, width):
    offsets = np.random.default_rng(seed).uniform(-width / 2, width / 2, 12)
    offsets[:2] = -width / 2, width / 2
    orbit = fit_orbit(ring(middle + offsets, 5.0), NO_POINTS)
    assert orbit.kind == "swing"
    np.testing.assert_allclose(orbit.focus, 0, atol=1e-6)
    path = centers(orbit.poses(40))
    azimuths = np.degrees(np.arctan2(path[:, 1], path[:, 0])) - middle
    azimuths = (azimuths + 180) % 360 - 180
    assert np.abs(azimuths).max() <= width / 2 + 1e-6
    assert np.ptp(azimuths) >= 0.95 * width


@given(seed=seeds)
def test_cameras_side_by_side_are_not_left_far_behind(seed):
    """Parallel cameras, as on a rail: the path stays among them, whatever the points say of the depth."""
    rng = np.random.default_rng(seed)
    ahead = np.array([0.0, 1.0, 0.0])
    views = shaky([view(look_along(np.array([x, 0.0, 0.0]), ahead, UP)) for x in np.linspace(-1, 1, 7)], seed, 1.0)
    points = rng.uniform((-5, 2, -5), (5, 10, 5), (50, 3))[: rng.integers(0, 50)]
    path = centers(fit_orbit(views, points).poses(30))
    assert (np.abs(path) <= (1.2, 0.4, 0.2)).all()


@given(seed=seeds)
def test_nothing_is_seen_from_behind_a_wall(seed):
    """Cameras anywhere in front of the plane y = 0, looking at about one point of it."""
    rng = np.random.default_rng(seed)
    eyes = rng.uniform((-2, 1.5, -1), (2, 4, 1), size=(15, 3))
    targets = 0.1 * rng.normal(size=(15, 3))
    aims = (targets - eyes) / np.linalg.norm(targets - eyes, axis=1, keepdims=True)
    orbit = fit_orbit([view(look_along(eye, aim, UP)) for eye, aim in zip(eyes, aims, strict=True)], NO_POINTS)
    assert (centers(orbit.poses(60))[:, 1] > 0.5).all()


def test_cameras_all_around_give_a_full_turn_that_closes():
    orbit = fit_orbit(shaky(CAPTURES["circle"], 2), NO_POINTS)
    assert orbit.kind == "circle"
    path = centers(orbit.poses(60))
    steps = np.linalg.norm(np.diff(path, axis=0, append=path[:1]), axis=1)
    np.testing.assert_allclose(steps, steps[0])
    assert steps.sum() == pytest.approx(2 * math.pi * orbit.radius * math.cos(orbit.elevation), rel=1e-3)


def test_a_gap_wider_than_allowed_is_not_crossed():
    assert fit_orbit(ring(range(0, 261, 20)), NO_POINTS).kind == "circle"
    assert fit_orbit(ring(range(0, 259, 17)), NO_POINTS).kind == "swing"


def test_height_and_distance_are_the_photographers_own():
    orbit = fit_orbit(ring(range(0, 360, 30), elevation_deg=35.0, radius=2.5, focus=(1.0, 2.0, 3.0)), NO_POINTS)
    assert math.degrees(orbit.elevation) == pytest.approx(35.0)
    assert orbit.radius == pytest.approx(2.5)
    np.testing.assert_allclose(orbit.focus, (1.0, 2.0, 3.0), atol=1e-9)


def test_cameras_that_look_outwards_give_a_pan_from_their_middle():
    views = CAPTURES["outwards"]
    orbit = fit_orbit(views, NO_POINTS)
    assert orbit.kind == "pan"
    middle = np.mean([v.center for v in views], axis=0)
    np.testing.assert_allclose(centers(orbit.poses(9)), np.tile(middle, (9, 1)), atol=1e-12)
    seen = orbit.poses(200)[:, 2, :3]
    photographed = np.stack([v.T_camera_world[2, :3] for v in views])
    assert (photographed @ seen.T).max(axis=1).min() > math.cos(math.radians(2))  # every photo's direction is passed


@pytest.mark.parametrize("size", [(1037, 1844), (270, 480), (33, 17), (5, 4000)])
@pytest.mark.parametrize("side", [16, 333, 640])
def test_the_video_s_camera_is_even_small_enough_and_sees_what_the_photos_see(size, side):
    camera = Camera(*size, fx=0.9 * size[0], fy=0.9 * size[0], cx=0.4 * size[0], cy=0.6 * size[1])
    made = turntable_camera([view(np.eye(4), camera=camera)], side)
    assert made.width % 2 == made.height % 2 == 0
    assert min(made.width, made.height) >= 2
    assert max(made.width, made.height) <= max(side + 1, 2)
    assert (made.cx, made.cy) == (made.width / 2, made.height / 2)
    assert made.fx / made.fy == pytest.approx(camera.fx / camera.fy)
    assert made.width / made.fx == pytest.approx(size[0] / camera.fx, abs=2 / made.fx)
