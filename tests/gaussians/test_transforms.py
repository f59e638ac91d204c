"""Laws of moving scenes: groups act, covariances are carried, a moved camera sees the moved scene as before."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from splatsmith.gaussians import Gaussians, sh
from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.gaussians.transforms import affine, covariances, similarity, similarity_matrix
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera

seeds = st.integers(0, 10_000)
DOUBLE = {"dtype": torch.float64}
few = settings(max_examples=20)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_similarity(seed: int, *, reflects: bool = False) -> torch.Tensor:
    normal = torch.randn(8, generator=generator(seed), **DOUBLE)
    R = rotation_matrices(normal[:4])
    return similarity_matrix(-R if reflects else R, normal[4].exp(), normal[5:])


def random_affine(seed: int, *, log_stretch: float = 1.0) -> torch.Tensor:
    """Shears and stretches by exp(+-log_stretch), turns or reflects, and shifts."""
    normal = torch.randn(11, generator=generator(seed), **DOUBLE)
    U, V = rotation_matrices(normal[:4]), rotation_matrices(normal[4:8])
    T = torch.eye(4, **DOUBLE)
    T[:3, :3] = U @ torch.diag(torch.tensor([log_stretch, -log_stretch, 0.0], **DOUBLE).exp()) @ V * (-1) ** seed
    T[:3, 3] = normal[8:]
    return T


def same_picture(a: Gaussians, b: Gaussians, atol: float = 1e-10) -> None:
    """Equal in all that can be seen: parameters but for the order and signs of a Gaussian's axes."""
    size = covariances(b).abs().amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(covariances(a) / size, covariances(b) / size, atol=atol, rtol=0)
    for name in ("means", "logit_opacities", "sh"):
        torch.testing.assert_close(a.columns[name], b.columns[name], atol=atol, rtol=atol)
    assert all(torch.equal(column, b.extra[name]) for name, column in a.extra.items())


@pytest.mark.parametrize("move", [similarity, affine])
@few
@given(seed=seeds, reflects=st.booleans())
def test_similarities_compose_as_their_matrices(labelled, move, seed, reflects):
    gaussians = labelled(5, **DOUBLE)
    first, second = random_similarity(seed), random_similarity(seed + 1, reflects=reflects)
    same_picture(move(move(gaussians, first), second), move(gaussians, second @ first))


@few
@given(seed=seeds)
def test_affine_maps_compose_but_for_the_colours(labelled, seed):
    gaussians = labelled(5, **DOUBLE)
    first, second = random_affine(seed), random_affine(seed + 7)
    twice, once = affine(affine(gaussians, first), second), affine(gaussians, second @ first)
    same_picture(replace(twice, sh=once.sh), once)


@pytest.mark.parametrize("move", [similarity, affine])
def test_the_identity_moves_nothing(labelled, move):
    gaussians = labelled(5, **DOUBLE)
    same_picture(move(gaussians, torch.eye(4)), gaussians)


def test_the_identity_similarity_gives_the_same_bits(labelled, equal):
    gaussians = labelled(50)
    moved = similarity(gaussians, torch.eye(4))
    equal(replace(moved, sh=gaussians.sh), gaussians)
    torch.testing.assert_close(moved.sh, gaussians.sh, atol=1e-6, rtol=0)


@few
@given(seed=seeds, reflects=st.booleans())
def test_the_inverse_matrix_moves_back(labelled, seed, reflects):
    gaussians = labelled(5, **DOUBLE)
    T = random_similarity(seed, reflects=reflects)
    same_picture(similarity(similarity(gaussians, T), torch.linalg.inv(T)), gaussians)
    T = random_affine(seed)
    back = affine(affine(gaussians, T), torch.linalg.inv(T))
    same_picture(replace(back, sh=gaussians.sh), gaussians)


