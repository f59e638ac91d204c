"""Points spread evenly over the true surface of an object, its hidden sides too."""

import torch
from torch import Tensor

from splatsmith.toys.pieces import Primitives
from splatsmith.toys.raycast import cast, surface_at
from splatsmith.toys.shapes import implicit


def surface_points(primitives: Primitives, lines: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (P, 3), unit normals (P, 3) and part ids (P,) on the outside of the union of one picture's primitives.

    Evenly by area: a surface meets isotropic random lines in proportion to its area (the Cauchy-Crofton formula). Every
    crossing of `lines` lines counts, unless it lies inside another of the primitives. On the CPU.
    """
    center, radius = _enclosing_sphere(primitives)
    origins, directions = _random_lines(center, radius, lines, seed)
    found = []
    while directions.shape[2]:
        t, row = cast(primitives, origins, directions)
        surface = surface_at(primitives, origins, directions, t, row)
        outward = torch.where(surface.entering[:, None], surface.normal, -surface.normal)
        # Judged from just outside, so that a face that another solid is set upon does not count.
        open_air = ~_inside_another(primitives, surface.point + 1e-3 * radius * outward, surface.row)
        found.append((surface.point[open_air], outward[open_air], primitives.part[surface.row[open_air]]))
        directions = directions[:, :, surface.ray]
        origins = (surface.point + 1e-4 * radius * surface.direction).T[:, None, :]
    return tuple(torch.cat(column) for column in zip(*found, strict=True))


def _enclosing_sphere(primitives: Primitives) -> tuple[Tensor, Tensor]:
    low = (primitives.center - primitives.radius[:, None]).amin(0)
    high = (primitives.center + primitives.radius[:, None]).amax(0)
    return (low + high) / 2, (high - low).norm() / 2


def _random_lines(center: Tensor, radius: Tensor, lines: int, seed: int) -> tuple[Tensor, Tensor]:
    """Isotropic uniform lines through a ball, as rays (3, 1, lines) that start outside it."""
    random = torch.Generator().manual_seed(seed)
    direction = torch.nn.functional.normalize(torch.randn(lines, 3, generator=random), dim=-1)
    in_plane = torch.randn(lines, 3, generator=random)
    in_plane = in_plane - (in_plane * direction).sum(-1, keepdim=True) * direction
    offset = torch.nn.functional.normalize(in_plane, dim=-1) * torch.rand(lines, 1, generator=random).sqrt()
    origin = center + radius * (offset - 1.5 * direction)
    return origin.T[:, None, :], direction.T[:, None, :].contiguous()


def _inside_another(primitives: Primitives, points: Tensor, row: Tensor) -> Tensor:
    inside = torch.zeros(len(points), dtype=torch.bool)
    for other in range(len(primitives)):
        T = primitives.T_local_world[other]
        shape = primitives.shape[other].expand(len(points), 3)
        value = implicit(int(primitives.kind[other]), points @ T[:, :3].T + T[:, 3], shape)
        inside |= (value < 0) & (row != other)
    return inside
