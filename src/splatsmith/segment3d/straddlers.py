"""Gaussians that straddle the boundary of two objects: how to find them, and where the boundary cuts them.

    A_ic    votes of Gaussian i for class c (votes.py); a is its strongest class, b the one that shares views with a
    beta_i  = A_ib / (A_ia + A_ib)                     minority share, over the views that see both
    x_ic    centroid of the pixels that vote for c, lifted onto the Gaussian, relative to its centre
    n_i     = (x_ia - x_ib) / |x_ia - x_ib|            normal of the boundary, from b towards a

A pixel centroid that lies D_uv from the projected centre is lifted by the projection's Jacobian J; all views together
give the normal equations (sum A J^T J) x = sum A J^T D_uv, whose parallax makes n a true direction in space.

After GradiSeg, section 3.2 (boundary Gaussians are pulled by the pixels of two objects), with the pull measured in
closed form instead of by accumulated gradients.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.segment3d.targets import Camera, Still, Target
from splatsmith.segment3d.votes import vote_mass

MINORITY = 0.15
"""Least minority share of a straddler."""
FEWEST_VIEWS = 3
LEAST_RADIUS = 2.0
"""Pixels that three standard deviations must span in some view: what is smaller cannot blur a boundary."""
MIXED = 0.5
"""Least share of the views that see both classes; where they take turns, the masks are wrong, not the Gaussian."""
SEEN = 0.5
"""Votes in a view, in pixels, from which on it counts as seeing a Gaussian."""
MIXED_MINORITY = 0.1
"""Share of the weaker class in a view from which on that view sees both."""
APART = 0.2
"""Least distance of the two centroids, in standard deviations along the line between them."""
RIDGE = 1e-3
"""Of the normal equations, as a share of their mean eigenvalue."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What all labelled views say of each Gaussian."""

    mass: Tensor
    """(N, C). A."""
    first: Tensor
    """(N,) int64. a."""
    second: Tensor
    """(N,) int64. b."""
    minority: Tensor
    """(N,). beta."""
    apart: Tensor
    """(N, 3). x_a - x_b, in scene units."""
    views: Tensor
    """(N,). Views that see it."""
    mixed_views: Tensor
    """(N,). Views that see both classes on it."""
    radius: Tensor
    """(N,). Largest half box in any view, in pixels."""


def gather(still: Still, targets: Sequence[Target], classes: int) -> Evidence:
    """Look at every Gaussian through every labelled view, three times: for a, for b, for where their votes lie."""
    mass = vote_mass(still, targets, classes)
    first = mass.argmax(dim=1)
    second = _companion(still, targets, mass, first)
    both = torch.stack([first, second], dim=1)
    n, like = len(mass), {"device": mass.device}
    normal, right, shared = torch.zeros(n, 2, 3, 3, **like), torch.zeros(n, 2, 3, **like), torch.zeros(n, 2, **like)
    views, mixed, radius = (torch.zeros(n, **like) for _ in range(3))
    for target in targets:
        seen = _moments(still, target, both)
        J, uv, half_box = _projected(still, target.camera)
        weight = seen[..., 0]
        offset = seen[..., 1:] / weight[..., None].clamp(min=1e-6) - uv[:, None]
        total = weight.sum(dim=1)
        sees_both = (total > SEEN) & (weight.amin(dim=1) > MIXED_MINORITY * total)
        weight = weight * sees_both[:, None]
        normal += weight[..., None, None] * (J.mT @ J)[:, None]
        right += weight[..., None] * (offset @ J)
        shared += weight
        views += total > SEEN
        mixed += sees_both
        radius = torch.maximum(radius, torch.where(total > SEEN, half_box, 0))
    lifted = _solved(normal, right)
    return Evidence(
        mass=mass,
        first=first,
        second=second,
        minority=shared[:, 1] / shared.sum(dim=1).clamp(min=1e-6),
        apart=lifted[:, 0] - lifted[:, 1],
        views=views,
        mixed_views=mixed,
        radius=radius,
    )


def _companion(still: Still, targets: Sequence[Target], mass: Tensor, first: Tensor) -> Tensor:
    """(N,) int64. b: the class that shares most with a within single views, sum over views of min(A_a, A_c).

    A mask with a wrong number covers a Gaussian whole, and shares nothing with the right one.
    """
    shared = torch.zeros_like(mass)
    for target in targets:
        present = target.present
        votes = torch.zeros_like(mass)
        votes[:, present] = still.accumulate(target.one_hot(present), target.camera)
        shared += torch.minimum(votes, votes.gather(1, first[:, None]))
    return shared.scatter(1, first[:, None], -1).argmax(dim=1)


def straddling(still: Still, evidence: Evidence) -> Tensor:
    """(N,) bool. The Gaussians that two objects share, and that the masks agree about."""
    return (
        (evidence.minority > MINORITY)
        & (evidence.views >= FEWEST_VIEWS)
        & (evidence.radius > LEAST_RADIUS)
        & (evidence.mixed_views >= MIXED * evidence.views)
        & (evidence.apart.norm(dim=1) > APART * spread_along(still, evidence.apart))
    )


def spread_along(still: Still, direction: Tensor) -> Tensor:
    """(N,). Standard deviation of each Gaussian along a direction (N, 3) of any length, in scene units."""
    unit = torch.nn.functional.normalize(direction, dim=1)
    local = (rotation_matrices(still.quats).mT @ unit[..., None])[..., 0]
    return (still.scales * local).norm(dim=1)


def _moments(still: Still, target: Target, both: Tensor) -> Tensor:
    """(N, 2, 3). For a and b, `both` (N, 2): the votes in one view, and the sums of u and v over them, in pixels."""
    present = target.present
    height, width = target.classes.shape
    device = target.classes.device
    v, u = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    pixel = torch.stack([torch.ones_like(u), u + 0.5, v + 0.5], dim=-1)
    sums = still.accumulate((target.one_hot(present)[..., None] * pixel[:, :, None]).flatten(2), target.camera)
    sums = torch.nn.functional.pad(sums.view(len(sums), len(present), 3), (0, 0, 0, 1))  # a class that is not there
    place = torch.searchsorted(present, both).clamp(max=max(0, len(present) - 1))
    place = torch.where(present[place] == both, place, len(present)) if len(present) else torch.zeros_like(both)
    return sums.gather(1, place[..., None].expand(-1, -1, 3))


def _projected(still: Still, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Jacobian (N, 2, 3) of pixels by world points at each centre, the centre in pixels (N, 2), the half box (N,)."""
    R, t = camera.T_camera_world[:3, :3], camera.T_camera_world[:3, 3]
    x, y, z = (still.means @ R.T + t).unbind(1)
    z = z.clamp(min=1e-6)
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]
    zero = torch.zeros_like(z)
    rows = [torch.stack([fx / z, zero, -fx * x / z**2], 1), torch.stack([zero, fy / z, -fy * y / z**2], 1)]
    J = torch.stack(rows, dim=1) @ R
    uv = torch.stack([fx * x / z + cx, fy * y / z + cy], dim=1)
    return J, uv, 3 * still.scales.amax(dim=1) * fx / z


def _solved(normal: Tensor, right: Tensor) -> Tensor:
    """(..., 3). Solution of the normal equations; zero where there is no evidence."""
    ridge = RIDGE * normal.diagonal(dim1=-2, dim2=-1).mean(dim=-1).clamp(min=1e-9)
    return torch.linalg.solve(normal + ridge[..., None, None] * torch.eye(3, device=normal.device), right)
