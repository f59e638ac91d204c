"""Moving Gaussians: similarities and general affine maps of the world, view-dependent colour included.

    T_new_old   (4, 4) homogeneous matrix, x_new = A x_old + t, with A = T[:3, :3] and t = T[:3, 3]
    Sigma       covariance R diag(s)^2 R^T of a Gaussian; becomes A Sigma A^T
    Q           the orthogonal factor of A = Q P, P symmetric and positive: the rotation (or reflection) nearest to A

Maps compose as their matrices do, and `torch.linalg.inv` undoes them. Computed in float64, returned in the types of
the scene; extra columns ride along.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splatsmith.gaussians import sh
from splatsmith.gaussians.container import Gaussians
from splatsmith.gaussians.quaternions import from_rotation_matrices, multiply, rotation_matrices

THINNEST = 1e-12
"""Thickness of a Gaussian, as a share of its length, below which float64 cannot tell thin from thinner."""


def similarity_matrix(rotation: Tensor, scale: float | Tensor, translation: Tensor) -> Tensor:
    """(4, 4) float64. x -> scale * rotation @ x + translation, for an orthogonal (3, 3) and a (3,)."""
    T = torch.eye(4, dtype=torch.float64, device=rotation.device)
    T[:3, :3] = scale * rotation
    T[:3, 3] = translation
    return T


def similarity(gaussians: Gaussians, T_new_old: Tensor | np.ndarray) -> Gaussians:
    """Turn, scale and shift a scene; exact, and each Gaussian keeps its axes in their order.

    Reflections are similarities too: a Gaussian is its own mirror image up to a rotation, and the colours are mirrored.
    Raises ValueError if `T_new_old` (4, 4) is not a similarity.
    """
    A, t = _affine_parts(gaussians, T_new_old)
    scale = torch.linalg.det(A).abs() ** (1 / 3)
    Q = A / scale
    if not torch.allclose(Q @ Q.T, torch.eye(3).to(Q), atol=1e-5):
        raise ValueError(f"not a similarity, since it shears or stretches: {A.tolist()}")
    turn = from_rotation_matrices(Q * torch.linalg.det(Q).sign())  # -Q carries a covariance to the same place as Q
    return replace(
        gaussians,
        means=_moved(gaussians.means, A, t),
        quats=multiply(turn, gaussians.quats.double()).to(gaussians.quats),
        log_scales=(gaussians.log_scales.double() + scale.log()).to(gaussians.log_scales),
        sh=sh.rotate(gaussians.sh, Q),
    )


def affine(gaussians: Gaussians, T_new_old: Tensor | np.ndarray) -> Gaussians:
    """Map a scene by any invertible affine map; means and covariances exactly, colours turned by Q.

    What a sheared Gaussian should look like from the side is nowhere defined; Q is exact for similarities. The axes of
    each Gaussian come out ordered from the longest to the shortest. Raises ValueError if `T_new_old` (4, 4) is not
    affine, or flattens the scene.
    """
    A, t = _affine_parts(gaussians, T_new_old)
    U, _, Vh = torch.linalg.svd(A)
    # A R diag(s) = axes diag(stretch) V^T, hence A Sigma A^T = axes diag(stretch)^2 axes^T: no square is ever taken
    log_scales = gaussians.log_scales.double()
    largest = log_scales.amax(dim=1, keepdim=True)
    relative = (log_scales - largest).exp().clamp(min=THINNEST)
    shapes = (A @ rotation_matrices(gaussians.quats.double())) * relative[:, None, :]
    axes, stretch, _ = torch.linalg.svd(shapes)
    axes = axes * torch.linalg.det(axes).sign()[:, None, None]
    return replace(
        gaussians,
        means=_moved(gaussians.means, A, t),
        quats=from_rotation_matrices(axes).to(gaussians.quats),
        log_scales=(stretch.log() + largest).to(gaussians.log_scales),
        sh=sh.rotate(gaussians.sh, U @ Vh),
    )


def covariances(gaussians: Gaussians) -> Tensor:
    """(N, 3, 3). Sigma = R diag(s)^2 R^T, in squared scene units."""
    shapes = rotation_matrices(gaussians.quats) * gaussians.scales[:, None, :]
    return shapes @ shapes.mT


def _moved(means: Tensor, A: Tensor, t: Tensor) -> Tensor:
    return (means.double() @ A.T + t).to(means)


def _affine_parts(gaussians: Gaussians, T_new_old: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    T = torch.as_tensor(T_new_old, dtype=torch.float64, device=gaussians.means.device)
    if T.shape != (4, 4) or not T.isfinite().all() or T[3].tolist() != [0, 0, 0, 1]:
        raise ValueError(f"not an affine (4, 4) matrix with last row 0 0 0 1: {T.tolist()}")
    singular = torch.linalg.svdvals(T[:3, :3])
    if singular[2] <= 1e-12 * singular[0]:
        raise ValueError(f"not invertible, it flattens the scene: {T.tolist()}")
    return T[:3, :3], T[:3, 3]
