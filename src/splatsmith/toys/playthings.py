"""Toys without a face, and one with wheels. Their frame is that of looks.py; the car drives towards -y."""

from math import cos, pi, sin

from splatsmith.toys.affine import affine
from splatsmith.toys.looks import Paint, Vary
from splatsmith.toys.pieces import Piece
from splatsmith.toys.shapes import BOX, DOME, FRUSTUM, SPHERE


def ball(paint: Paint, vary: Vary) -> list[Piece]:
    """A ball of diameter one."""
    return [Piece("ball", SPHERE, affine((0.5, 0.5, 0.5), shift=(0, 0, 0.5)), paint["ball"])]


def block(paint: Paint, vary: Vary) -> list[Piece]:
    """A cube of side one."""
    return [Piece("block", BOX, affine((0.5, 0.5, 0.5), shift=(0, 0, 0.5)), paint["block"])]


def car(paint: Paint, vary: Vary) -> list[Piece]:
    """A toy car: body, cabin, four wheels and two headlights."""
    cabin = vary("cabin", 0.16, 0.24)
    wheels = [
        Piece(
            "wheels",
            FRUSTUM,
            affine((0.15, 0.15, 0.05), turn=(0, pi / 2, 0), shift=(0.27 * x, 0.33 * y, 0.15)),
            paint["wheels"],
            (1.0,),
        )
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    lights = [
        Piece(
            f"{side} headlight", SPHERE, affine((0.06, 0.04, 0.06), shift=(x, -0.55, 0.30)), paint[f"{side} headlight"]
        )
        for side, x in (("left", 0.17), ("right", -0.17))
    ]
    return [
        Piece("body", BOX, affine((0.27, 0.55, 0.14), shift=(0, 0, 0.27)), paint["body"]),
        Piece("cabin", FRUSTUM, affine((0.25, 0.34, cabin), shift=(0, 0.06, 0.40 + cabin)), paint["cabin"], (0.72,)),
        *wheels,
        *lights,
    ]


def rocket(paint: Paint, vary: Vary) -> list[Piece]:
    """A rocket on four fins, with a round window in front."""
    wide = vary("wide", 0.15, 0.21)
    corners = [pi / 4 + k * pi / 2 for k in range(4)]
    fins = [
        Piece(
            "fins",
            BOX,
            affine((0.12, 0.02, 0.13), turn=(0, 0, a), shift=(0.2 * cos(a), 0.2 * sin(a), 0.13)),
            paint["fins"],
        )
        for a in corners
    ]
    return [
        Piece("body", FRUSTUM, affine((wide, wide, 0.30), shift=(0, 0, 0.38)), paint["body"], (1.0,)),
        Piece("nose", FRUSTUM, affine((wide, wide, 0.16), shift=(0, 0, 0.84)), paint["nose"], (0.05,)),
        Piece("window", SPHERE, affine((0.075, 0.04, 0.075), shift=(0, -wide, 0.52)), paint["window"]),
        *fins,
    ]


def mushroom(paint: Paint, vary: Vary) -> list[Piece]:
    """A mushroom."""
    wide = vary("cap", 0.38, 0.50)
    return [
        Piece("stem", FRUSTUM, affine((0.19, 0.19, 0.30), shift=(0, 0, 0.30)), paint["stem"], (0.7,)),
        Piece("cap", DOME, affine((wide, wide, 0.42), shift=(0, 0, 0.52)), paint["cap"]),
    ]
