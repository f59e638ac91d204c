"""The demo scene: five toys on a round wooden table in a plain room, seen from two orbits.

World: z up, the table's top at z = 0, units about those of a metre. The figure faces azimuth -90 degrees (-y).
"""

from dataclasses import dataclass
from math import cos, pi, sin

import torch
from torch import Tensor

from splatsmith.toys.affine import affine
from splatsmith.toys.figures import toy_figure
from splatsmith.toys.looks import Paint
from splatsmith.toys.materials import CHECKER, CLOUDS, STRIPES, WOOD, linear_from_srgb, material, named
from splatsmith.toys.pieces import Piece, Primitives, gather, place
from splatsmith.toys.playthings import ball, block
from splatsmith.toys.raycast import Cameras, Light
from splatsmith.toys.rooms import TABLE, room
from splatsmith.toys.tableware import can, mug
from splatsmith.toys.views import look_at

WIDTH, HEIGHT, FOCAL = 256, 192, 290.0
PER_ORBIT = 40
ORBITS = ((1.48, 0.31, 0.0), (1.62, 0.70, 0.5))
"""(distance, elevation in radians, azimuth offset in steps) of each orbit."""
BALL, BALL_SIZE, BLOCK_SIZE = (-0.36, -0.06), 0.22, 0.18
TARGET = (0.0, 0.0, 0.21)


@dataclass(frozen=True)
class DemoObject:
    """One object of the table: how it is built and where it stands."""

    id: int
    name: str
    prompt: str
    pieces: list[Piece]
    size: float
    """Scene units per unit of the object's frame."""
    place: tuple[float, float]
    """x, y of its foot on the table."""
    turn: float
    """Radians about z."""
    symmetry: dict[str, str]
    """none, mirror, revolution, cube or sphere: of the bare "shape", and as "painted", speckle aside."""

    @property
    def parts(self) -> list[str]:
        """Names of its parts, in order of appearance."""
        return list(dict.fromkeys(piece.part for piece in self.pieces))

    @property
    def T_world_object(self) -> Tensor:
        """(1, 3, 4) object frame to world: turn, uniform scale and shift."""
        return affine((self.size,) * 3, turn=(0, 0, self.turn), shift=(*self.place, 0))


def demo_objects() -> list[DemoObject]:
    """The five objects."""
    return [
        DemoObject(
            1,
            "figure",
            "toy figure",
            toy_figure(_figure_paint(), _fixed),
            0.47,
            (0.0, 0.09),
            0.08,
            {"shape": "none", "painted": "none"},
        ),
        DemoObject(
            2,
            "mug",
            "teal mug",
            mug(_mug_paint(), _fixed),
            0.235,
            (0.34, -0.10),
            -0.55,
            {"shape": "mirror", "painted": "none"},
        ),
        DemoObject(
            3,
            "can",
            "striped can",
            can(_can_paint(), _fixed),
            0.29,
            (0.17, 0.33),
            0.0,
            {"shape": "revolution", "painted": "revolution"},
        ),
        DemoObject(
            4,
            "ball",
            "orange ball",
            ball(_ball_paint(), _fixed),
            BALL_SIZE,
            BALL,
            0.4,
            {"shape": "sphere", "painted": "revolution"},
        ),
        DemoObject(
            5,
            "block",
            "red block",
            block(_block_paint(), _fixed),
            BLOCK_SIZE,
            *_beside_ball(),
            {"shape": "cube", "painted": "none"},
        ),
    ]


def demo_part_ids(objects: list[DemoObject]) -> dict[tuple[str, str], int]:
    """(object name, part name) -> part id, counted from 1 through the whole scene."""
    names = [(thing.name, part) for thing in objects for part in thing.parts]
    return {name: i for i, name in enumerate(names, start=1)}


def demo_primitives(pictures: int = 1) -> Primitives:
    """The whole scene, once per picture."""
    objects = demo_objects()
    ids = demo_part_ids(objects)
    picture = torch.arange(pictures)
    tables = [place(_room(), affine(), picture, {"room": 0}, 0)]
    for thing in objects:
        parts = {part: ids[thing.name, part] for part in thing.parts}
        tables.append(place(thing.pieces, thing.T_world_object.expand(pictures, 3, 4), picture, parts, thing.id))
    return gather(tables)


