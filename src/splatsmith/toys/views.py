"""Where the cameras of toys stand."""

from math import pi

import torch
from torch import Tensor

from splatsmith.toys.draws import Draws
from splatsmith.toys.raycast import Cameras
from splatsmith.toys.shapes import dot, unit


def look_at(eye: Tensor, target: Tensor) -> Tensor:
    """(B, 3, 4) world-to-camera, OpenCV axes, of cameras at `eye` (B, 3) that see `target` (B, 3) centred, z up."""
    forward = unit(target - eye)
    x, y, _ = forward.unbind(-1)
    right = unit(torch.stack([y, -x, torch.zeros_like(x)], -1))
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    return torch.cat([rotation, -dot(rotation, eye[:, None])[..., None]], -1)


def on_sphere(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """(B, 3) unit vectors; angles in radians."""
    flat = elevation.cos()
    return torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), elevation.sin()], -1)


def frame(draws: Draws, center: Tensor, radius: Tensor, size: int) -> tuple[Cameras, Tensor]:
    """Random square views of things within `radius` (n,) of `center` (n, 3), and the cameras' azimuths (n,).

    Mostly from the front (-y) half, near or far, centred or shifted, a fifth of them close-ups that cut the thing off.
    """
    front = draws.uniform("view/front", -1.4, 1.4) - pi / 2
    azimuth = torch.where(draws.chance("view/around", 0.35), draws.uniform("view/azimuth", -pi, pi), front)
    elevation = draws.uniform("view/elevation", 0.04, 0.95)
    distance = radius * draws.uniform("view/distance", 3.0, 7.0)
    eye = center + distance[:, None] * on_sphere(azimuth, elevation)
    close = draws.chance("view/close", 0.2)
    fill = torch.where(close, draws.uniform("view/close fill", 1.1, 2.2), draws.uniform("view/fill", 0.4, 1.1))
    play = torch.where(close, 0.3 * fill, (1.05 - fill).clamp_min(0.06) * 0.7) * size / 2
    shift = torch.stack([draws.uniform(f"view/shift {axis}", -1, 1) for axis in "xy"], -1)
    focal = (fill * size / 2 * (distance / radius))[:, None].expand(-1, 2)
    return Cameras(size, size, focal, size / 2 + play[:, None] * shift, look_at(eye, center)), azimuth
