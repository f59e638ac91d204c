"""Random looks, proportions and stances: what makes one member of a kind differ from the next."""

import torch
from torch import Tensor

from splatsmith.toys import materials
from splatsmith.toys.affine import affine
from splatsmith.toys.draws import Draws
from splatsmith.toys.looks import Paint, Vary
from splatsmith.toys.materials import CHECKER, CLOUDS, PLAIN, STRIPES, Material, material

COLORS = tuple(materials.PALETTE)
PATTERN_WORDS = {PLAIN: "", CLOUDS: "", STRIPES: "striped", CHECKER: "checkered"}
SMALL = ("eye", "nose", "mouth", "buttons", "headlight", "antenna", "beak")
"""Parts too small for a pattern, by their last word."""


def draw_colors(draws: Draws, key: str, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """Part -> (n,) index into COLORS. In half of the toys the right eye, arm... has the colour of the left one."""
    colors = {part: draws.number(f"{key}/{part}/color", len(COLORS)) for part in parts}
    return {part: _matched(draws, key, part, colors) for part in parts}


def draw_patterns(draws: Draws, key: str, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """Part -> (n,) pattern, paired like the colours; small parts are plain."""
    weights = [0.0] * len(materials.PATTERNS)
    for pattern, weight in ((PLAIN, 0.6), (CLOUDS, 0.16), (STRIPES, 0.14), (CHECKER, 0.10)):
        weights[pattern] = weight
    patterns = {}
    for part in parts:
        drawn = draws.choice(f"{key}/{part}/pattern", tuple(weights))
        patterns[part] = torch.zeros_like(drawn) + PLAIN if part.split()[-1] in SMALL else drawn
    return {part: _matched(draws, key, part, patterns) for part in parts}


def paint(draws: Draws, key: str, colors: dict[str, Tensor], patterns: dict[str, Tensor]) -> Paint:
    """The Materials of n toys. A pattern's other half is a lighter or darker shade of the same colour, or white."""
    return {part: _material(draws, f"{key}/{part}", colors[part], patterns[part]) for part in colors}


def palette_color(draws: Draws, key: str, color: Tensor) -> Tensor:
    """(n, 3) linear RGB near the palette colours `color` (n,), each a little different."""
    palette = materials.linear_from_srgb(torch.tensor([materials.PALETTE[name] for name in COLORS]))
    tint = torch.stack([draws.uniform(f"{key}/tint {c}", 0.9, 1.1) for c in "rgb"], -1)
    return (palette[color] * tint * draws.uniform(f"{key}/shade", 0.85, 1.15)[:, None]).clamp(0, 0.95)


def proportions(draws: Draws, key: str) -> Vary:
    """Proportions drawn uniformly between the builder's bounds."""
    return lambda name, low, high: draws.uniform(f"{key}/{name}", low, high)


def stances(draws: Draws, key: str) -> Tensor:
    """(n, 3, 4) object frame to world: a size, a little stretch along each axis, and a small turn; on the spot."""
    size = draws.uniform(f"{key}/size", 0.22, 0.46)
    stretch = [size * draws.uniform(f"{key}/stretch {axis}", 0.88, 1.14) for axis in "xyz"]
    return affine(stretch, turn=(0, 0, draws.uniform(f"{key}/turn", -0.5, 0.5)))


def _matched(draws: Draws, key: str, part: str, values: dict[str, Tensor]) -> Tensor:
    side, _, thing = part.partition(" ")
    if side != "right" or f"left {thing}" not in values:
        return values[part]
    return torch.where(draws.chance(f"{key}/{thing}/match", 0.5), values[f"left {thing}"], values[part])


def _material(draws: Draws, key: str, color: Tensor, pattern: Tensor) -> Material:
    first = palette_color(draws, key, color)
    toward = draws.chance(f"{key}/lighter", 0.5)[:, None].float() * 0.9
    shade = torch.lerp(first, toward, 0.35)
    white = draws.chance(f"{key}/with white", 0.3) & (pattern != CLOUDS)
    second = torch.where(white[:, None], torch.tensor(materials.PALETTE["white"]), shade)
    return material(
        first,
        second,
        pattern,
        frequency=draws.uniform(f"{key}/frequency", 12, 30),
        speckle=draws.uniform(f"{key}/speckle", -0.1, 0.2).clamp_min(0),
        gloss=draws.uniform(f"{key}/gloss", 0.0, 0.25),
    )
