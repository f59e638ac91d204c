"""How many pixels a Gaussian would make up if it were alone: what its visible share is a share of."""

import math

import numpy as np
import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.transforms import covariances
from splatsmith.render.constants import ALPHA_MIN, EPS2D, NEAR
from splatsmith.scenes.cameras import Camera


def footprints(gaussians: Gaussians, camera: Camera, T_camera_world: Tensor | np.ndarray) -> Tensor:
    """(N,) The integral of each Gaussian's alpha over the picture, in pixels; infinite behind the camera.

    2 pi sqrt(det Sigma_2D) (opacity - 1/255), since a splat is left out where its alpha is below 1/255, times the
    shares of its x and of its y that lie within the picture: exact but for their correlation. Sigma_2D is the projected
    covariance (Zwicker et al., EWA Splatting, 2002), without the limits that keep it sound far off the picture.
    """
    T = torch.as_tensor(T_camera_world).to(gaussians.means)
    R, t = T[:3, :3], T[:3, 3]
    x, y, z = (gaussians.means @ R.T + t).unbind(1)
    zero = torch.zeros_like(z)
    rows = [[camera.fx / z, zero, -camera.fx * x / z**2], [zero, camera.fy / z, -camera.fy * y / z**2]]
    J = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1) @ R  # (N, 2, 3)
    Sigma_2D = J @ covariances(gaussians) @ J.mT
    a, b, c = Sigma_2D[:, 0, 0] + EPS2D, Sigma_2D[:, 0, 1], Sigma_2D[:, 1, 1] + EPS2D
    area = 2 * math.pi * (a * c - b * b).clamp(min=0).sqrt() * (gaussians.opacities - ALPHA_MIN).clamp(min=0)
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    area = area * _within(u, a.sqrt(), camera.width) * _within(v, c.sqrt(), camera.height)
    return torch.where(z > NEAR, area, math.inf)


def _within(mean: Tensor, sigma: Tensor, length: int) -> Tensor:
    """(N,) The shares of normal distributions that lie between 0 and `length`."""
    return torch.special.ndtr((length - mean) / sigma) - torch.special.ndtr(-mean / sigma)
