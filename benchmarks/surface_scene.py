"""A scene for measuring: small Gaussians on a few surfaces, as training leaves them, and cameras around it."""

import math

import torch
from torch import Tensor

RADIUS, FIELD_OF_VIEW = 4.0, 50.0
"""Distance of the cameras from the middle, and their horizontal field of view in degrees."""


def surface_scene(count: int, *, size: float = 1.0, seed: int = 0) -> dict[str, Tensor]:
    """Activated means, quats, scales, opacities of `count` Gaussians on three spheres over a floor, all float32.

    The scales shrink with the square root of `count`, so that coverage stays; with size 1, some 20 Gaussians reach each
    pixel of the middle.
    """
    draw = torch.Generator().manual_seed(seed)
    centers = torch.tensor([[0.0, 0.0, 0.3], [0.9, 0.2, 0.0], [-0.8, -0.5, 0.1]])
    radii = torch.tensor([0.6, 0.4, 0.45])
    kind = torch.randint(0, 4, (count,), generator=draw)
    normals = torch.nn.functional.normalize(torch.randn(count, 3, generator=draw), dim=1)
    floor = 3.2 * (torch.rand(count, 3, generator=draw) - 0.5)
    floor[:, 2] = -0.5
    ball = kind.clamp(max=2)
    means = torch.where((kind == 3)[:, None], floor, centers[ball] + radii[ball, None] * normals)
    typical = size * 0.48 * math.sqrt(20 / count)
    return {
        "means": means,
        "quats": torch.randn(count, 4, generator=draw),
        "scales": typical * torch.exp(0.5 * torch.randn(count, 3, generator=draw)),
        "opacities": torch.sigmoid(1.5 * torch.randn(count, generator=draw) + 0.5),
    }


def orbit_camera(width: int, height: int, turn: float = 0.618) -> dict:
    """Keyword arguments of `rasterize` for a camera on the orbit, `turn` full turns along it, looking at the middle."""
    azimuth, elevation = 2 * math.pi * turn, math.radians(33)
    eye = RADIUS * torch.tensor(
        [math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    forward = -eye / eye.norm()
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0])), dim=0)
    R = torch.stack([right, torch.linalg.cross(forward, right), forward])
    T = torch.eye(4)
    T[:3, :3], T[:3, 3] = R, -R @ eye
    focal = 0.5 * width / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return {"T_camera_world": T, "K": K, "width": width, "height": height}
