"""Toys as lists of solid pieces, and the flat table of primitives that the ray caster takes.

An object is described once for n copies at a time: each Piece holds n placements and looks, so that n random members of
a family are built by the same lines that build a single one. `place` puts the copies into their pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from splatsmith.toys.affine import compose, inverse
from splatsmith.toys.materials import Material
from splatsmith.toys.shapes import BOX, CUP, FRUSTUM, HALFSPACE, KINDS, TORUS, support


@dataclass(frozen=True)
class Piece:
    """One solid of an object, in the object's frame, for n copies; fields with one row serve all copies."""

    part: str
    """Name of the part it belongs to; a part may have several pieces."""
    kind: int
    """One of shapes.KINDS."""
    T_object_local: Tensor
    """(n, 3, 4). Unit solid to object frame."""
    look: Material
    shape: Sequence[float | Tensor] = ()
    """Up to three shape numbers, see shapes.py; floats or (n,)."""
    present: Tensor | None = None
    """(n,) bool: copies that have this piece; None for all."""


@dataclass(frozen=True)
class Primitives:
    """N solids of B pictures, in the world frame."""

    picture: Tensor
    """(N,) int64. Picture that the row belongs to, ascending."""
    kind: Tensor
    """(N,) int64."""
    T_local_world: Tensor
    """(N, 3, 4)."""
    shape: Tensor
    """(N, 3)."""
    T_texture_world: Tensor
    """(N, 3, 4). World to texture coordinates, whose unit is one period."""
    color: Tensor
    color2: Tensor
    pattern: Tensor
    speckle: Tensor
    gloss: Tensor
    glow: Tensor
    part: Tensor
    """(N,) int64 part id."""
    object: Tensor
    """(N,) int64 object id."""
    center: Tensor
    """(N, 3). Centre of a bounding sphere, in the world frame."""
    radius: Tensor
    """(N,). Its radius, infinite for a half-space."""

    def __len__(self) -> int:
        return len(self.kind)

    def rows(self, index: Tensor) -> "Primitives":
        """The rows named by an index, slice or mask."""
        return Primitives(*(getattr(self, field.name)[index] for field in fields(self)))

    def pictures(self, first: int, last: int) -> "Primitives":
        """The rows of pictures first..last-1, renumbered from zero."""
        chosen = self.rows((self.picture >= first) & (self.picture < last))
        columns = {field.name: getattr(chosen, field.name) for field in fields(chosen)}
        return Primitives(**{**columns, "picture": chosen.picture - first})


def gather(tables: Sequence[Primitives]) -> Primitives:
    """Several tables as one, ordered by picture."""
    joined = Primitives(*(torch.cat([getattr(table, field.name) for table in tables]) for field in fields(Primitives)))
    return joined.rows(joined.picture.argsort(stable=True))


def place(
    pieces: Sequence[Piece], T_world_object: Tensor, picture: Tensor, part_ids: dict[str, int], object_id: int
) -> Primitives:
    """n copies of an object, copy i in picture[i] at T_world_object[i] (n, 3, 4)."""
    n = len(picture)
    T_world_object = T_world_object.expand(n, 3, 4)
    T_world_local = _placements(pieces, T_world_object)
    kind, shape = _kinds(pieces, n, picture.device), _shapes(pieces, n, picture.device)
    looks = {f.name: _rows([getattr(piece.look, f.name) for piece in pieces], n) for f in fields(Material)}
    center, radius = bounds(kind, T_world_local, shape)
    part = torch.tensor([part_ids[piece.part] for piece in pieces], device=picture.device)
    table = Primitives(
        picture=picture.repeat(len(pieces)),
        kind=kind,
        T_local_world=inverse(T_world_local),
        shape=shape,
        T_texture_world=texture_frame(T_world_object).repeat(len(pieces), 1, 1) * looks.pop("frequency")[:, None, None],
        **looks,
        part=part.repeat_interleave(n),
        object=torch.full_like(kind, object_id),
        center=center,
        radius=radius,
    )
    return gather([table.rows(_present(pieces, n, picture.device))])


