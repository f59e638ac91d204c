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
from splatsmith.toys.shapes import BOX, CUP, DOME, FRUSTUM, HALFSPACE, KINDS, SPHERE, TORUS, support


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
    return gather([_place_piece(piece, T_world_object, picture, part_ids[piece.part], object_id) for piece in pieces])


def _shape(piece: Piece, n: int, device: torch.device) -> Tensor:
    shape = torch.zeros(n, 3, device=device)
    for column, value in enumerate(piece.shape):
        shape[:, column] = torch.as_tensor(value, dtype=torch.float32, device=device)
    return shape


def _place_piece(piece: Piece, T_world_object: Tensor, picture: Tensor, part: int, object_id: int) -> Primitives:
    n, device = len(picture), picture.device
    T_world_local = compose(T_world_object, piece.T_object_local.expand(n, 3, 4))
    shape = _shape(piece, n, device)
    look = {f.name: getattr(piece.look, f.name) for f in fields(piece.look)}
    look = {name: value.expand(n, *value.shape[1:]) for name, value in look.items()}
    center, radius = bounds(piece.kind, T_world_local, shape)
    whole = torch.full_like(picture, 1)
    table = Primitives(
        picture=picture,
        kind=whole * piece.kind,
        T_local_world=inverse(T_world_local),
        shape=shape,
        T_texture_world=texture_frame(T_world_object) * look.pop("frequency")[:, None, None],
        **look,
        part=whole * part,
        object=whole * object_id,
        center=center,
        radius=radius,
    )
    return table if piece.present is None else table.rows(piece.present.expand(n))


def texture_frame(T_world_object: Tensor) -> Tensor:
    """World to the object's frame at world scale, so that a texture's grain does not grow with the object."""
    size = T_world_object[:, :, :3].norm(dim=1)
    rigid = torch.cat([T_world_object[:, :, :3] / size[:, None, :], T_world_object[:, :, 3:]], -1)
    return inverse(rigid)


def extent(kind: int, T: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest coordinates, (n, 3) each, of solids mapped by T (n, 3, 4)."""
    reach = [[support(kind, sign * T[:, axis, :3], shape) for axis in range(3)] for sign in (-1, 1)]
    return T[:, :, 3] - torch.stack(reach[0], -1), T[:, :, 3] + torch.stack(reach[1], -1)


def box(pieces: Sequence[Piece], T: Tensor) -> tuple[Tensor, Tensor]:
    """Corners (n, 3) of the axis-aligned box round n copies of an object, in the frame that T (n, 3, 4) maps to."""
    lows, highs = [], []
    for piece in pieces:
        shape = _shape(piece, len(T), T.device)
        low, high = extent(piece.kind, compose(T, piece.T_object_local), shape)
        there = torch.ones(1, dtype=torch.bool, device=T.device) if piece.present is None else piece.present
        lows.append(torch.where(there[:, None], low, torch.inf))
        highs.append(torch.where(there[:, None], high, -torch.inf))
    return torch.stack(lows).amin(0), torch.stack(highs).amax(0)


def bounds(kind: int, T_world_local: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (n, 3) and radius (n,) of a sphere round each solid: the smaller of two easy ones."""
    low, high = extent(kind, T_world_local, shape)
    if kind == HALFSPACE:
        return T_world_local[:, :, 3], torch.full_like(low[:, 0], torch.inf)
    linear = T_world_local[:, :, :3]
    stretch = (linear.mT @ linear).abs().sum(-1).amax(-1).sqrt()  # at least the largest singular value
    reach = stretch * _local_radius(kind, shape)
    diagonal = (high - low).norm(dim=-1) / 2
    center = torch.where((diagonal < reach)[:, None], (low + high) / 2, T_world_local[:, :, 3])
    return center, torch.minimum(diagonal, reach) * 1.0001


def _local_radius(kind: int, shape: Tensor) -> Tensor:
    assert kind in KINDS
    one = torch.ones_like(shape[:, 0])
    if kind in (SPHERE, DOME):
        return one
    if kind == BOX:
        return one * 3**0.5
    if kind == TORUS:
        return 1 + shape[:, 0]
    assert kind in (FRUSTUM, CUP)
    return torch.hypot(one, shape[:, 0].clamp_min(1))
