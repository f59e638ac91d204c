"""Gaussians against true surfaces: perfect labels are perfect, chance is chance, and weights count."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from splatsmith.gaussians import Gaussians
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera, View
from splatsmith.segment3d.evaluation.three_d import (
    OFF,
    ON,
    REST,
    UNDECIDED,
    SurfacePoints,
    ambiguous_share,
    extraction,
    footprints,
    true_labels,
)
from splatsmith.segment3d.scores import Scores

NAMES = {1: "floor", 2: "shelf"}
IDS = {"floor": frozenset({10}), "shelf": frozenset({20, 21})}


def grid(height: float, id: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a level square, 1 apart."""
    xy = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2)
    return np.column_stack([xy, np.full(len(xy), height)]), np.full(len(xy), id)


def surfaces() -> SurfacePoints:
    (floor, floor_ids), (shelf, shelf_ids) = grid(0.0, 1), grid(20.0, 2)
    return SurfacePoints(np.concatenate([floor, shelf]), np.concatenate([floor_ids, shelf_ids]))


def cloud(count: int, seed: int = 0) -> np.ndarray:
    """Centres near both surfaces, between them and far away."""
    rng = np.random.default_rng(seed)
    means = rng.uniform((0, 0, -12), (11, 11, 40), (count, 3))
    means[: count // 2, 2] = rng.choice([0.0, 20.0], count // 2) + rng.normal(0, 1, count // 2)
    return means


def gaussians(means, scales, opacity=0.5) -> Gaussians:
    n = len(means)
    return Gaussians(
        torch.as_tensor(np.asarray(means), dtype=torch.float32),
        torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        torch.as_tensor(np.broadcast_to(scales, (n, 3)).copy(), dtype=torch.float32).log(),
        torch.logit(torch.full((n,), opacity)),
        torch.zeros(n, 1, 3),
    )


def test_a_centre_is_on_the_nearest_surface_off_all_or_between():
    heights = np.array([0, ON - 0.01, ON + 0.01, OFF - 0.01, OFF + 0.01, 20 - ON + 0.01, 20, 300])
    centres = np.column_stack([np.full(8, 5.0), np.full(8, 5.0), heights])
    assert true_labels(centres, surfaces()).tolist() == [1, 1, UNDECIDED, UNDECIDED, REST, 2, 2, REST]


def test_the_frame_and_the_unit_mean_nothing():
    means, points = cloud(500), surfaces()
    R, shift = Rotation.random(rng=np.random.default_rng(0)).as_matrix(), np.array([3.0, -100, 7])
    moved = SurfacePoints(0.01 * points.xyz @ R.T + shift, points.ids)
    np.testing.assert_array_equal(true_labels(0.01 * means @ R.T + shift, moved), true_labels(means, points))


def test_true_labels_are_perfect():
    truth = true_labels(cloud(1000), surfaces())
    labels = np.array([0, 10, 21, 99])[truth]  # undecided ones get a number of no object
    result = extraction(labels, truth, NAMES, IDS, np.ones(1000))
    assert (result.accuracy, result.miou, dict(result.objects)) == (1, 1, {"floor": 1, "shelf": 1})


def test_labels_by_chance_are_right_by_chance():
    truth = true_labels(cloud(20000), surfaces())
    labels = np.random.default_rng(1).choice([10, 20, 98, 99], 20000)
    assert extraction(labels, truth, NAMES, IDS, np.ones(20000)).accuracy == pytest.approx(1 / 4, abs=0.01)


def test_extraction_is_the_iou_of_weighted_sets():
    rng = np.random.default_rng(2)
    truth, labels = rng.integers(-1, 3, 200), rng.choice([0, 10, 20, 21], 200)
    weights = rng.random(200)
    result = extraction(labels, truth, NAMES, IDS, weights)
    right = 0.0
    for id, name in NAMES.items():
        both = either = 0.0
        for true, label, weight in zip(truth, labels, weights, strict=True):
            if true != UNDECIDED:
                both += weight * (true == id and label in IDS[name])
                either += weight * (true == id or label in IDS[name])
        right += both
        assert result.objects[name] == pytest.approx(both / either)
    assert result.accuracy == pytest.approx(right / weights[truth > 0].sum())
    assert extraction(labels, truth, NAMES, IDS, 7 * weights).miou == pytest.approx(result.miou)


def test_undecided_gaussians_mean_nothing():
    truth = true_labels(cloud(1000), surfaces())
    labels = np.random.default_rng(3).choice([0, 10, 20], 1000)
    changed = np.where(truth == UNDECIDED, 10, labels)
    assert (changed != labels).any()
    assert extraction(changed, truth, NAMES, IDS, np.ones(1000)) == extraction(labels, truth, NAMES, IDS, np.ones(1000))


def test_false_gaussians_far_away_cost_iou_but_no_accuracy():
    truth = np.array([1, 1, 2, REST, REST])
    labels = np.array([10, 10, 20, 10, 0])
    result = extraction(labels, truth, NAMES, IDS, np.ones(5))
    assert (result.accuracy, dict(result.objects)) == (1, {"floor": 2 / 3, "shelf": 1})


def test_an_object_without_a_number_scores_0_and_one_without_gaussians_nothing():
    truth, labels = np.array([1, 1, REST]), np.array([10, 0, 0])
    result = extraction(labels, truth, NAMES, {"shelf": IDS["shelf"]}, np.ones(3))
    assert (result.accuracy, result.objects["floor"], result.miou) == (0, 0, 0)
    assert math.isnan(result.objects["shelf"])


def test_ambiguous_gaussians_hold_a_second_number():
    two = [(0.9, 0.1), (0.8, 0.16), (0.5, 0.5), (0.3, 0.0), (0.06, 0.03), (0.0, 0.0)]
    scores = Scores(np.tile(np.array([1, 2], np.uint16), (6, 1)), np.array(two, np.float16))
    assert ambiguous_share(scores, np.ones(6)) == 3 / 5  # the last was seen by nobody
    assert ambiguous_share(scores, np.array([1, 0, 0, 1, 2, 100])) == 0.5
    assert math.isnan(ambiguous_share(scores, np.array([0, 0, 0, 0, 0, 1])))
    alone = Scores(scores.ids[:, :1], scores.scores[:, :1])
    assert ambiguous_share(alone, np.ones(6)) == 0


CAMERA = Camera(80, 60, 70.0, 70.0, 40.0, 30.0)


def view(camera: Camera = CAMERA, z: float = 5.0) -> View:
    """A camera that looks along z at the origin, `z` before it."""
    T = np.eye(4)
    T[2, 3] = z
    return View("a", None, camera, T)


def test_a_footprint_is_the_sum_of_rendered_alpha():
    for scales in ((0.3, 0.3, 0.3), (0.4, 0.2, 0.01)):
        blob = gaussians([[0.1, -0.2, 0.0]], scales)
        alpha = render_view(blob, CAMERA, view().T_camera_world, backend="oracle").alpha
        assert footprints(blob, [view()])[0] == pytest.approx(float(alpha.sum()), rel=0.05)


def test_footprints_follow_opacity_and_resolution_and_are_means_over_views():
    blobs = gaussians([[0.0, 0, 0], [0, 0, -50]], 0.2, opacity=0.4)
    one = footprints(blobs, [view()])
    assert one[0] > 0
    assert one[1] == 0  # behind the camera
    np.testing.assert_allclose(footprints(gaussians([[0.0, 0, 0]], 0.2, opacity=0.8), [view()]), 2 * one[:1], rtol=1e-5)
    twice = Camera(160, 120, 140.0, 140.0, 80.0, 60.0)
    np.testing.assert_allclose(footprints(blobs, [view(twice)]), 4 * one, rtol=1e-12)
    away = view(z=-5.0)  # looks away from everything
    np.testing.assert_allclose(footprints(blobs, [view(), away])[:1], one[:1] / 2, rtol=1e-12)
    assert footprints(gaussians([[0.0, 0, 0]], 1000.0, opacity=0.5), [view()])[0] == pytest.approx(0.5 * 80 * 60)
