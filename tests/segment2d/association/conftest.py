"""A toy scene of balls made of Gaussians, with the true masks that a ring of cameras sees."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from splatsmith.gaussians import Gaussians
from splatsmith.scenes.cameras import Camera, View
from splatsmith.segment2d.association import Given, Projector
from splatsmith.segment2d.masks import Mask, ViewMasks

CENTERS = ((0.0, 0.0, 0.0), (0.55, 0.35, 0.0), (-0.5, 0.4, 0.1), (0.1, -0.6, -0.1))
"""Of the balls; their radius is 0.3, so that the first and the second nearly touch."""
BALL = 120
"""Gaussians of a ball: number k of them are rows k * BALL to (k + 1) * BALL."""


def balls(centers: Sequence[Sequence[float]] = CENTERS, radius: float = 0.3, count: int = BALL) -> Gaussians:
    """Small opaque Gaussians spread evenly over spheres (Fibonacci), ball by ball, from the top down."""
    k = np.arange(count) + 0.5
    z, azimuth = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    shell = np.stack([np.sqrt(1 - z**2) * np.cos(azimuth), np.sqrt(1 - z**2) * np.sin(azimuth), z], axis=1)
    means = torch.tensor(np.concatenate([np.array(center) + radius * shell for center in centers]), dtype=torch.float32)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(len(means), 1),
        log_scales=torch.full((len(means), 3), float(np.log(0.6 * radius * (4 * np.pi / count) ** 0.5))),
        logit_opacities=torch.full((len(means),), 4.0),
        sh=torch.zeros(len(means), 1, 3),
    )


def ring(count: int = 8, width: int = 64, height: int = 48, distance: float = 3.0) -> tuple[View, ...]:
    """Cameras around the z axis, somewhat above, that look at the origin."""
    camera = Camera(width, height, 1.2 * width, 1.2 * width, width / 2, height / 2)
    views = []
    for i, azimuth in enumerate(np.linspace(0, 2 * np.pi, count, endpoint=False)):
        outwards = np.array([np.cos(azimuth), np.sin(azimuth), 0.7])
        forward = -outwards / np.linalg.norm(outwards)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        T = np.eye(4)
        T[:3, :3] = [right, np.cross(forward, right), forward]
        T[2, 3] = distance
        views.append(View(f"v{i}", Path(f"v{i}.png"), camera, T))
    return tuple(views)


def true_labels(projector: Projector, view: View, thing_of: np.ndarray) -> np.ndarray:
    """(H, W) what a view sees of things 1, 2, ...; 0 where it sees through. thing_of: (N,), of each Gaussian."""
    rows = [torch.tensor(np.flatnonzero(thing_of == thing)) for thing in range(1, thing_of.max() + 1)]
    weights = projector.draw(view, [(some, torch.ones(len(some))) for some in rows]).image.numpy()
    return np.where(weights.sum(axis=2) > 0.5, weights.argmax(axis=2) + 1, 0).astype(np.uint16)


def plain(labels: np.ndarray) -> ViewMasks:
    """Masks that say nothing of themselves."""
    return ViewMasks(labels.astype(np.uint16), tuple(Mask(score=0.9) for _ in range(int(labels.max(initial=0)))))


def given_of(views: Sequence[View], maps: Mapping[str, np.ndarray], held_out: Sequence[str] = ()) -> list[Given]:
    """All views with plain masks."""
    return [Given(view, plain(maps[view.name]), view.name not in held_out) for view in views]


def renumbered(maps: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The masks of each view under other numbers."""
    draw = np.random.default_rng(seed)
    return {
        name: np.concatenate([[0], draw.permutation(int(labels.max(initial=0))) + 1])[labels]
        for name, labels in maps.items()
    }


def matched(truth: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> dict[int, int]:
    """The number that most pixels of each true thing have."""
    t, f = (np.concatenate([maps[name].ravel() for name in truth]).astype(int) for maps in (truth, found))
    return {int(thing): int(np.bincount(f[t == thing]).argmax()) for thing in np.unique(t) if thing}


def accuracy(truth: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> float:
    """The part of the things' pixels whose number is that of most pixels of their thing, each thing having its own."""
    number_of = matched(truth, found)
    assert len(set(number_of.values())) == len(number_of), f"things share a number: {number_of}"
    right = sum(
        int((found[n][truth[n] == thing] == number).sum()) for n in truth for thing, number in number_of.items()
    )
    return right / sum(int((labels > 0).sum()) for labels in truth.values())


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> Iterator[None]:
    """torch's threads would only wait, busily."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """Four balls seen by a ring of views, and the functions of this file."""
    projector, views = Projector.of(balls(), "cpu"), ring()
    thing_of = np.repeat(np.arange(len(CENTERS)), BALL) + 1
    return SimpleNamespace(
        projector=projector,
        views=views,
        thing_of=thing_of,
        truth={view.name: true_labels(projector, view, thing_of) for view in views},
        accuracy=accuracy,
        balls=balls,
        given_of=given_of,
        matched=matched,
        plain=plain,
        renumbered=renumbered,
        ring=ring,
        true_labels=true_labels,
    )
