"""Random members of the demo scene's family: pictures of toys, with captions and masks of their coloured parts.

Picture i of a family is a function of the seed and i: kind of toy, colours, proportions, size, view, crop,
surroundings, light and blur. Everything is drawn and rendered for a whole batch at once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import pi

import torch
from torch import Tensor

from splatsmith.toys.affine import affine
from splatsmith.toys.captions import COINS, Depicted, Part, caption
from splatsmith.toys.draws import Draws
from splatsmith.toys.figures import duck, robot, snowman, toy_figure
from splatsmith.toys.looks import Paint, Vary
from splatsmith.toys.materials import CHECKER, CLOUDS, PLAIN, WOOD, Material, material
from splatsmith.toys.pieces import Piece, Primitives, box, gather, place
from splatsmith.toys.playthings import ball, block, car, mushroom, rocket
from splatsmith.toys.raycast import Light, render, trace_truth
from splatsmith.toys.rooms import BACKDROP, TABLE, room
from splatsmith.toys.tableware import bottle, bowl, can, lamp, mug, teapot
from splatsmith.toys.variation import (
    COLORS,
    PATTERN_WORDS,
    draw_colors,
    draw_patterns,
    paint,
    palette_color,
    proportions,
    stances,
)
from splatsmith.toys.views import frame, on_sphere

KINDS: dict[str, Callable[[Paint, Vary], list[Piece]]] = {
    "toy figure": toy_figure,
    "robot": robot,
    "snowman": snowman,
    "duck": duck,
    "mug": mug,
    "teapot": teapot,
    "bottle": bottle,
    "bowl": bowl,
    "can": can,
    "lamp": lamp,
    "car": car,
    "rocket": rocket,
    "mushroom": mushroom,
    "ball": ball,
    "block": block,
}
SHARES = (6.0, 1.5, 1.5, 1.5, 2.5, 1.0, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""How often each kind is drawn."""


@dataclass(frozen=True)
class Pictures:
    """n members of the family."""

    images: Tensor
    """(n, S, S, 3) float32 sRGB in [0, 1]."""
    part: Tensor
    """(n, S, S) uint8 `part_ids()` of the toy that the caption is about, 0 elsewhere; of each pixel's centre."""
    object: Tensor
    """(n, S, S) uint8: 1 that toy, 2 and 3 toys beside it, 0 elsewhere."""
    captions: list[str]
    depicted: list[Depicted]
    """What the captions were made from: every visible part with its colour."""


@cache
def part_ids() -> dict[str, int]:
    """Part name -> id in part masks, one numbering for all kinds, from 1."""
    names = {part for kind in KINDS for part in parts_of(kind)}
    return {name: i for i, name in enumerate(sorted(names), start=1)}


@cache
def parts_of(kind: str) -> tuple[str, ...]:
    """Names of the parts that a kind of toy can have."""
    grey = defaultdict(lambda: material(torch.ones(3)))
    return tuple(dict.fromkeys(piece.part for piece in KINDS[kind](grey, lambda name, low, high: low)))


@torch.no_grad()
def draw_members(seed: int, index: Tensor, size: int, supersample: int = 2) -> Pictures:
    """Pictures `index` (n,) int64 of the family `seed`, `size` pixels square, on the index's device."""
    draws = Draws(seed, index)
    with index.device:  # the toys are built from plain numbers, which are to land there
        toys, center, radius = _toys(draws)
        cameras, azimuth = frame(draws, center, radius, size)
        surroundings, place_words = _surroundings(draws)
        beside = [table for object_id in (2, 3) for table in _beside(draws, object_id, azimuth, radius)]
        primitives = gather([toys.primitives, surroundings, *beside])
    images = render(primitives, cameras, _light(draws), supersample, soft_sky=False)
    images = _blur(images, draws.chance("blur", 0.35) * draws.uniform("blur/sigma") * size / 64)
    truth = trace_truth(primitives, cameras)
    depicted = _depicted(toys, truth.part, place_words)
    coins = torch.stack([draws.uniform(f"caption/{i}") for i in range(COINS)], 1).tolist()
    captions = [caption(one, row) for one, row in zip(depicted, coins, strict=True)]
    return Pictures(images, truth.part.to(torch.uint8), truth.object.to(torch.uint8), captions, depicted)


