"""Toys with a face: their frame is that of looks.py, so they look towards -y and their left is +x."""

from math import pi

from torch import Tensor

from splatsmith.toys.affine import Number, affine, compose
from splatsmith.toys.looks import Paint, Vary, ball, between
from splatsmith.toys.pieces import Piece
from splatsmith.toys.shapes import BOX, DOME, FRUSTUM, SPHERE, TORUS

SIDES = (("left", 1), ("right", -1))
"""The toy's own sides, and their sign of x."""


def toy_figure(paint: Paint, vary: Vary) -> list[Piece]:
    """A peg doll: legs, body, arms, head, eyes, nose, mouth, and a pointed hat, a bowler, a top hat or none."""
    head = vary("head", 0.20, 0.25)
    middle = 0.545 + head * 0.92
    arms = [_arm(f"{side} arm", sign, vary(f"{side} arm", 0.25, 1.2), paint) for side, sign in SIDES]
    return [
        *_legs(paint),
        Piece("body", FRUSTUM, affine((0.20, 0.165, 0.17), shift=(0, 0, 0.36)), paint["body"], (0.68,)),
        Piece("body", DOME, affine((0.136, 0.1122, 0.06), shift=(0, 0, 0.53)), paint["body"]),
        *(piece for arm in arms for piece in arm),
        Piece("head", SPHERE, compose(affine(shift=(0, 0, middle)), ball(head)), paint["head"]),
        *_eyes(paint, head, middle, head * vary("eye", 0.21, 0.26)),
        *_nose_and_mouth(paint, head, middle),
        *_hats(paint, head, middle, vary("hat", 0.30, 0.42), vary("hat style", 0.0, 1.0)),
    ]


def _legs(paint: Paint) -> list[Piece]:
    look = paint["legs"]
    return [
        piece
        for _, sign in SIDES
        for piece in (
            Piece("legs", DOME, affine((0.085, 0.12, 0.075), shift=(0.095 * sign, -0.035, 0)), look),
            Piece("legs", FRUSTUM, affine((0.07, 0.07, 0.11), shift=(0.095 * sign, 0, 0.11)), look, (1.0,)),
        )
    ]


def _arm(part: str, sign: int, lift: Number, paint: Paint) -> list[Piece]:
    """A tapering arm from the shoulder, `lift` radians away from hanging down, with a ball of a hand."""
    shoulder = affine(turn=(-0.25, -sign * lift, 0), shift=(0.135 * sign, 0, 0.50))
    look = paint[part]
    return [
        Piece(part, SPHERE, compose(shoulder, ball(0.058)), look),
        Piece(part, FRUSTUM, compose(shoulder, affine((0.045, 0.045, 0.11), shift=(0, 0, -0.11))), look, (1.25,)),
        Piece(part, SPHERE, compose(shoulder, affine((0.062, 0.062, 0.062), shift=(0, 0, -0.235))), look),
    ]


def _eyes(paint: Paint, head: Number, middle: Number, radius: Number) -> list[Piece]:
    """Bead eyes on the front of a round head."""
    return [
        Piece(
            f"{side} eye",
            SPHERE,
            compose(_on_head(head, middle, 0.40 * sign, 0.17, 0.97), ball(radius)),
            paint[f"{side} eye"],
        )
        for side, sign in SIDES
    ]


def _nose_and_mouth(paint: Paint, head: Number, middle: Number) -> list[Piece]:
    """A ball, and the lower half of a ring: what the cut at local x >= 0.25 leaves where local x points down."""
    ring = affine((head * 0.42, head * 0.42, head * 0.42), turn=(0, pi / 2, pi / 2 * 3))
    smile = compose(_on_head(head, middle, 0.0, -0.38, 0.93), ring)
    return [
        Piece("nose", SPHERE, compose(_on_head(head, middle, 0.0, -0.14, 1.02), ball(head * 0.2)), paint["nose"]),
        Piece("mouth", TORUS, smile, paint["mouth"], (0.14, 0.25)),
    ]


def _on_head(head: Number, middle: Number, azimuth: float, elevation: float, out: float) -> Tensor:
    """A frame on the head, -y outward: `azimuth` to its left and `elevation` up from the front, `out` radii away."""
    turned = affine(turn=(-elevation, 0, azimuth), shift=(0, 0, middle))
    return compose(turned, affine(shift=(0, -head * out, 0)))


