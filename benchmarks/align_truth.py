"""True objects as proxies: points of the true surface, coloured by the photos, under a random turn and stretch."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from plyfile import PlyData
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from splatsmith.complete.align.evidence import thinned
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.quaternions import from_rotation_matrices
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.gaussians.transforms import affine
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import read_label_map
from splatsmith.scenes.prepared import read_image

MOST_POINTS = 15000
"""Gaussians of a true proxy, about."""


def true_surface(ply: Path, id: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) of one object and unit normals (N, 3), those of a fitted plane where the file has none."""
    rows = PlyData.read(str(ply))["vertex"].data
    rows = rows[rows["object_id"] == id]
    points = np.stack([rows[axis] for axis in "xyz"], axis=1).astype(float)
    if "nx" in rows.dtype.names:
        return points, np.stack([rows[f"n{axis}"] for axis in "xyz"], axis=1).astype(float)
    near = points[cKDTree(points).query(points, k=10)[1]]
    return points, np.linalg.svd(near - near.mean(axis=1, keepdims=True), full_matrices=False)[2][:, 2]


def true_gaussians(points: np.ndarray, normals: np.ndarray, views: Sequence[View], masks: Path, id: int) -> Gaussians:
    """Flat Gaussians on a surface, coloured by the mean of the photos that see each of them.

    masks: folder of the true label maps. A point is seen where no other point is much nearer in its pixel. Normals are
    turned towards the cameras, and points filled in between those given.
    """
    spacing = _spacing(points)
    facing = np.zeros_like(points)
    for view in views:
        seen, _ = _seen(points, view, masks, id, spacing)
        towards = view.center - points[seen]
        facing[seen] += towards / np.linalg.norm(towards, axis=1, keepdims=True)
    known = np.flatnonzero(np.abs((facing * normals).sum(axis=1)) > 0.1)
    facing = facing[known[cKDTree(points[known]).query(points)[1]]]
    normals = normals * np.where((normals * facing).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    points, normals = _filled(points, normals, spacing, max(1, 2 * MOST_POINTS // len(points)))
    return _coloured(points, normals, views, masks, id)


def _spacing(points: np.ndarray) -> float:
    """About the root of the area that each point stands for."""
    return float(np.median(cKDTree(points).query(points, k=5)[0][:, 4])) / 1.13


def _filled(points: np.ndarray, normals: np.ndarray, spacing: float, copies: int) -> tuple[np.ndarray, np.ndarray]:
    """`copies` points for each, in its tangent plane, none beyond an edge of the surface."""
    rng = np.random.default_rng(0)
    tree = cKDTree(points)
    found = [(points, normals)]
    for _ in range(copies - 1):
        jitter = rng.normal(scale=0.5 * spacing, size=points.shape)
        near = points + jitter - (jitter * normals).sum(axis=1, keepdims=True) * normals
        rows = tree.query(near, k=6)[1]
        above = ((near[:, None] - points[rows]) * normals[rows]).sum(axis=2)
        alike = (normals[rows] * normals[:, None]).sum(axis=2) > 0.8
        over = (above > 0.3 * spacing) & ~alike
        height = (above * alike).sum(axis=1) / np.maximum(alike.sum(axis=1), 1)
        kept = ~over.any(axis=1)
        found.append(((near - height[:, None] * normals)[kept], normals[kept]))
    points, normals = (np.concatenate(column) for column in zip(*found, strict=True))
    even = thinned(points, 1.3 * spacing / np.sqrt(copies))
    return points[even], normals[even]


def _coloured(points: np.ndarray, normals: np.ndarray, views: Sequence[View], masks: Path, id: int) -> Gaussians:
    spacing = _spacing(points)
    total, count = np.zeros((len(points), 3)), np.zeros(len(points))
    for view in views:
        seen, pixels = _seen(points, view, masks, id, 2 * spacing)
        total[seen] += read_image(view)[pixels[:, 1], pixels[:, 0]] / 255
        count[seen] += 1
    known = np.flatnonzero(count)
    nearest = known[cKDTree(points[known]).query(points)[1]]
    rgb = total[nearest] / count[nearest][:, None]
    tangent = np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.8, [[1.0, 0, 0]], [[0, 1.0, 0]]))
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    frames = np.stack([tangent, np.cross(normals, tangent), normals], axis=2)
    sigmas = np.log(0.7 * spacing * np.array([1.0, 1.0, 0.2]))
    return Gaussians(
        means=torch.from_numpy(points).float(),
        quats=from_rotation_matrices(torch.from_numpy(frames)).float(),
        log_scales=torch.from_numpy(np.tile(sigmas, (len(points), 1))).float(),
        logit_opacities=torch.full((len(points),), 3.0),
        sh=rgb_to_dc(torch.from_numpy(rgb).float())[:, None],
    )


def _seen(points: np.ndarray, view: View, masks: Path, id: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the points that a view shows, and their pixels (n, 2)."""
    camera = view.camera
    labels = read_label_map(masks / f"{view.name}.png", (camera.width, camera.height))
    inner = cv2.erode((labels == id).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    local = points @ view.T_camera_world[:3, :3].T + view.T_camera_world[:3, 3]
    z = local[:, 2]
    pixels = np.floor((local @ camera.K.T)[:, :2] / z[:, None]).astype(int)
    within = (z > 0) & (pixels >= 0).all(axis=1) & (pixels < (camera.width, camera.height)).all(axis=1)
    radius = int(np.ceil(2 * spacing * camera.fx / np.median(z)))
    offsets = np.stack(np.meshgrid(*[np.arange(-radius, radius + 1)] * 2), axis=-1).reshape(-1, 2)
    buffer = np.full((camera.height, camera.width), np.inf)
    for dx, dy in offsets:
        x = np.clip(pixels[within, 0] + dx, 0, camera.width - 1)
        y = np.clip(pixels[within, 1] + dy, 0, camera.height - 1)
        np.minimum.at(buffer, (y, x), z[within])
    rows = np.flatnonzero(within)
    x, y = pixels[rows].T
    front = (z[rows] < buffer[y, x] + 3 * spacing) & inner[y, x]
    return rows[front], pixels[rows[front]]


def distorted(proxy: Gaussians, rng: np.random.Generator) -> tuple[Gaussians, np.ndarray]:
    """The proxy in a frame of its own, and T_world_proxy (4, 4) that brings it back.

    Turned at random, stretched by up to 20 % along each axis, of a length of about 1, in a light of its own: each
    channel's gain is off by up to 20 %.
    """
    means = proxy.means.double().numpy()
    center, length = means.mean(axis=0), np.ptp(means, axis=0).max()
    T = np.eye(4)
    T[:3, :3] = Rotation.random(rng=rng).as_matrix() * (length * rng.uniform(0.8, 1.2, 3))
    T[:3, 3] = center
    moved = affine(proxy, np.linalg.inv(T))
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, 3)).float()
    rgb = (0.5 + 0.28209479 * moved.sh[:, 0]) * gain
    return Gaussians(moved.means, moved.quats, moved.log_scales, moved.logit_opacities, rgb_to_dc(rgb)[:, None]), T