@dataclass(frozen=True)
class _Toys:
    """The toys that n pictures are about."""

    primitives: Primitives
    kind: Tensor
    """(n,) index into KINDS."""
    color: Tensor
    """(n, parts + 1) index into COLORS, by part id."""
    pattern: Tensor
    """(n, parts + 1) pattern, by part id."""
    has: Tensor
    """(n, parts + 1) bool: the toy has the part."""


def _toys(draws: Draws) -> tuple[_Toys, Tensor, Tensor]:
    """The main toys, and the centre (n, 3) and radius (n,) of a ball round each."""
    n, ids = len(draws.index), part_ids()
    kind = draws.choice("kind", SHARES)
    color, pattern = (torch.zeros(n, len(ids) + 1, dtype=torch.int64) for _ in range(2))
    has = torch.zeros(n, len(ids) + 1, dtype=torch.bool)
    low, high = torch.zeros(n, 3), torch.zeros(n, 3)
    tables = []
    for name, rows in _rows_by_kind(kind):
        some, parts = draws.of(rows), parts_of(name)
        colors, patterns = draw_colors(some, name, parts), draw_patterns(some, name, parts)
        pieces = KINDS[name](paint(some, name, colors, patterns), proportions(some, name))
        T_world_object = stances(some, "toy")
        low[rows], high[rows] = box(pieces, T_world_object)
        tables.append(place(pieces, T_world_object, rows, ids, 1))
        for piece in pieces:
            i = ids[piece.part]
            color[rows, i], pattern[rows, i] = colors[piece.part], patterns[piece.part]
            has[rows, i] |= True if piece.present is None else piece.present
    return _Toys(gather(tables), kind, color, pattern, has), (low + high) / 2, (high - low).norm(dim=-1) / 2


