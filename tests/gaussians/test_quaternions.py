"""Quaternions are a double cover of the rotations."""

import torch

from splatsmith.gaussians.quaternions import from_rotation_matrices, multiply, rotation_matrices


def random_quats(n: int = 200, seed: int = 0) -> torch.Tensor:
    return torch.randn((n, 4), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_they_make_rotations():
    R = rotation_matrices(random_quats())
    torch.testing.assert_close(R @ R.mT, torch.eye(3).double().expand_as(R))
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(len(R)).double())


def test_a_quarter_turn_about_each_axis():
    half = 0.5**0.5
    x, y, z = torch.eye(3)
    for axis, (source, target) in {1: (y, z), 2: (z, x), 3: (x, y)}.items():
        quat = torch.zeros(4)
        quat[0] = quat[axis] = half
        torch.testing.assert_close(rotation_matrices(quat) @ source, target)


def test_length_and_sign_do_not_matter():
    quats = random_quats()
    torch.testing.assert_close(rotation_matrices(-7 * quats), rotation_matrices(quats))


def test_products_are_products_of_rotations():
    p, q = random_quats(seed=1), random_quats(seed=2)
    torch.testing.assert_close(rotation_matrices(multiply(p, q)), rotation_matrices(p) @ rotation_matrices(q))
    torch.testing.assert_close(multiply(p, q).norm(dim=1), p.norm(dim=1) * q.norm(dim=1))


def test_they_come_back_from_their_rotation():
    """Half turns included, where each of w, x, y, z vanishes in turn."""
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1e-9, 1.0], dtype=torch.float64)] * 4)
    quats = torch.cat([random_quats(), signs[signs.norm(dim=1) > 0.5]])
    quats = quats / quats.norm(dim=1, keepdim=True)
    back = from_rotation_matrices(rotation_matrices(quats))
    assert (back[:, 0] >= 0).all()
    torch.testing.assert_close((back * quats).sum(dim=1).abs(), torch.ones(len(quats)).double())


def test_no_quaternions_at_all():
    assert from_rotation_matrices(rotation_matrices(torch.zeros(0, 4))).shape == (0, 4)
