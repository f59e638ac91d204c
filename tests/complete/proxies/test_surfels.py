"""Discs on a surface cover it once: as much area as it has, everywhere, and no two on top of each other."""

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from splatsmith.complete.proxies.surfels import PACKED, RADIUS, even_samples, surfels, triangle_areas
from splatsmith.gaussians.quaternions import rotation_matrices

SHAPES = {
    "ball": trimesh.creation.icosphere(3),
    "long triangles": trimesh.creation.cylinder(0.2, 3.0, sections=12),
    "box of two sizes": trimesh.util.concatenate(
        [trimesh.creation.box((1, 2, 0.1)), trimesh.creation.icosphere(4, 0.3)]
    ),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def shape(request) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(request.param.vertices), np.asarray(request.param.faces)


def test_the_samples_stand_for_the_whole_area(shape):
    samples = even_samples(*shape, 0.05)
    area = triangle_areas(*shape).sum()
    assert len(samples.faces) * samples.spacing**2 == pytest.approx(area)
    assert samples.spacing == pytest.approx(0.05, rel=0.15)  # as many as were asked for, more or less


def test_no_two_samples_are_close_and_none_is_missing(shape):
    samples = even_samples(*shape, 0.05)
    points = samples.of(shape[0], shape[1])
    tree = cKDTree(points)
    assert tree.query(points, 2)[0][:, 1].min() >= PACKED * 0.05
    anywhere = trimesh.sample.sample_surface(trimesh.Trimesh(*shape, process=False), 3000, seed=1)[0]
    assert tree.query(anywhere)[0].max() < 2 * PACKED * 0.05


def test_discs_lie_in_their_triangles(shape):
    vertices, faces = shape
    samples = even_samples(vertices, faces, 0.1)
    gaussians = surfels(samples, vertices, faces, np.full((len(samples.faces), 3), 0.25))
    normals = rotation_matrices(gaussians.quats.double())[:, :, 2].numpy()
    a, b, c = vertices[faces[samples.faces]].transpose(1, 0, 2)
    expected = np.cross(b - a, c - a)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(normals, expected, atol=1e-5)
    height = ((gaussians.means.numpy() - a) * expected).sum(1)
    np.testing.assert_allclose(height, 0, atol=1e-5)
    assert gaussians.scales[:, :2].numpy() == pytest.approx(RADIUS * samples.spacing, rel=1e-5)


def test_twice_the_same_is_the_same(shape):
    one, other = (even_samples(*shape, 0.1) for _ in range(2))
    assert one.faces.tobytes() == other.faces.tobytes()
    assert one.weights.tobytes() == other.weights.tobytes()


def test_what_is_larger_by_a_factor_has_the_same_samples(shape):
    vertices, faces = shape
    one, other = even_samples(vertices, faces, 0.1), even_samples(7 * vertices, faces, 0.7)
    np.testing.assert_array_equal(one.faces, other.faces)
    np.testing.assert_allclose(one.weights, other.weights)