def demo_light() -> Light:
    """A lamp up on the left behind the camera that faces the figure, and a soft sky."""
    row = torch.tensor
    return Light(
        row([[-1.5, -1.9, 2.7]]),
        row([0.28]),
        row([[0.80, 0.76, 0.69]]),
        row([[0.44, 0.46, 0.50]]),
        row([[0.24, 0.21, 0.19]]),
    )


def demo_azimuths() -> list[float]:
    """Azimuth of every view's camera about the table, radians in [-pi, pi): orbit by orbit."""
    steps = [(i + shift) / PER_ORBIT for _, _, shift in ORBITS for i in range(PER_ORBIT)]
    return [(2 * pi * step) - pi for step in steps]


def demo_cameras(scale: float = 1.0) -> Cameras:
    """All views' cameras; `scale` < 1 gives smaller pictures of the same views."""
    azimuths = demo_azimuths()
    eyes = []
    for orbit, (distance, elevation, _) in enumerate(ORBITS):
        for azimuth in azimuths[orbit * PER_ORBIT : (orbit + 1) * PER_ORBIT]:
            flat = distance * cos(elevation)
            eyes.append((flat * cos(azimuth), flat * sin(azimuth), TARGET[2] + distance * sin(elevation)))
    width, height, n = round(WIDTH * scale), round(HEIGHT * scale), len(eyes)
    focal = torch.full((n, 2), FOCAL * scale)
    principal = torch.tensor([[width / 2, height / 2]]).expand(n, 2)
    return Cameras(width, height, focal, principal, look_at(torch.tensor(eyes), torch.tensor([TARGET])))


def _fixed(name: str, low: float, high: float) -> float:
    return {"left arm": 0.95, "right arm": 0.45}.get(name, (low + high) / 2)


def _srgb(*rgb: float) -> Tensor:
    return linear_from_srgb(torch.tensor(rgb))


def _figure_paint() -> Paint:
    shirt = material(named("red"), named("white"), STRIPES, 17.0, speckle=0.12)
    skin = material(named("beige"), speckle=0.10, frequency=24.0)
    sleeve = material(named("red"), speckle=0.15, frequency=30.0)
    eye = material(named("blue"), gloss=0.25)
    return {
        "legs": material(named("brown"), speckle=0.2, frequency=30.0),
        "body": shirt,
        "left arm": sleeve,
        "right arm": sleeve,
        "head": skin,
        "left eye": eye,
        "right eye": eye,
        "nose": material(named("orange"), gloss=0.1),
        "mouth": material(_srgb(0.55, 0.16, 0.16)),
        "hat": material(named("green"), _srgb(0.32, 0.70, 0.30), CLOUDS, 26.0, speckle=0.12),
    }


def _mug_paint() -> Paint:
    glaze = material(_srgb(0.36, 0.66, 0.62), _srgb(0.28, 0.54, 0.55), CLOUDS, 22.0, speckle=0.12, gloss=0.15)
    return {"body": glaze, "handle": material(_srgb(0.90, 0.84, 0.70), speckle=0.10, frequency=26.0, gloss=0.12)}


def _can_paint() -> Paint:
    return {
        "body": material(named("blue"), named("white"), STRIPES, 10.0, gloss=0.2),
        "lid": material(_srgb(0.70, 0.71, 0.73), gloss=0.25),
    }


def _ball_paint() -> Paint:
    return {"ball": material(named("orange"), _srgb(0.96, 0.70, 0.28), STRIPES, 8.0, speckle=0.14, gloss=0.12)}


def _block_paint() -> Paint:
    return {"block": material(named("red"), _srgb(0.86, 0.40, 0.22), CHECKER, 9.0, speckle=0.14)}


def _beside_ball() -> tuple[tuple[float, float], float]:
    """Place and turn of the block such that one of its faces touches the ball."""
    turn, reach = -0.45, BALL_SIZE / 2 + BLOCK_SIZE / 2
    return (BALL[0] + reach * cos(turn), BALL[1] + reach * sin(turn)), turn


def _room() -> list[Piece]:
    oak = material(_srgb(0.66, 0.46, 0.28), _srgb(0.54, 0.35, 0.20), WOOD, 9.0, speckle=0.10, gloss=0.06)
    floor = material(_srgb(0.58, 0.55, 0.52), _srgb(0.48, 0.47, 0.46), CHECKER, 1.6, speckle=0.06)
    wall = material(_srgb(0.70, 0.76, 0.82), _srgb(0.86, 0.80, 0.70), CLOUDS, 0.45, glow=0.75)
    return room(TABLE, oak, floor, wall)
