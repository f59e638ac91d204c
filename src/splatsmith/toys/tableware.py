"""Things to eat and drink from, and a lamp. Their frame is that of looks.py; handles point to +x, spouts to -x."""

from math import pi

from splatsmith.toys.affine import affine
from splatsmith.toys.looks import Paint, Vary
from splatsmith.toys.pieces import Piece
from splatsmith.toys.shapes import CUP, DOME, FRUSTUM, SPHERE, TORUS


def mug(paint: Paint, vary: Vary) -> list[Piece]:
    """A hollow cup with a ring of a handle."""
    wide = vary("wide", 0.38, 0.48)
    handle = affine((0.27, 0.31, 0.30), turn=(pi / 2, 0, 0), shift=(wide - 0.005, 0, 0.5))
    return [
        Piece("body", CUP, affine((wide, wide, 0.5), shift=(0, 0, 0.5)), paint["body"], (1.0, 0.12, 0.14)),
        Piece("handle", TORUS, handle, paint["handle"], (0.2, -0.11)),
    ]


def can(paint: Paint, vary: Vary) -> list[Piece]:
    """A drinks can: unchanged by any turn about its axis."""
    lid = paint["lid"]
    return [
        Piece("body", FRUSTUM, affine((0.26, 0.26, 0.025), shift=(0, 0, 0.025)), paint["body"], (1.15,)),
        Piece("body", FRUSTUM, affine((0.299, 0.299, 0.42), shift=(0, 0, 0.47)), paint["body"], (1.0,)),
        Piece("lid", FRUSTUM, affine((0.299, 0.299, 0.04), shift=(0, 0, 0.93)), lid, (0.8,)),
        Piece("lid", TORUS, affine((0.225, 0.225, 0.225), shift=(0, 0, 0.97)), lid, (0.1, -2.0)),
    ]


def bottle(paint: Paint, vary: Vary) -> list[Piece]:
    """A bottle with shoulders, a label and a cap."""
    wide, neck = vary("wide", 0.17, 0.23), vary("neck", 0.055, 0.075)
    return [
        Piece("body", FRUSTUM, affine((wide, wide, 0.28), shift=(0, 0, 0.28)), paint["body"], (1.0,)),
        Piece("body", DOME, affine((wide, wide, 0.18), shift=(0, 0, 0.56)), paint["body"]),
        Piece("neck", FRUSTUM, affine((neck, neck, 0.11), shift=(0, 0, 0.80)), paint["neck"], (0.9,)),
        Piece("cap", FRUSTUM, affine((neck * 1.25, neck * 1.25, 0.045), shift=(0, 0, 0.95)), paint["cap"], (0.95,)),
        Piece("label", FRUSTUM, affine((wide + 0.006, wide + 0.006, 0.12), shift=(0, 0, 0.30)), paint["label"], (1.0,)),
    ]


def teapot(paint: Paint, vary: Vary) -> list[Piece]:
    """A round pot with a knobbed lid, a spout and a handle."""
    wide = vary("wide", 0.40, 0.48)
    spout = affine((0.085, 0.085, 0.24), turn=(0, -0.75, 0), shift=(-wide - 0.08, 0, 0.50))
    handle = affine((0.24, 0.24, 0.24), turn=(pi / 2, 0, 0), shift=(wide - 0.03, 0, 0.42))
    return [
        Piece("body", SPHERE, affine((wide, wide, 0.38), shift=(0, 0, 0.40)), paint["body"]),
        Piece("body", FRUSTUM, affine((0.26, 0.26, 0.05), shift=(0, 0, 0.05)), paint["body"], (1.0,)),
        Piece("lid", DOME, affine((0.24, 0.24, 0.13), shift=(0, 0, 0.72)), paint["lid"]),
        Piece("lid", SPHERE, affine((0.06, 0.06, 0.06), shift=(0, 0, 0.90)), paint["lid"]),
        Piece("spout", FRUSTUM, spout, paint["spout"], (0.6,)),
        Piece("handle", TORUS, handle, paint["handle"], (0.18, -0.4)),
    ]


def bowl(paint: Paint, vary: Vary) -> list[Piece]:
    """A wide hollow bowl on a foot, with one fruit in it."""
    foot = paint["foot"]
    return [
        Piece("foot", FRUSTUM, affine((0.24, 0.24, 0.04), shift=(0, 0, 0.04)), foot, (0.9,)),
        Piece("bowl", CUP, affine((0.28, 0.28, 0.20), shift=(0, 0, 0.28)), paint["bowl"], (2.0, 0.14, 0.3)),
        Piece("fruit", SPHERE, affine((0.24, 0.24, 0.24), shift=(0, 0, 0.41)), paint["fruit"]),
    ]


def lamp(paint: Paint, vary: Vary) -> list[Piece]:
    """A table lamp."""
    wide, top = vary("shade", 0.28, 0.38), vary("top", 0.45, 0.8)
    return [
        Piece("base", FRUSTUM, affine((0.24, 0.24, 0.035), shift=(0, 0, 0.035)), paint["base"], (0.85,)),
        Piece("stem", FRUSTUM, affine((0.035, 0.035, 0.30), shift=(0, 0, 0.36)), paint["stem"], (1.0,)),
        Piece("stem", SPHERE, affine((0.06, 0.06, 0.06), shift=(0, 0, 0.3)), paint["stem"]),
        Piece("shade", FRUSTUM, affine((wide, wide, 0.2), shift=(0, 0, 0.80)), paint["shade"], (top,)),
    ]
