"""Bodies made of balls, whose masks and depths are known exactly, on a floor that a ring of cameras looks down on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from splatsmith.complete.observations import Observation
from splatsmith.complete.proxies.surfels import Samples, surfels
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat
from splatsmith.gaussians.transforms import similarity
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.pictures import write_png

CAMERA = Camera(96, 72, 105.0, 105.0, 48.0, 36.0)
UP = np.array([0.0, 0.0, 1.0])
FLOOR = -0.5


@dataclass(frozen=True, eq=False)
class Balls:
    """A union of balls: centres (B, 3), radii (B,), RGB (B, 3)."""

    centers: np.ndarray
    radii: np.ndarray
    rgb: np.ndarray

    def depth(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Camera z (H, W), 0 where there is nothing, and the colour (H, W, 3) of what the centres of pixels show."""
        u, v = np.meshgrid(np.arange(view.camera.width) + 0.5, np.arange(view.camera.height) + 0.5)
        rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(view.camera.K).T
        best, colour = np.full(u.shape, np.inf), np.ones((*u.shape, 3))
        T = view.T_camera_world
        scale = np.linalg.norm(T[0, :3])
        for center, radius, rgb in zip(self.centers, self.radii, self.rgb, strict=True):
            c = T[:3, :3] @ center + T[:3, 3]
            a, b = (rays**2).sum(-1), rays @ c
            root = b**2 - a * (c @ c - (scale * radius) ** 2)
            z = np.where(root > 0, (b - np.sqrt(root.clip(0))) / a, np.inf)
            colour = np.where((z < best)[..., None], rgb, colour)
            best = np.minimum(best, z)
        return np.where(np.isfinite(best), best, 0).astype(np.float32), colour

    def surface(self, count: int = 1500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (n, 3) on it, evenly, with normals and colours; those within another ball left out."""
        i = np.arange(count) + 0.5
        z, angle = 1 - 2 * i / count, i * np.pi * (3 - np.sqrt(5))
        sphere = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], 1)
        found = []
        for own, (center, radius, rgb) in enumerate(zip(self.centers, self.radii, self.rgb, strict=True)):
            points = center + radius * sphere
            others = [j for j in range(len(self.radii)) if j != own]
            gaps = [np.linalg.norm(points - self.centers[j], axis=1) - self.radii[j] for j in others]
            free = np.min(gaps, axis=0) > 0 if gaps else np.ones(count, bool)
            found.append((points[free], sphere[free], np.tile(rgb, (free.sum(), 1))))
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def discs(points: np.ndarray, normals: np.ndarray, colours: np.ndarray, spacing: float) -> Gaussians:
    """Opaque discs at points."""
    across = np.cross(normals, np.eye(3)[np.argmin(np.abs(normals), axis=1)])
    along = np.cross(normals, across)
    vertices = np.stack([points, points + spacing * across, points + spacing * along], 1).reshape(-1, 3)
    faces = np.arange(len(vertices)).reshape(-1, 3)
    return surfels(
        Samples(np.arange(len(faces)), np.tile([1.0, 0, 0], (len(faces), 1)), spacing), vertices, faces, colours
    )


def ring(count: int, turn: float = 2 * np.pi, height: float = 0.5) -> list[View]:
    """Views that look at the origin from 3 away, the first along -x, over a part of the circle."""
    views = []
    for i in range(count):
        angle = turn * (i / count if turn == 2 * np.pi else i / (count - 1) - 0.5)
        out = np.array([np.cos(angle), np.sin(angle), height]) / np.hypot(1, height)
        views.append(View(f"v{i:02}", Path(f"v{i:02}.png"), CAMERA, look_along(3 * out, -out, UP)))
    return views


def seen_by(body: Balls, views: Sequence[View], folder: Path) -> list[Observation]:
    """What exact masks and depths tell of a body; the photos are written to `folder`."""
    found = []
    for view in views:
        depth, colour = body.depth(view)
        view = replace(view, image=folder / f"{view.name}.png")
        write_png(view.image, np.round(255 * colour).astype(np.uint8))
        mask = depth > 0
        around = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        found.append(Observation(view, mask, around & ~mask, depth))
    return found


def asked(body: Balls, views: Sequence[View], folder: Path) -> SimpleNamespace:
    """A request for a body of which the scene has what `views` see of it, on a floor."""
    observations = seen_by(body, views, folder)
    points, normals, colours = body.surface()
    shown = np.zeros(len(points), bool)
    for one in observations:
        to_eye = one.view.center - points
        local = points @ one.view.T_camera_world[:3, :3].T + one.view.T_camera_world[:3, 3]
        u, v = (local[:, :2] / local[:, 2:] * CAMERA.fx + [CAMERA.cx, CAMERA.cy]).T.astype(int)
        near = np.abs(one.depth[v.clip(0, 71), u.clip(0, 95)] - local[:, 2]) < 0.05
        shown |= near & ((to_eye * normals).sum(1) > 0.1 * np.linalg.norm(to_eye, axis=1))
    own = discs(points[shown], normals[shown], colours[shown], 0.04)
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-1.5, 1.5, 0.1), np.arange(-1.5, 1.5, 0.1)))
    ground = np.stack([x, y, np.full_like(x, FLOOR)], 1)
    floor = discs(ground, np.tile(UP, (len(ground), 1)), np.full((len(ground), 3), 0.3), 0.1)
    member = torch.arange(len(own) + len(floor)) < len(own)
    subject = SimpleNamespace(observed=own, gaussians=concat([own, floor]), member=member)
    drawing = {"backend": "cpu", "antialiased": False}
    return SimpleNamespace(subject=subject, observations=observations, up=UP, chosen=(), **drawing)


def moved(request: SimpleNamespace, T: np.ndarray) -> SimpleNamespace:
    """The same request in a world that the similarity T (4, 4) has moved."""
    scale = np.cbrt(np.linalg.det(T[:3, :3]))
    observations = []
    for one in request.observations:
        pose = one.view.T_camera_world @ np.linalg.inv(T) * scale
        pose[3] = [0, 0, 0, 1]
        view = replace(one.view, T_camera_world=pose)
        observations.append(replace(one, view=view, depth=(one.depth * scale).astype(np.float32)))
    subject = SimpleNamespace(
        observed=similarity(request.subject.observed, T),
        gaussians=similarity(request.subject.gaussians, T),
        member=request.subject.member,
    )
    fields = vars(request) | {"subject": subject, "observations": observations, "up": T[:3, :3] @ UP / scale}
    return SimpleNamespace(**fields)


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Tensors here are tiny, and threads that wait for work would cost many times what they do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def ball() -> Balls:
    """One ball, red."""
    return Balls(np.zeros((1, 3)), np.array([0.45]), np.array([[0.8, 0.2, 0.1]]))


@pytest.fixture(scope="session")
def lopsided() -> Balls:
    """A body without any symmetry, of three colours."""
    centers = np.array([[0, 0, -0.1], [0.1, 0.35, 0.15], [0.2, -0.15, 0.3]])
    return Balls(centers, np.array([0.38, 0.2, 0.15]), np.array([[0.8, 0.2, 0.1], [0.1, 0.6, 0.2], [0.2, 0.3, 0.9]]))


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """The functions above."""
    return SimpleNamespace(ring=ring, seen_by=seen_by, asked=asked, moved=moved, discs=discs, Balls=Balls, up=UP)