def box(pieces: Sequence[Piece], T: Tensor) -> tuple[Tensor, Tensor]:
    """Corners (n, 3) of the axis-aligned box round n copies of an object, in the frame that T (n, 3, 4) maps to."""
    n = len(T)
    low, high = extent(_kinds(pieces, n, T.device), _placements(pieces, T), _shapes(pieces, n, T.device))
    present = _present(pieces, n, T.device)[:, None]
    low, high = torch.where(present, low, torch.inf), torch.where(present, high, -torch.inf)
    return low.reshape(-1, n, 3).amin(0), high.reshape(-1, n, 3).amax(0)


def texture_frame(T_world_object: Tensor) -> Tensor:
    """World to the object's frame at world scale, so that a texture's grain does not grow with the object."""
    size = T_world_object[:, :, :3].norm(dim=1)
    rigid = torch.cat([T_world_object[:, :, :3] / size[:, None, :], T_world_object[:, :, 3:]], -1)
    return inverse(rigid)


def extent(kind: Tensor, T: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest coordinates, (N, 3) each, of solids of kinds (N,) mapped by T (N, 3, 4)."""
    axes = T[:, :, :3].transpose(0, 1)
    directions = torch.cat([-axes, axes])  # (6, N, 3): the world's axes in every local frame
    reach = torch.zeros(directions.shape[:2], device=T.device)
    for k in KINDS:
        rows = (kind == k).nonzero()[:, 0]
        reach[:, rows] = support(k, directions[:, rows].flatten(0, 1), shape[rows].repeat(6, 1)).reshape(6, -1)
    return T[:, :, 3] - reach[:3].T, T[:, :, 3] + reach[3:].T


def bounds(kind: Tensor, T_world_local: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (N, 3) and radius (N,) of a ball round each solid: round its box or round its origin, as is smaller."""
    low, high = extent(kind, T_world_local, shape)
    linear, origin = T_world_local[:, :, :3], T_world_local[:, :, 3]
    stretch = (linear.mT @ linear).abs().sum(-1).amax(-1).sqrt()  # at least the largest singular value
    reach = stretch * _local_radius(kind, shape)
    diagonal = (high - low).norm(dim=-1) / 2
    center = torch.where((diagonal < reach)[:, None], (low + high) / 2, origin)
    return center, torch.minimum(diagonal, reach) * 1.0001


def _local_radius(kind: Tensor, shape: Tensor) -> Tensor:
    """(N,) greatest distance of a unit solid's points from its local origin."""
    first = shape[:, 0]
    radius = torch.ones_like(first)  # SPHERE, DOME
    radius = torch.where(kind == BOX, 3**0.5, radius)
    radius = torch.where(kind == TORUS, 1 + first, radius)
    radius = torch.where((kind == FRUSTUM) | (kind == CUP), torch.hypot(radius, first.clamp_min(1)), radius)
    return torch.where(kind == HALFSPACE, torch.inf, radius)


def _rows(columns: Sequence[Tensor], n: int) -> Tensor:
    """(pieces * n, ...) from one column per piece, each of n rows or one; pieces one after the other."""
    return torch.cat([column.expand(n, *column.shape[1:]) for column in columns])


def _placements(pieces: Sequence[Piece], T: Tensor) -> Tensor:
    return compose(T.repeat(len(pieces), 1, 1), _rows([piece.T_object_local for piece in pieces], len(T)))


def _kinds(pieces: Sequence[Piece], n: int, device: torch.device) -> Tensor:
    return torch.tensor([piece.kind for piece in pieces], device=device).repeat_interleave(n)


def _shapes(pieces: Sequence[Piece], n: int, device: torch.device) -> Tensor:
    shapes = torch.zeros(len(pieces), n, 3, device=device)
    for i, piece in enumerate(pieces):
        for column, value in enumerate(piece.shape):
            shapes[i, :, column] = value
    return shapes.flatten(0, 1)


def _present(pieces: Sequence[Piece], n: int, device: torch.device) -> Tensor:
    everywhere = torch.ones(1, dtype=torch.bool, device=device)
    return _rows([everywhere if piece.present is None else piece.present for piece in pieces], n)