@few
@given(seed=seeds, reflects=st.booleans())
def test_a_similarity_is_an_affine_map(labelled, seed, reflects):
    gaussians = labelled(5, **DOUBLE)
    T = random_similarity(seed, reflects=reflects)
    same_picture(similarity(gaussians, T), affine(gaussians, T))


@few
@given(seed=seeds, log_stretch=st.sampled_from([0.0, 1.0, 5.0, 9.0]))
def test_covariances_become_A_Sigma_A_T(scene, seed, log_stretch):
    gaussians = scene(20, seed=seed, **DOUBLE)
    T = random_affine(seed, log_stretch=log_stretch)
    A = T[:3, :3]
    moved = affine(gaussians, T)
    expected = A @ covariances(gaussians) @ A.T
    size = expected.abs().amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(covariances(moved) / size, expected / size, atol=1e-12, rtol=0)
    torch.testing.assert_close(moved.means, gaussians.means @ A.T + T[:3, 3])
    assert torch.equal(moved.logit_opacities, gaussians.logit_opacities)


@few
@given(seed=seeds, log_stretch=st.sampled_from([1.0, 5.0, 9.0]))
def test_thin_axes_survive(scene, seed, log_stretch):
    """Volumes scale by |det A|, even where A is nearly singular or a Gaussian nearly flat."""
    gaussians = scene(20, seed=seed, **DOUBLE)
    flat = replace(gaussians, log_scales=gaussians.log_scales + torch.tensor([0.0, 0.0, -9.0]))
    T = random_affine(seed, log_stretch=log_stretch)
    moved = affine(flat, T)
    expected = flat.log_scales.sum(dim=1) + torch.linalg.det(T[:3, :3]).abs().log()
    torch.testing.assert_close(moved.log_scales.sum(dim=1), expected, atol=1e-4, rtol=0)
    assert (moved.log_scales.diff(dim=1) <= 0).all()


def test_a_gaussian_too_flat_for_float64_stays_finite(scene):
    gaussians = scene(5, **DOUBLE)
    flat = replace(gaussians, log_scales=torch.tensor([0.0, -900.0, -1000.0], **DOUBLE).expand(5, 3))
    for move in (similarity, affine):
        moved = move(flat, random_similarity(3))
        assert all(column.isfinite().all() for column in moved.columns.values())


@few
@given(seed=seeds, reflects=st.booleans())
def test_colours_turn_with_the_scene(scene, seed, reflects):
    gaussians = scene(20, **DOUBLE)
    T = random_similarity(seed, reflects=reflects)
    scale = torch.linalg.det(T[:3, :3]).abs() ** (1 / 3)
    Q = T[:3, :3] / scale
    d = torch.nn.functional.normalize(torch.randn((20, 3), generator=generator(seed), **DOUBLE), dim=1)
    seen = sh.evaluate(gaussians.sh, d)
    for move in (similarity, affine):
        torch.testing.assert_close(sh.evaluate(move(gaussians, T).sh, d @ Q.T), seen, atol=1e-12, rtol=0)


def test_scaling_adds_to_the_logs(scene):
    gaussians = scene(5, **DOUBLE)
    moved = similarity(gaussians, similarity_matrix(torch.eye(3), 2.5, torch.zeros(3)))
    torch.testing.assert_close(moved.log_scales, gaussians.log_scales + np.log(2.5))
    torch.testing.assert_close(moved.means, 2.5 * gaussians.means)
    torch.testing.assert_close(moved.quats, gaussians.quats)


def test_quaternions_keep_their_length(scene):
    gaussians = scene(50)
    moved = similarity(gaussians, random_similarity(1))
    torch.testing.assert_close(moved.quats.norm(dim=1), gaussians.quats.norm(dim=1))


