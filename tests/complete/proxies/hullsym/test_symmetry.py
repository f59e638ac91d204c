"""A symmetry that a body has is found from one side of it, and one that it has not is refused."""

import numpy as np
import pytest

from splatsmith.complete.proxies.hullsym.grid import LIMIT, Grid
from splatsmith.complete.proxies.hullsym.search import group, symmetries
from splatsmith.complete.proxies.hullsym.symmetry import Evidence, reflection, turn

SIDE = 48
MIDDLE = np.array([23.0, 24.5, 22.0])


def evidence(distance, colour=lambda points: 0 * points + 0.5, unseen=np.pi / 2) -> Evidence:
    """What cameras with x > 0 tell of a body that `distance` (n, 3) -> (n,) describes, negative within.

    Points whose normal is more than 130 degrees off +x are not seen; behind them, the body runs on.
    """
    grid = Grid(np.eye(4), (SIDE, SIDE, SIDE), MIDDLE)
    field = -distance(grid.cells.astype(float) - MIDDLE)
    shadow = grid.cells[:, 0] < MIDDLE[0] - 4
    across = grid.cells * [0, 1, 1] + [MIDDLE[0], 0, 0]
    field = np.where(shadow, np.maximum(field, -distance(across - MIDDLE)), field)
    field = field.clip(-LIMIT, LIMIT).astype(np.float32).reshape(grid.shape)
    rng = np.random.default_rng(0)
    points = rng.uniform(-20, 20, (60000, 3))
    for _ in range(12):  # onto the surface
        points -= distance(points)[:, None] * normals(distance, points) * 0.9
    keep = (np.abs(distance(points)) < 0.05) & (normals(distance, points)[:, 0] > -0.64)
    points = points[keep][:4000]
    return Evidence(grid, field, points + MIDDLE, normals(distance, points), colour(points))


def normals(distance, points: np.ndarray) -> np.ndarray:
    slopes = [(distance(points + 1e-3 * axis) - distance(points - 1e-3 * axis)) / 2e-3 for axis in np.eye(3)]
    slopes = np.stack(slopes, 1)
    return slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-9)


def ball(center, radius):
    return lambda points: np.linalg.norm(points - np.array(center), axis=1) - radius


def union(*parts):
    return lambda points: np.min([part(points) for part in parts], axis=0)


def bottle(points: np.ndarray) -> np.ndarray:
    level = np.linalg.norm(points[:, :2], axis=1)
    return np.maximum(level - 11 + 3 * np.tanh(points[:, 2] / 3), np.abs(points[:, 2]) - 15) * 0.7


def bear(points: np.ndarray) -> np.ndarray:
    """With two ears beside its head, which lies forward."""
    return union(ball((0, 0, -4), 11), ball((3, 0, 9), 6), ball((3, 5.5, 14), 3), ball((3, -5.5, 14), 3))(points)


def lopsided(points: np.ndarray) -> np.ndarray:
    bumps = [(9, -8, 2, 5), (8, 9, -6, 4), (6, 3, 11, 5), (11, 2, 1, 4), (5, -9, -11, 3), (4, 12, 5, 3), (5, -6, 12, 3)]
    return union(ball((0, 0, 0), 9), *(ball(bump[:3], bump[3]) for bump in bumps))(points)


def test_maps_are_what_they_are_called():
    n = np.array([0.6, 0.0, 0.8])
    g = reflection(n, 3.0)
    np.testing.assert_allclose(g @ g, np.eye(4), atol=1e-12)
    on = np.array([3 * 0.6, 5.0, 3 * 0.8, 1])
    np.testing.assert_allclose(g @ on, on, atol=1e-12)
    assert np.linalg.det(g) == pytest.approx(-1)
    quarter = turn(np.array([0.0, 0, 1]), np.array([1.0, 2, 0]), np.pi / 2)
    np.testing.assert_allclose(quarter @ [2, 2, 7, 1], [1, 3, 7, 1], atol=1e-12)
    np.testing.assert_allclose(np.linalg.matrix_power(quarter, 4), np.eye(4), atol=1e-12)


def test_the_mirror_of_a_body_with_two_ears_is_found():
    found = symmetries(evidence(bear))
    assert found[0].kind == "mirror"
    assert abs(found[0].normal[1]) > np.cos(np.radians(4))
    assert abs(found[0].normal @ (MIDDLE - found[0].point)) < 1.5
    assert found[0].painted


def test_the_axis_of_a_bottle_is_found():
    found = symmetries(evidence(bottle))
    assert [one.kind for one in found] == ["revolution"]
    np.testing.assert_allclose(found[0].point[:2], MIDDLE[:2], atol=1.5)


def test_a_body_without_symmetry_has_none():
    assert symmetries(evidence(lopsided)) == []


def test_a_plane_that_takes_the_surface_into_free_space_is_refused():
    known = evidence(bear)
    true = known.score(reflection(np.array([0.0, 1, 0]), MIDDLE[1]))
    shifted = known.score(reflection(np.array([0.0, 1, 0]), MIDDLE[1] + 6))
    assert true.accepted
    assert true.free < 0.01
    assert not shifted.accepted
    assert shifted.free > 0.1


def test_paint_is_told_from_shape():
    def half_red(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 1:2] > 0, [0.9, 0.1, 0.1], [0.9, 0.3, 0.3])

    found = symmetries(evidence(bear, half_red))
    assert abs(found[0].normal[1]) > 0.99
    assert not found[0].painted


def test_two_mirrors_make_three_maps():
    known = evidence(union(ball((0, 9, 0), 8), ball((0, -9, 0), 8), ball((0, 0, 10), 5)))
    found = symmetries(known)
    maps = group(found)
    assert len(maps) == (1 << len(found)) - 1
    for g in maps:
        assert known.score(g).free < 0.1