def _hats(paint: Paint, head: Number, middle: Number, height: Number, style: Number) -> list[Piece]:
    """`style` below 0.3: a bowler; to 0.7: a pointed hat with a bobble; to 0.85: a top hat; above: no hat."""
    base, half, look = middle + 0.62 * head, height / 2, paint["hat"]
    brimmed, pointed = between(0.0, style, 0.85), between(0.3, style, 0.7)
    bowler, tall = between(0.0, style, 0.3), between(0.7, style, 0.85)

    def above(scale: tuple[Number, Number, Number], lift: Number) -> Tensor:
        return affine(scale, shift=(0, 0, base + lift))

    return [
        Piece("hat", FRUSTUM, above((head * 1.22, head * 1.22, 0.014), 0.0), look, (0.96,), brimmed),
        Piece("hat", FRUSTUM, above((head * 0.88, head * 0.88, half), half), look, (0.12,), pointed),
        Piece("hat", SPHERE, above((head * 0.2, head * 0.2, head * 0.2), height), look, (), pointed),
        Piece("hat", DOME, above((head * 0.9, head * 0.9, height * 0.6), 0.0), look, (), bowler),
        Piece("hat", FRUSTUM, above((head * 0.82, head * 0.82, half * 0.7), half * 0.7), look, (1.05,), tall),
    ]


def snowman(paint: Paint, vary: Vary) -> list[Piece]:
    """Two snowballs with a carrot nose, eyes, buttons, a scarf and a top hat."""
    head = vary("head", 0.18, 0.22)
    middle = 0.52 + 0.8 * head
    carrot = compose(_on_head(head, middle, 0.0, 0.0, 1.2), affine((0.045, 0.045, 0.08), turn=(pi / 2, 0, 0)))
    buttons = [
        Piece("buttons", SPHERE, affine((0.032, 0.032, 0.032), shift=(0, -y, z)), paint["buttons"])
        for y, z in ((0.25, 0.42), (0.285, 0.31))
    ]
    scarf = affine((head * 0.82, head * 0.82, head * 0.82), shift=(0, 0, middle - head * 0.72))
    return [
        Piece("body", SPHERE, affine((0.29, 0.29, 0.27), shift=(0, 0, 0.27)), paint["body"]),
        Piece("head", SPHERE, compose(affine(shift=(0, 0, middle)), ball(head)), paint["head"]),
        *_eyes(paint, head, middle, 0.036),
        Piece("nose", FRUSTUM, carrot, paint["nose"], (0.1,)),
        *buttons,
        Piece("scarf", TORUS, scarf, paint["scarf"], (0.28, -2.0)),
        *_hats(paint, head, middle, vary("hat", 0.22, 0.30), vary("hat style", 0.71, 1.0)),
    ]


def robot(paint: Paint, vary: Vary) -> list[Piece]:
    """A box of a robot with round eyes and an antenna."""
    wide = vary("head", 0.15, 0.20)
    eyes = [
        Piece(
            f"{side} eye", SPHERE, affine((0.05, 0.03, 0.05), shift=(0.085 * sign, -0.15, 0.79)), paint[f"{side} eye"]
        )
        for side, sign in SIDES
    ]
    arms = [_arm(f"{side} arm", sign, vary(f"{side} arm", 0.25, 1.2), paint) for side, sign in SIDES]
    return [
        *_legs(paint),
        Piece("body", BOX, affine((0.18, 0.13, 0.18), shift=(0, 0, 0.40)), paint["body"]),
        *(piece for arm in arms for piece in arm),
        Piece("head", BOX, affine((wide, 0.14, 0.14), shift=(0, 0, 0.74)), paint["head"]),
        *eyes,
        Piece("mouth", BOX, affine((0.09, 0.02, 0.02), shift=(0, -0.14, 0.66)), paint["mouth"]),
        Piece("antenna", FRUSTUM, affine((0.014, 0.014, 0.07), shift=(0, 0, 0.94)), paint["antenna"], (1.0,)),
        Piece("antenna", SPHERE, affine((0.04, 0.04, 0.04), shift=(0, 0, 1.02)), paint["antenna"]),
    ]


def duck(paint: Paint, vary: Vary) -> list[Piece]:
    """A bath duck: body, tail, wings, head, beak and eyes."""
    head = vary("head", 0.19, 0.24)
    wings = [
        Piece(
            f"{side} wing",
            SPHERE,
            affine((0.06, 0.2, 0.13), turn=(0.2, 0, 0), shift=(0.27 * sign, 0.06, 0.30)),
            paint[f"{side} wing"],
        )
        for side, sign in SIDES
    ]
    face = affine(shift=(0, -0.2, 0))  # the head sits over the breast
    eyes = [_moved(eye, face) for eye in _eyes(paint, head, 0.68, head * 0.22)]
    return [
        Piece("body", SPHERE, affine((0.29, 0.40, 0.26), shift=(0, 0, 0.26)), paint["body"]),
        Piece(
            "tail", FRUSTUM, affine((0.12, 0.08, 0.14), turn=(-0.9, 0, 0), shift=(0, 0.42, 0.42)), paint["tail"], (0.1,)
        ),
        *wings,
        Piece("head", SPHERE, compose(affine(shift=(0, -0.2, 0.68)), ball(head)), paint["head"]),
        *eyes,
        Piece("beak", SPHERE, affine((0.10, 0.11, 0.035), shift=(0, -0.22 - head, 0.64)), paint["beak"]),
    ]


def _moved(piece: Piece, T: Tensor) -> Piece:
    return Piece(piece.part, piece.kind, compose(T, piece.T_object_local), piece.look, piece.shape, piece.present)