@pytest.mark.parametrize("move", [similarity, affine])
def test_types_stay_inputs_stay_and_extras_ride_along(labelled, equal, move):
    gaussians, T = labelled(6), random_similarity(2)
    before = T.clone()
    moved = move(gaussians, T.numpy())
    equal(gaussians, labelled(6))
    assert torch.equal(T, before)
    assert {name: column.dtype for name, column in moved.columns.items()} == {
        name: column.dtype for name, column in gaussians.columns.items()
    }
    assert all(torch.equal(column, gaussians.extra[name]) for name, column in moved.extra.items())
    assert len(move(labelled(0), T)) == 0


def test_matrices_that_are_not_such_maps_are_refused(scene):
    gaussians = scene(2)
    shear = torch.eye(4)
    shear[0, 1] = 0.1
    with pytest.raises(ValueError, match="not a similarity, since it shears or stretches"):
        similarity(gaussians, shear)
    for move in (similarity, affine):
        with pytest.raises(ValueError, match="not invertible, it flattens the scene"):
            move(gaussians, torch.diag(torch.tensor([1.0, 1.0, 0.0, 1.0])))
        for T in (torch.eye(3), torch.eye(4) + torch.eye(4).flip(0), torch.eye(4) * torch.nan):
            with pytest.raises(ValueError, match="not an affine"):
                move(gaussians, T)


CAMERA = Camera(width=48, height=36, fx=50.0, fy=45.0, cx=23.0, cy=19.0)


def picture(gaussians: Gaussians, T_camera_world: torch.Tensor, camera: Camera = CAMERA) -> torch.Tensor:
    """(H, W, 4). Colour and opacity, by the oracle in float64."""
    rendered = render_view(gaussians, camera, T_camera_world, backend="oracle")
    assert rendered.alpha.mean() > 0.05
    return torch.cat([rendered.image, rendered.alpha[..., None]], dim=2)


def in_view(gaussians: Gaussians) -> tuple[Gaussians, torch.Tensor]:
    """A small scene about the origin, and a camera four units off that looks at it from the side."""
    T_camera_world = torch.eye(4, **DOUBLE)
    T_camera_world[:3, :3] = rotation_matrices(torch.tensor([1.0, 0.2, -0.4, 0.1], **DOUBLE))
    T_camera_world[2, 3] = 4.0
    return replace(gaussians, means=0.5 * gaussians.means), T_camera_world


@settings(max_examples=5)
@given(seed=seeds)
def test_a_moved_camera_sees_the_moved_scene_as_before(scene, seed):
    """A similarity scales depth too, hence the camera stays rigid: its frame is that of the scene, scaled."""
    gaussians, T_camera_world = in_view(scene(40, seed=seed, **DOUBLE))
    T = random_similarity(seed)
    scale = torch.linalg.det(T[:3, :3]) ** (1 / 3)
    moved_camera = torch.diag(torch.stack([scale, scale, scale, torch.ones_like(scale)])) @ T_camera_world
    moved_camera = moved_camera @ torch.linalg.inv(T)
    before = picture(gaussians, T_camera_world)
    for move in (similarity, affine):
        torch.testing.assert_close(picture(move(gaussians, T), moved_camera), before, atol=1e-9, rtol=0)


@settings(max_examples=4)
@given(seed=seeds)
def test_a_mirrored_scene_looks_mirrored(scene, seed):
    """Reflect the scene, and the camera's own x axis: the picture comes out with left and right exchanged."""
    gaussians, T_camera_world = in_view(scene(40, seed=seed, **DOUBLE))
    normal = torch.nn.functional.normalize(torch.randn(3, generator=generator(seed), **DOUBLE), dim=0)
    mirror = torch.eye(4, **DOUBLE)
    mirror[:3, :3] -= 2 * normal[:, None] * normal
    left_right = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0], **DOUBLE))
    mirrored_camera = replace(CAMERA, cx=CAMERA.width - CAMERA.cx)
    after = picture(similarity(gaussians, mirror), left_right @ T_camera_world @ mirror, mirrored_camera)
    torch.testing.assert_close(after.flip(1), picture(gaussians, T_camera_world), atol=1e-9, rtol=0)
