"""Where objects go: similarities of the world for one that is moved or copied, shifts for two that change places."""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from splatsmith.edit.rows import altered
from splatsmith.edit.weights import centroid
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, select
from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.gaussians.transforms import similarity, similarity_matrix
from splatsmith.scenes.edits import Placed, Rotation

LOWEST = 0.01
"""Share of an object's Gaussians that may lie below its foot: strays."""


def placed(gaussians: Gaussians, edit: Placed) -> Gaussians:
    """The Gaussians of one object, turned and scaled about their centroid, then shifted; colours turn with them."""
    R, pivot = _turn(edit.rotate).to(gaussians.means.device), centroid(gaussians)
    shift = torch.tensor(edit.translate, dtype=torch.float64, device=pivot.device)
    return similarity(gaussians, similarity_matrix(R, edit.scale, pivot - edit.scale * R @ pivot + shift))


def swapped(gaussians: Gaussians, first: Tensor, second: Tensor, up: Tensor) -> Rows:
    """Two objects, `first` and `second` (N,) bool without a common row, in each other's place.

    The foot of each goes to where the other's was, so that each stands on what the other stood on; neither is turned.
    `up` (3,) is a unit vector of the world.
    """
    one, other = select(gaussians, first), select(gaussians, second)
    step = foot(other, up) - foot(one, up)
    there = altered(gaussians, first, _shifted(one, step))
    return there.then(altered(there.gaussians, second, _shifted(other, -step)))


def foot(gaussians: Gaussians, up: Tensor) -> Tensor:
    """(3,) float64. The point below an object's centroid at the height of its lowest Gaussians' centres."""
    middle, up = centroid(gaussians), up.to(gaussians.means.device, torch.float64)
    heights = gaussians.means.double() @ up
    return middle + (torch.quantile(heights, LOWEST) - middle @ up) * up


def _shifted(gaussians: Gaussians, step: Tensor) -> Gaussians:
    return similarity(gaussians, similarity_matrix(torch.eye(3, dtype=torch.float64).to(step), 1.0, step))


def _turn(rotation: Rotation | None) -> Tensor:
    """(3, 3) float64."""
    if rotation is None:
        return torch.eye(3, dtype=torch.float64)
    half = math.radians(rotation.degrees) / 2
    axis = normalize(torch.tensor(rotation.axis, dtype=torch.float64), dim=0)
    return rotation_matrices(torch.cat([torch.tensor([math.cos(half)]).to(axis), math.sin(half) * axis]))
