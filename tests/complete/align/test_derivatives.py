"""What the minimiser is told: derivatives against differences, and that it goes where they lead."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splatsmith.complete.align.evidence import Evidence
from splatsmith.complete.align.icp import plane_system
from splatsmith.complete.align.minimise import even_scales, freedom, minimise
from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.reproject import Track, errors, reproject, system
from splatsmith.complete.align.sights import Sight

UNIT = 1.7


def pose(seed: int = 0) -> Pose:
    rng = np.random.default_rng(seed)
    return Pose(Rotation.random(rng=rng).as_matrix(), 0.2 * rng.normal(size=3), 0.1 * rng.normal(size=3))


def sight(azimuth: float = 0.0) -> Sight:
    T = np.eye(4)
    T[:3, :3], T[2, 3] = Rotation.from_rotvec([0, azimuth, 0]).as_matrix(), 5
    blank = np.zeros((60, 80), np.float32)
    K = np.array([[90.0, 0, 40], [0, 95.0, 30], [0, 0, 1]])
    return Sight("v", K, T, blank, blank + 1, blank, blank, np.zeros((60, 80, 3), np.float32))


def differences(function, at: Pose) -> np.ndarray:
    """(..., 9) central differences of a function of a pose."""
    steps = 1e-5 * np.eye(9)
    return np.stack([(function(at.step(d, UNIT)) - function(at.step(-d, UNIT))) / 2e-5 for d in steps], axis=-1)


def evidence_at(points: np.ndarray, normals: np.ndarray) -> Evidence:
    return Evidence((), (), points, normals, np.zeros(3), UNIT)


def test_reprojection_has_the_derivatives_that_differences_show():
    points = np.random.default_rng(1).normal(size=(7, 3)) / 2
    track, at = Track(sight(0.4), points, np.zeros((7, 2))), pose()
    residual, jacobian = system(at, track, UNIT)
    assert np.allclose(np.linalg.norm(residual, axis=1), errors(at, track))
    assert np.allclose(jacobian, differences(lambda p: system(p, track, UNIT)[0], at), rtol=1e-5, atol=1e-5)


def test_point_to_plane_has_the_derivatives_that_differences_show():
    rng, at = np.random.default_rng(1), pose()
    points, normals = rng.normal(size=(2, 7, 3))
    evidence, weights = evidence_at(points, normals), rng.uniform(size=7)
    found = plane_system(at, points[::-1], evidence, weights)[1]
    assert np.allclose(found, differences(lambda p: plane_system(p, points[::-1], evidence, weights)[0], at), atol=1e-7)


def test_unequal_scales_cost_what_their_derivatives_say():
    at = pose()
    value, gradient, _ = even_scales(at, 0.3)
    assert value > 0
    assert np.allclose(2 * gradient, differences(lambda p: even_scales(p, 0.3)[0], at), atol=1e-8)
    assert even_scales(Pose(at.R, np.full(3, 0.7), at.t), 0.3)[0] == pytest.approx(0)


def test_matches_of_all_views_give_nine_numbers_though_a_third_are_wrong():
    rng, truth = np.random.default_rng(2), pose(3)
    points = rng.normal(size=(40, 3)) / 2
    tracks = []
    for azimuth in (-0.6, 0.0, 0.6):
        pixels = sight(azimuth).project(truth.apply(points))[0]
        pixels[::3] = rng.uniform(0, 80, (14, 2))
        tracks.append(Track(sight(azimuth), points, pixels))
    begin = truth.step(np.array([0.06, -0.05, 0.05, 0.02, 0.02, -0.02, 0.06, -0.06, 0.03]), UNIT)
    none = evidence_at(np.zeros((0, 3)), np.zeros((0, 3)))
    found = reproject(begin, tracks, None, none, stretch=True)
    assert np.abs(found.T - truth.T).max() < 0.02
    stiff = reproject(begin, tracks, None, none, stretch=False)
    assert np.allclose(stiff.a - begin.a, (stiff.a - begin.a).mean())


def test_a_similarity_keeps_the_scales_in_proportion():
    free = freedom(stretch=False)
    assert free.shape == (9, 7)
    assert np.ptp((free @ np.ones(7))[6:]) == 0


def test_the_minimiser_never_makes_it_worse():
    """A cost whose derivatives are lies: what was met first stays."""
    at = pose()
    found = minimise(at, lambda p: (1.0, np.ones(9), np.eye(9)), lambda p: 1.0, unit=UNIT, free=np.eye(9), steps=9)
    assert found is at
