"""What surfaces look like: a palette of named colours, solid (3D) textures, and the reflection model.

Colours are linear RGB inside the renderer; palette entries and pictures are sRGB.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.toys.draws import scramble
from splatsmith.toys.shapes import dot, unit

PALETTE = {  # sRGB
    "red": (0.80, 0.13, 0.12),
    "orange": (0.93, 0.48, 0.12),
    "yellow": (0.95, 0.80, 0.20),
    "green": (0.22, 0.60, 0.24),
    "cyan": (0.25, 0.72, 0.74),
    "blue": (0.14, 0.30, 0.78),
    "purple": (0.50, 0.22, 0.66),
    "pink": (0.93, 0.55, 0.68),
    "brown": (0.44, 0.27, 0.15),
    "beige": (0.93, 0.76, 0.60),
    "white": (0.90, 0.89, 0.86),
    "grey": (0.52, 0.53, 0.55),
    "black": (0.10, 0.10, 0.11),
}

PLAIN, CHECKER, STRIPES, WOOD, CLOUDS = PATTERNS = range(5)


@dataclass(frozen=True)
class Material:
    """How n surfaces look. Every field has n rows, or one row for all."""

    color: Tensor
    """(n, 3) linear RGB."""
    color2: Tensor
    """(n, 3) linear RGB of the pattern's other half."""
    pattern: Tensor
    """(n,) int64, one of PATTERNS."""
    frequency: Tensor
    """(n,) periods of the pattern and of the speckle per scene unit."""
    speckle: Tensor
    """(n,) relative strength of the brightness noise."""
    gloss: Tensor
    """(n,) strength of the highlight."""
    glow: Tensor
    """(n,) 0 lit by the lamp .. 1 shown as it is, for backdrops."""


def material(
    color: Tensor,
    color2: Tensor | None = None,
    pattern: int | Tensor = PLAIN,
    frequency: float | Tensor = 10.0,
    speckle: float | Tensor = 0.0,
    gloss: float | Tensor = 0.05,
    glow: float | Tensor = 0.0,
) -> Material:
    """A Material from plain numbers; `color` is (n, 3) or (3,) linear RGB."""
    color = torch.atleast_2d(color)

    def column(value: float | Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(value, dtype=dtype, device=color.device).reshape(-1)

    return Material(
        color,
        color if color2 is None else torch.atleast_2d(color2),
        column(pattern, torch.int64),
        *(column(value) for value in (frequency, speckle, gloss, glow)),
    )


def named(color: str) -> Tensor:
    """(3,) linear RGB of a palette colour."""
    return linear_from_srgb(torch.tensor(PALETTE[color]))


def linear_from_srgb(rgb: Tensor) -> Tensor:
    """IEC 61966-2-1, values in [0, 1]."""
    return torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(rgb: Tensor) -> Tensor:
    """IEC 61966-2-1, clamped to [0, 1]."""
    rgb = rgb.clamp(0, 1)
    return torch.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def albedo(points: Tensor, color: Tensor, color2: Tensor, pattern: Tensor, speckle: Tensor) -> Tensor:
    """(M, 3) linear RGB at texture coordinates `points` (M, 3), whose unit is one period."""
    share = torch.zeros_like(points[:, 0])
    for kind, weight in ((CHECKER, _checker), (STRIPES, _stripes), (WOOD, _wood), (CLOUDS, _clouds)):
        rows = (pattern == kind).nonzero()[:, 0]
        share[rows] = weight(points[rows])
    grainy = (speckle > 0).nonzero()[:, 0]
    grain = torch.ones_like(share)
    noise = value_noise(points[grainy] * 1.7) + value_noise(points[grainy] * 3.1) - 1
    grain[grainy] = 1 + speckle[grainy] * noise
    return (color + share[:, None] * (color2 - color)) * grain[:, None]


def value_noise(points: Tensor) -> Tensor:
    """(M,) smooth noise in [0, 1]: random values on the integer lattice, blended by a quintic (Perlin 2002)."""
    cell = points.floor()
    x = points - cell
    weight = x * x * x * (x * (x * 6 - 15) + 10)
    lattice = _lattice(cell.long())
    for axis in range(3):
        lattice = torch.lerp(lattice[:, 0], lattice[:, 1], weight[:, axis].reshape(-1, *[1] * (2 - axis)))
    return lattice


def reflect(base: Tensor, normal: Tensor, toward_light: Tensor, toward_eye: Tensor, gloss: Tensor) -> Tensor:
    """(M, 3) light sent to the eye from a lamp of unit strength: Lambert and a broad Blinn-Phong highlight."""
    facing = dot(normal, toward_light).clamp_min(0)
    half = unit(toward_light + toward_eye)
    highlight = gloss * dot(normal, half).clamp_min(0) ** 24 * (facing > 0)
    return base * facing[:, None] + highlight[:, None]


def _checker(points: Tensor) -> Tensor:
    return points.floor().sum(-1) % 2


def _stripes(points: Tensor) -> Tensor:
    return (points[:, 2].frac() + 1).frac().ge(0.5).to(points.dtype)


def _wood(points: Tensor) -> Tensor:
    """Growth rings about an axis near x, wavered by noise."""
    waver = value_noise(points * torch.tensor([0.35, 1.3, 1.3], device=points.device))
    return 0.5 + 0.5 * torch.sin(6.2832 * (torch.hypot(points[:, 1], points[:, 2] + 2.3) + 1.5 * waver))


def _clouds(points: Tensor) -> Tensor:
    return value_noise(points)


def _lattice(cell: Tensor) -> Tensor:
    """(M, 2, 2, 2) a random number in [0, 1] per corner of each integer cell (M, 3)."""
    corner = torch.arange(2, device=cell.device)
    x = (cell[:, 0, None] + corner)[:, :, None, None] * 73856093
    y = (cell[:, 1, None] + corner)[:, None, :, None] * 19349663
    z = (cell[:, 2, None] + corner)[:, None, None, :] * 83492791
    return scramble(x ^ y ^ z).to(torch.float32) / 0xFFFFFFFF
