"""Poses: steps and inverses; similarities from points; the override of a person."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatsmith.base.errors import InputError
from splatsmith.complete.align.hypotheses import spiral_rotations, upright_rotations
from splatsmith.complete.align.override import read_override
from splatsmith.complete.align.pose import Pose, angle_between, pose_of, similarity
from splatsmith.complete.align.umeyama import ransac, umeyama

seeds = st.integers(0, 10_000)


def some(seed: int) -> tuple[Pose, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return Pose(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3) / 3, rng.normal(size=3)), rng


@given(seeds)
def test_matrix_and_inverse_agree_with_the_pose(seed):
    pose, rng = some(seed)
    points = rng.normal(size=(5, 3))
    assert np.allclose(pose.apply(points), points @ pose.T[:3, :3].T + pose.T[:3, 3])
    assert np.allclose(pose.invert(pose.apply(points)), points)
    back = pose_of(pose.T)
    assert np.allclose(back.R, pose.R)
    assert np.allclose(back.a, pose.a)


@given(seeds)
def test_a_turn_of_the_world_leaves_its_point_and_the_scales(seed):
    pose, rng = some(seed)
    R, about, point = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3), rng.normal(size=3)
    turned = pose.turned(R, about)
    assert np.allclose(turned.apply(point), R @ (pose.apply(point) - about) + about)
    assert np.array_equal(turned.a, pose.a)


@pytest.mark.parametrize("spoil", [np.diag([-1.0, 1, 1, 1]), np.eye(4) + 0.2 * np.eye(4, k=1)])
def test_what_mirrors_or_shears_is_no_pose(spoil):
    with pytest.raises(ValueError, match="mirrors|shears"):
        pose_of(spoil)


@given(seeds)
def test_umeyama_finds_the_similarity_that_made_the_pairs(seed):
    pose, rng = some(seed)
    truth = similarity(pose.R, pose.scale, pose.t)
    x = rng.normal(size=(6, 3))
    assert np.allclose(umeyama(x, truth.apply(x)).T, truth.T)
    weights = np.array([1.0, 1, 1, 1, 1, 0])
    y = truth.apply(x)
    y[5] += 100
    assert np.allclose(umeyama(x, y, weights).T, truth.T)
    held = umeyama(x, truth.apply(x), scale=1.0)
    assert np.allclose(held.R, truth.R)
    assert held.scale == pytest.approx(1)


def test_umeyama_never_mirrors():
    x = np.random.default_rng(0).normal(size=(9, 3))
    assert np.linalg.det(umeyama(x, x * [1, 1, -1]).R) == pytest.approx(1)


def test_umeyama_needs_three_pairs():
    with pytest.raises(ValueError, match="3 pairs"):
        umeyama(np.zeros((2, 3)), np.zeros((2, 3)))


@given(seeds)
def test_ransac_looks_past_a_half_of_wrong_pairs(seed):
    pose, rng = some(seed)
    truth = similarity(pose.R, 1.5, pose.t)
    x = rng.normal(size=(40, 3))
    y = truth.apply(x)
    y[:20] = rng.normal(size=(20, 3)) * 5
    found, inliers = ransac(x, y, within=0.05, draws=300, rng=rng)
    assert np.allclose(found.T, truth.T, atol=1e-2)
    assert inliers[20:].all()


def test_ransac_of_too_few_pairs_is_none():
    rng = np.random.default_rng(0)
    assert ransac(np.zeros((2, 3)), np.zeros((2, 3)), within=1, draws=5, rng=rng) is None


def test_spiral_rotations_leave_no_rotation_far_away():
    grid = Rotation.from_matrix(spiral_rotations(512)).as_quat()
    others = Rotation.random(2000, rng=np.random.default_rng(0)).as_quat()
    nearest = np.degrees(2 * np.arccos(np.clip(np.abs(others @ grid.T).max(axis=1), 0, 1)))
    assert nearest.max() < 36
    assert nearest.mean() < 18


def test_upright_rotations_keep_the_axis():
    up_proxy, up_world = np.array([0, 1.0, 0]), np.array([0, 0.6, 0.8])
    along = upright_rotations(up_proxy, up_world) @ up_proxy
    assert np.allclose(np.abs(along @ up_world), 1)
    assert {1, -1} == set(np.round(along @ up_world).astype(int).tolist())


def written(tmp_path, text: str):
    path = tmp_path / "pose_override.yml"
    path.write_text(text, encoding="utf-8")
    return read_override(path)


def test_an_override_says_the_same_in_both_ways(tmp_path):
    parts = written(tmp_path, "rotation: [0, 0, 0, 2]\nscale: [1, 2, 3]\ntranslation: [4, 5, 6]\n")
    whole = written(tmp_path, f"T_world_proxy: {parts.pose.T.tolist()}\nlocked: false\n")
    assert np.allclose(parts.pose.T, whole.pose.T)
    assert np.allclose(parts.pose.A, np.diag([-1, -2, 3]))  # half a turn about z
    assert (parts.locked, whole.locked) == (True, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("translation: [1, 2, 3]\nscalee: 2\n", "did you mean `scale`"),
        ("scale: -1\ntranslation: [1, 2, 3]\n", "greater than 0"),
        ("locked: true\n", "T_world_proxy or translation is needed"),
        ("T_world_proxy: [[-1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]\n", "mirrors"),
        ("T_world_proxy: [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]\nscale: 2\n", "stands alone"),
        ("translation: [1, 2, .nan]\n", "finite"),
        ("rotation: [0, 0, 0, 0]\ntranslation: [1, 2, 3]\n", "no quaternion"),
        ("translation: [1, 2\n", "cannot be read"),
        ("!!python/object/apply:os.system ['true']\n", "cannot be read"),
    ],
)
def test_a_bad_override_is_explained(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        written(tmp_path, text)


def test_angles_are_those_between_rotations():
    R = Rotation.from_rotvec([0, 0, np.radians(30)]).as_matrix()
    assert angle_between(R @ R, R) == pytest.approx(30)
