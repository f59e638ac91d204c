"""Where toys stand: a round table in a room, a floor in a room, or nothing but a backdrop. Toys stand on z = 0."""

from torch import Tensor

from splatsmith.toys.affine import Number, affine
from splatsmith.toys.looks import between
from splatsmith.toys.materials import Material
from splatsmith.toys.pieces import Piece
from splatsmith.toys.shapes import FRUSTUM, HALFSPACE, SPHERE

TABLE, FLOOR, BACKDROP = range(3)


def room(setting: Number | Tensor, top: Material, floor: Material, wall: Material, width: Number = 0.78) -> list[Piece]:
    """The surroundings as one part, "room"; `setting` is TABLE, FLOOR or BACKDROP, `width` the table's radius."""
    on_table, on_floor = between(TABLE, setting, FLOOR), between(FLOOR, setting, BACKDROP)
    return [
        Piece("room", FRUSTUM, affine((width, width, 0.03), shift=(0, 0, -0.03)), top, (1.0,), on_table),
        Piece("room", FRUSTUM, affine((0.16, 0.16, 0.34), shift=(0, 0, -0.40)), top, (1.0,), on_table),
        Piece("room", HALFSPACE, affine(shift=(0, 0, -0.74)), floor, (), on_table),
        Piece("room", HALFSPACE, affine(), floor, (), on_floor),
        Piece("room", SPHERE, affine((4.0, 4.0, 4.0)), wall),
    ]
