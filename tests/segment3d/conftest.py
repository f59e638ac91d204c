"""Two touching clouds of blobs, one class each, with exact label maps drawn from their true classes."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from splatsmith.gaussians import Gaussians
from splatsmith.segment3d.targets import Camera, Still, Target, drawn_probabilities

SIDE = 40


def camera_at(azimuth: float, side: int = SIDE) -> Camera:
    """A level camera that looks at the origin from 4 away; z is up."""
    forward = -np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    right = np.cross(forward, [0.0, 0.0, 1.0])
    R = np.stack([right, np.cross(forward, right), forward])
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, -R @ (-4 * forward)
    K = np.array([[side, 0, side / 2], [0, side, side / 2], [0, 0, 1.0]])
    return Camera(torch.tensor(T, dtype=torch.float32), torch.tensor(K, dtype=torch.float32), side, side)


def blobs(means: torch.Tensor, scale: float = 0.12) -> Gaussians:
    """Round opaque Gaussians."""
    n = len(means)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), scale).log(),
        logit_opacities=torch.full((n,), 3.0),
        sh=torch.zeros(n, 1, 3),
    )


@dataclass(frozen=True)
class Scene:
    gaussians: Gaussians
    truth: torch.Tensor
    """(N,) class of each Gaussian: 1 left, 2 right."""
    still: Still
    targets: list[Target]
    """Class 0 where nothing opaque is seen."""


@pytest.fixture(scope="session")
def pair() -> Scene:
    """120 Gaussians in two balls that touch, seen from all sides."""
    random = torch.Generator().manual_seed(0)
    means = 0.25 * torch.randn(120, 3, generator=random)
    truth = torch.arange(120) % 2 + 1
    means[:, 2] += torch.where(truth == 1, 0.6, -0.6)
    gaussians = blobs(means)
    still = Still.of(gaussians, backend="cpu")
    pi = torch.nn.functional.one_hot(truth, 3).float()
    cameras = [camera_at(azimuth) for azimuth in np.linspace(0, 2 * np.pi, 9, endpoint=False)]
    targets = [Target(camera, drawn_probabilities(still, pi, camera).argmax(dim=-1)) for camera in cameras]
    return Scene(gaussians, truth, still, targets)


@pytest.fixture(scope="session")
def round_blobs():
    """A function of means (N, 3) and a scale that gives round opaque Gaussians."""
    return blobs


@pytest.fixture(scope="session")
def cameras() -> list[Camera]:
    """Eight level cameras of 64 pixels around the origin, which they see in the middle, 4 away."""
    return [camera_at(azimuth, side=64) for azimuth in np.linspace(0, 2 * np.pi, 8, endpoint=False)]
