"""Where training begins: at the points, as large as their gaps; or at random within what the cameras see."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.points import Points, no_points
from splatsmith.train.initialise import (
    FEWEST_POINTS,
    RANDOM_POINTS,
    initial_gaussians,
    look_at_point,
    neighbour_distance,
    random_points,
    scene_extent,
)


def some_points(count: int, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    return Points(rng.normal(size=(count, 3)), rng.integers(0, 256, (count, 3), np.uint8))


def begun(points, views, **settings):
    usual = {"method": "sfm", "sh_degree": 2, "opacity": 0.1, "scale": 0.5, "most": 10**6, "seed": 0}
    return initial_gaussians(points, views, **usual | settings)


def test_one_gaussian_sits_at_each_point_in_its_colour(blob_scene):
    points = some_points(80)
    gaussians = begun(points, blob_scene.views)
    torch.testing.assert_close(gaussians.means, torch.from_numpy(points.xyz).float())
    torch.testing.assert_close(gaussians.opacities, torch.full((80,), 0.1))
    shown = 0.5 + 0.28209479177387814 * gaussians.sh[:, 0]
    torch.testing.assert_close(shown, torch.from_numpy(points.rgb).float() / 255, rtol=0, atol=1e-6)
    assert not gaussians.sh[:, 1:].any()
    expected = 0.5 * torch.from_numpy(neighbour_distance(points.xyz)).float()
    torch.testing.assert_close(gaussians.scales, expected[:, None].repeat(1, 3))


@given(count=st.integers(1, 30), seed=st.integers(0, 100))
def test_neighbour_distance_is_the_brute_force_one(count, seed):
    xyz = some_points(count, seed).xyz
    squared = ((xyz[:, None] - xyz[None]) ** 2).sum(axis=2)
    nearest = np.sort(squared, axis=1)[:, 1:4]
    expected = np.sqrt(nearest.mean(axis=1)) if count > 1 else np.ones(1)
    np.testing.assert_allclose(neighbour_distance(xyz), expected)


def test_points_in_one_place_still_give_finite_gaussians(blob_scene):
    points = Points(np.zeros((FEWEST_POINTS, 3)), np.zeros((FEWEST_POINTS, 3), np.uint8))
    gaussians = begun(points, blob_scene.views)
    assert gaussians.log_scales.isfinite().all()


def test_too_many_points_are_thinned_by_the_seed(blob_scene):
    one, same, other = (begun(some_points(300), blob_scene.views, most=100, seed=seed) for seed in (1, 1, 2))
    assert len(one) == 100
    assert torch.equal(one.means, same.means)
    assert not torch.equal(one.means, other.means)


@pytest.mark.parametrize(
    ("points", "method"), [(no_points(), "sfm"), (some_points(5), "sfm"), (some_points(99), "random")]
)
def test_random_points_lie_in_some_cameras_frustum(blob_scene, points, method):
    gaussians = begun(points, blob_scene.views, method=method)
    assert len(gaussians) == RANDOM_POINTS
    seen = np.zeros(len(gaussians), bool)
    for view in blob_scene.views:
        local = gaussians.means.double().numpy() @ view.T_camera_world[:3, :3].T + view.T_camera_world[:3, 3]
        pixel = local @ view.camera.K.T
        u, v = (pixel[:, :2] / pixel[:, 2:]).T
        inside = (local[:, 2] > 0) & (u > -1e-3) & (v > -1e-3)
        seen |= inside & (u < view.camera.width + 1e-3) & (v < view.camera.height + 1e-3)
    assert seen.all()
    assert gaussians.log_scales.isfinite().all()


def test_random_points_do_not_exceed_the_limit(blob_scene):
    assert len(begun(no_points(), blob_scene.views, most=77)) == 77


def test_the_views_of_a_ring_look_at_its_middle(blob_scene):
    np.testing.assert_allclose(look_at_point(blob_scene.views), np.zeros(3), atol=1e-9)


def test_parallel_views_look_ahead():
    camera = Camera(10, 10, 10.0, 10.0, 5.0, 5.0)
    poses = [np.eye(4) for _ in range(3)]
    for x, pose in enumerate(poses):
        pose[0, 3] = -x
    views = [View(str(x), None, camera, pose) for x, pose in enumerate(poses)]
    np.testing.assert_allclose(look_at_point(views), [1, 0, 1])
    points = random_points(views, 50, np.random.default_rng(0), around=no_points())
    assert (points.xyz[:, 2] > 0).all()


def test_extent_is_that_of_the_cameras_or_else_of_the_points(blob_scene):
    assert scene_extent(blob_scene.views, blob_scene.points) == pytest.approx(1.1 * 4)
    alone = blob_scene.views[:1]
    points = Points(alone[0].center + np.array([[0, 0, 7.0]] * 3), np.zeros((3, 3), np.uint8))
    assert scene_extent(alone, points) == pytest.approx(7)
    assert scene_extent(alone, no_points()) == 1
