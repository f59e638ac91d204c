"""How a capture stands in the world: its up axis, what its cameras look at, and from which sides."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.orientation import azimuths, focus_point, up_axis

CAMERA = Camera(64, 48, 60.0, 60.0, 32.0, 24.0)
NO_POINTS = np.zeros((0, 3))
UP, ORIGIN = np.array([0.0, 0.0, 1.0]), np.zeros(3)
seeds = st.integers(0, 2**32 - 1)


def view(T_camera_world: np.ndarray, i: int = 0) -> View:
    return View(f"{i:04}", Path(f"{i:04}.png"), CAMERA, T_camera_world)


def ring(azimuths_deg, elevation_deg=20.0) -> list[View]:
    """Level cameras around the origin that look at it, z being up."""
    views = []
    for i, azimuth in enumerate(np.radians(azimuths_deg)):
        elevation = math.radians(elevation_deg)
        level = np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
        outwards = math.cos(elevation) * level + math.sin(elevation) * UP
        views.append(view(look_along(3 * outwards, -outwards, UP), i))
    return views


@given(seed=seeds)
def test_focus_is_the_point_that_all_axes_pass(seed):
    rng = np.random.default_rng(seed)
    focus, eyes = rng.normal(size=3), 4 * rng.normal(size=(6, 3))
    forwards = (focus - eyes) / np.linalg.norm(focus - eyes, axis=1, keepdims=True)
    np.testing.assert_allclose(focus_point(eyes, forwards, NO_POINTS), focus, atol=1e-6)


def test_focus_of_parallel_axes_lies_at_the_depth_of_the_points():
    eyes = np.array([[-1.0, 0, 0], [1.0, 0, 0]])
    forwards = np.array([[0.0, 1, 0], [0.0, 1, 0]])
    points = np.array([[0.0, 5, 1], [3.0, 6, 0], [0.0, 7, 0], [0.0, -50, 0]])  # one behind
    np.testing.assert_allclose(focus_point(eyes, forwards, points), [0, 6, 0])


@given(tilt=st.floats(-60, 60), width=st.floats(15, 120))
def test_up_is_vertical_for_level_cameras_though_they_all_look_down_from_one_side(tilt, width):
    views = ring(np.linspace(-width / 2, width / 2, 9), elevation_deg=tilt)
    np.testing.assert_allclose(up_axis(views), UP, atol=1e-6)


def test_up_of_cameras_held_in_any_roll_is_their_mean_up():
    views = []
    for i, (one, roll) in enumerate(zip(ring(range(0, 360, 45), 0.0), [40, -40] * 4, strict=True)):
        T = np.eye(4)
        T[:3, :3] = Rotation.from_euler("z", roll, degrees=True).as_matrix()
        views.append(view(T @ one.T_camera_world, i))
    np.testing.assert_allclose(up_axis(views), UP, atol=1e-6)


def test_up_of_cameras_that_look_straight_down_points_from_the_ground_to_them():
    views = [
        view(look_along(np.array([x, 0.0, 5.0]), -UP, np.array([math.cos(x), math.sin(x), 0.0]))) for x in range(6)
    ]
    np.testing.assert_allclose(up_axis(views), UP, atol=1e-6)


@given(st.lists(st.floats(-179, 179), min_size=1, max_size=8), st.floats(-60, 60))
def test_azimuths_count_counter_clockwise_from_the_world_s_first_level_axis(degrees, elevation):
    np.testing.assert_allclose(np.degrees(azimuths(ring(degrees, elevation), ORIGIN, UP)), degrees, atol=1e-6)


@given(seed=seeds, turn=st.floats(-math.pi, math.pi), scale=st.floats(0.1, 10))
def test_turning_the_cameras_about_up_adds_to_their_azimuths(seed, turn, scale):
    """Neither the distance nor where the cameras look matters."""
    rng = np.random.default_rng(seed)
    up, focus = Rotation.random(random_state=rng).apply(UP), rng.normal(size=3)
    R = Rotation.from_rotvec(turn * up).as_matrix()
    forwards = rng.normal(size=(4, 3))
    forwards /= np.linalg.norm(forwards, axis=1, keepdims=True)
    views = [view(look_along(rng.normal(size=3), forward, UP)) for forward in forwards]
    moved = []
    for one in views:
        T = one.T_camera_world.copy()
        T[:3, 3] = -T[:3, :3] @ (focus + scale * R @ (one.center - focus))
        moved.append(replace(one, T_camera_world=T))
    added = azimuths(moved, focus, up) - azimuths(views, focus, up)
    np.testing.assert_allclose(np.exp(1j * added), np.exp(1j * turn), atol=1e-6)


@given(seed=seeds)
def test_azimuths_seen_from_below_run_the_other_way(seed):
    centers = np.random.default_rng(seed).normal(size=(5, 3))
    views = [view(look_along(center, -center / np.linalg.norm(center), UP)) for center in centers]
    np.testing.assert_allclose(azimuths(views, ORIGIN, -UP), -azimuths(views, ORIGIN, UP), atol=1e-12)


def test_another_capture_s_estimate_of_up_hardly_moves_azimuth_zero():
    """Two splits of one capture agree on it, though their cameras differ."""
    views = ring(range(-170, 180, 20))
    nearly = Rotation.from_euler("xy", [1, -1], degrees=True).apply(UP)
    assert np.abs(azimuths(views, ORIGIN, UP) - azimuths(views, ORIGIN, nearly)).max() < math.radians(2)