def _rows_by_kind(kind: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The kinds that occur in `kind` (n,), each with its rows, ascending."""
    for k, name in enumerate(KINDS):
        rows = (kind == k).nonzero()[:, 0]
        if len(rows):
            yield name, rows


def _beside(draws: Draws, object_id: int, azimuth: Tensor, radius: Tensor) -> list[Primitives]:
    """In a third of the pictures another toy, beside or behind the main one; no caption speaks of it."""
    key = f"beside {object_id}"
    kind = torch.where(draws.chance(key, 0.33), draws.number(f"{key}/kind", len(KINDS)), -1)
    tables = []
    for name, rows in _rows_by_kind(kind):
        some, parts, own = draws.of(rows), parts_of(name), f"{key}/{name}"
        looks = paint(some, own, draw_colors(some, own, parts), draw_patterns(some, own, parts))
        side = some.uniform(f"{key}/side", 0.9, 2.0) * (1 if object_id == 2 else -1)
        away = (radius[rows] * some.uniform(f"{key}/away", 1.1, 1.6) + 0.17)[:, None]
        T_world_object = stances(some, key)
        T_world_object[:, :, 3] += away * on_sphere(azimuth[rows] + side, torch.zeros_like(side))
        pieces = KINDS[name](looks, proportions(some, own))
        tables.append(place(pieces, T_world_object, rows, dict.fromkeys(parts, 0), object_id))
    return tables


def _surroundings(draws: Draws) -> tuple[Primitives, list[str]]:
    """A table, a floor or a backdrop of any colour, and what captions may call it."""
    setting = draws.choice("setting", (0.45, 0.35, 0.20))
    wooden = (setting == TABLE) & draws.chance("table/wooden", 0.7)
    color = {name: draws.number(f"{name}/color", len(COLORS)) for name in ("top", "floor", "wall")}
    color["top"] = torch.where(wooden, COLORS.index("brown"), color["top"])

    def look(name: str, pattern: Tensor, frequency: float, glow: Tensor | float = 0.0) -> Material:
        first = palette_color(draws, name, color[name]) * (1 + 0.8 * wooden[:, None] * (name == "top"))
        second = torch.lerp(first, draws.uniform(f"{name}/second")[:, None], 0.25)
        return material(
            first, second, pattern, draws.uniform(f"{name}/frequency", 0.5, 1.5) * frequency, 0.08, glow=glow
        )

    pattern = torch.tensor([PLAIN, CHECKER, CLOUDS, WOOD])[draws.choice("surface", (0.4, 0.2, 0.2, 0.2))]
    backdrop = setting == BACKDROP
    top = look("top", torch.where(wooden, WOOD, pattern), 8.0)
    wall = look("wall", torch.where(backdrop, PLAIN, CLOUDS), 0.5, torch.where(backdrop, 1.0, 0.7))
    pieces = room(setting, top, look("floor", pattern, 5.0), wall, draws.uniform("table/width", 0.5, 1.2))
    unit = affine().expand(len(setting), 3, 4)
    table = place(pieces, unit, torch.arange(len(setting)), {"room": 0}, 0)
    shown = torch.stack([color[name] for name in ("top", "floor", "wall")])[setting, torch.arange(len(setting))]
    return table, [_place_words(*row) for row in zip(setting.tolist(), wooden.tolist(), shown.tolist(), strict=True)]


def _place_words(setting: int, wooden: bool, color: int) -> str:
    return f"on a {'wooden' if wooden else COLORS[color]} {('table', 'floor', 'background')[setting]}".replace(
        "a orange", "an orange"
    )


def _light(draws: Draws) -> Light:
    """A lamp on any side, soft or hard, warm or cold, and an ambient sky."""
    direction = on_sphere(draws.uniform("lamp/azimuth", -pi, pi), draws.uniform("lamp/elevation", 0.6, 1.4))
    warm, ambient = draws.uniform("lamp/warm", -0.08, 0.08), draws.uniform("sky", 0.25, 0.6)
    tint = torch.stack([1 + warm, torch.ones_like(warm), 1 - warm], -1)
    return Light(
        position=3.0 * direction,
        radius=draws.uniform("lamp/radius", 0.05, 0.4),
        lamp=draws.uniform("lamp/strength", 0.5, 0.95)[:, None] * tint,
        sky=ambient[:, None] * (2 - tint),
        ground=ambient[:, None] * 0.55,
    )


def _depicted(toys: _Toys, part: Tensor, place_words: list[str]) -> list[Depicted]:
    """What can be said of each picture; a part must cover a thousandth of it to be spoken of."""
    n, ids = len(part), part_ids()
    area = torch.zeros(n, len(ids) + 1, device=part.device).scatter_add_(
        1, part.flatten(1), torch.ones(1, device=part.device).expand(n, part[0].numel())
    )
    visible = (area >= 1e-3 * part[0].numel()).tolist()
    color, pattern, has = toys.color.tolist(), toys.pattern.tolist(), toys.has.tolist()
    kinds = list(KINDS)
    depicted = []
    for row, k in enumerate(toys.kind.tolist()):
        parts = parts_of(kinds[k])
        seen = {
            name: Part(COLORS[color[row][ids[name]]], PATTERN_WORDS[pattern[row][ids[name]]])
            for name in parts
            if visible[row][ids[name]]
        }
        absent = tuple(name for name in parts if not has[row][ids[name]])
        depicted.append(Depicted(kinds[k], seen, absent, place_words[row]))
    return depicted


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of pictures (n, S, S, 3), each by its own sigma (n,) in pixels, cut at four pixels."""
    offsets = torch.arange(-4, 5, device=images.device)
    weights = torch.softmax(-0.5 * (offsets / sigma.clamp_min(0.1)[:, None]) ** 2, 1)
    size = images.shape[1]
    for axis in (1, 2):
        at = (torch.arange(size, device=images.device) + offsets[:, None]).clamp(0, size - 1)
        images = sum(weights[:, i, None, None, None] * images.index_select(axis, at[i]) for i in range(len(offsets)))
    return images
