"""What is made up does not show in the photos: laws of a wall that hides a plate, seen by one camera."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.complete.observations import Observation
from splatsmith.complete.proxies.hullsym.hiding import hidden
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat
from splatsmith.scenes.cameras import Camera, View

CAMERA = Camera(32, 32, 32.0, 32.0, 16.0, 16.0)


def discs(x: float, z: float, provenance: int, opacity: float = 6.0, half: float = 0.25, across: int = 8) -> Gaussians:
    """A plate of small discs, `half` to either side, that faces the camera at a distance z."""
    a = torch.linspace(-half, half, across)
    v, u = torch.meshgrid(a, a, indexing="ij")
    means = torch.stack([u.flatten() + x, v.flatten(), torch.full((across**2,), z)], dim=1)
    n = len(means)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), math.log(0.5 * half / across)),
        logit_opacities=torch.full((n,), opacity),
        sh=torch.zeros(n, 1, 3),
        extra={"provenance": torch.full((n,), provenance, dtype=torch.uint8)},
    )


def observation() -> Observation:
    """The camera at the origin sees the object in the middle of its picture, and surely nothing around it."""
    v, u = np.mgrid[:32, :32] + 0.5
    mask = (np.abs(u - 16) < 7) & (np.abs(v - 16) < 7)
    edge = (np.abs(u - 16) < 9) & (np.abs(v - 16) < 9) & ~mask
    view = View("one", Path("one.png"), CAMERA, np.eye(4))
    return Observation(view, mask, edge, np.where(mask, np.float32(2), np.float32(0)))


def kept(*parts: Gaussians) -> list[int]:
    """How many of each part stay."""
    whole = concat(parts)
    tags = torch.cat([torch.full((len(part),), i) for i, part in enumerate(parts)])
    tagged = replace(whole, extra={**whole.extra, "tag": tags})
    left = hidden(tagged, [observation()], backend="cpu", antialiased=False).extra["tag"]
    return [int((left == i).sum()) for i in range(len(parts))]


def test_what_lies_behind_the_object_stays_and_all_of_the_object():
    assert kept(discs(0, 2, 1), discs(0, 2.6, 3)) == [64, 64]


@pytest.mark.parametrize("provenance", [2, 3])
def test_what_stands_before_it_goes(provenance):
    own, made = kept(discs(0, 2, 1), discs(0, 1.9, provenance, half=0.12, across=3))
    assert (own, made) == (64, 0)


def test_what_stands_beside_it_goes_though_nothing_is_there():
    own, made = kept(discs(0, 2, 1), discs(0.8, 2, 3, half=0.12))
    assert (own, made) == (64, 0)


def test_the_object_s_own_gaussians_stay_wherever_they_are():
    assert kept(discs(0.85, 2, 1), discs(0, 1.2, 1)) == [64, 64]


def test_what_fills_a_hole_of_the_object_stays():
    faint = discs(0, 2, 1, opacity=-4.0)
    own, made = kept(faint, discs(0, 2.1, 3))
    assert (own, made > 56) == (64, True)
