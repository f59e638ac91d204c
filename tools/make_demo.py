#!/usr/bin/env python3
"""Make the pictures, cameras, splits and ground truth of the demo scene, resources/demo (its README.md is by hand).

    python tools/make_demo.py [FOLDER]

Everything is computed by splatsmith.toys, an analytic ray caster that shares nothing with the Gaussian rasterizer.
Running it again on the same machine writes the same bytes. It takes a few minutes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from plyfile import PlyData, PlyElement

from splatsmith.base import files
from splatsmith.scenes.colmap_library import pycolmap
from splatsmith.toys import scene
from splatsmith.toys.affine import affine
from splatsmith.toys.pieces import box
from splatsmith.toys.raycast import render, trace_truth
from splatsmith.toys.surface import surface_points

DEMO = Path(__file__).resolve().parents[1] / "resources" / "demo"
SEED = 0
DEPTH_STEPS = 2000
"""Stored depth = camera z in scene units x this."""
CANDIDATES_PER_VIEW = 90
PIXEL_NOISE = 0.35
"""Standard deviation of an observation, in pixels."""


@dataclass(frozen=True)
class Shots:
    """All views, rendered."""

    names: list[str]
    images: np.ndarray
    """(V, H, W, 3) uint8."""
    object: np.ndarray
    """(V, H, W) int."""
    part: np.ndarray
    """(V, H, W) int."""
    depth: np.ndarray
    """(V, H, W) float64."""
    K: np.ndarray
    """(3, 3)."""
    T_camera_world: np.ndarray
    """(V, 3, 4) float64."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEMO)
    make_demo(parser.parse_args().folder)


def make_demo(folder: Path) -> None:
    """Write the whole scene into `folder`."""
    shots = shoot()
    write_pictures(folder, shots)
    write_sparse(folder / "sparse" / "0", shots)
    write_descriptions(folder, shots)
    write_ground_truth(folder / "ground_truth", shots)


def shoot() -> Shots:
    """Render every view and its truth."""
    cameras = scene.demo_cameras()
    primitives = scene.demo_primitives(len(cameras))
    images = render(primitives, cameras, scene.demo_light())
    truth = trace_truth(primitives, cameras)
    fx, fy = cameras.focal[0].tolist()
    cx, cy = cameras.principal[0].tolist()
    return Shots(
        names=[f"frame_{i:03d}" for i in range(len(cameras))],
        images=(images * 255).round().byte().numpy(),
        object=truth.object.numpy(),
        part=truth.part.numpy(),
        depth=truth.depth.double().numpy(),
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        T_camera_world=cameras.T_camera_world.double().numpy(),
    )


def write_pictures(folder: Path, shots: Shots) -> None:
    """images/*.jpg and, as ground truth, 16-bit label and depth maps."""
    truth = folder / "ground_truth"
    for i, name in enumerate(shots.names):
        with files.atomic_path(folder / "images" / f"{name}.jpg") as path:
            Image.fromarray(shots.images[i]).save(path, quality=95, subsampling=0, optimize=True)
        depth = np.rint(shots.depth[i] * DEPTH_STEPS)
        for kind, values in (("object_mask", shots.object[i]), ("part_mask", shots.part[i]), ("depth", depth)):
            with files.atomic_path(truth / kind / f"{name}.png") as path:
                Image.fromarray(values.astype(np.uint16)).save(path, optimize=True)


def write_sparse(folder: Path, shots: Shots) -> None:
    """The COLMAP model: exact poses, and surface points where the pictures have texture, as SfM would have them."""
    random = np.random.default_rng(SEED)
    xyz, rgb, tracks = triangulated_points(shots, random)
    height, width = shots.depth.shape[1:]
    model = pycolmap.Reconstruction()
    fx, fy, cx, cy = shots.K[0, 0], shots.K[1, 1], shots.K[0, 2], shots.K[1, 2]
    camera = {"camera_id": 1, "model": "PINHOLE", "width": width, "height": height, "params": [fx, fy, cx, cy]}
    model.add_camera_with_trivial_rig(pycolmap.Camera(camera))
    seen = [[] for _ in shots.names]
    for track in tracks:
        for view, pixel in track:
            seen[view].append(pixel)
    for view, name in enumerate(shots.names):
        keypoints = np.array(seen[view]).reshape(-1, 2)
        image = pycolmap.Image(name=f"{name}.jpg", keypoints=keypoints, camera_id=1, image_id=view + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(shots.T_camera_world[view]))
    count = [0] * len(seen)
    for point, color, track in zip(xyz, rgb, tracks, strict=True):
        elements = []
        for view, _ in track:
            elements.append(pycolmap.TrackElement(view + 1, count[view]))
            count[view] += 1
        model.add_point3D(point, pycolmap.Track(elements), color)
    model.update_point_3d_errors()
    folder.mkdir(parents=True, exist_ok=True)
    model.write_binary(str(folder))


def triangulated_points(shots: Shots, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list]:
    """Points (P, 3), colours (P, 3) uint8 and tracks [(view, pixel (2,))], each seen by three views or more.

    Candidates are pixels, drawn by image gradient; their exact surface points are visible in a view where that view's
    depth and object agree. Like feature matching, a track reaches only views that look from within 40 degrees, and is
    noisy by a fraction of a pixel.
    """
    xyz, rgb, tracks = [], [], []
    for view in range(len(shots.names)):
        for pixel in textured_pixels(shots.images[view], CANDIDATES_PER_VIEW, random):
            point = back_project(shots, view, pixel)
            views, pixels = visible_views(shots, point, view, pixel)
            if len(views) < 3:
                continue
            chosen = np.sort(random.choice(len(views), min(len(views), int(random.integers(3, 10))), replace=False))
            noise = PIXEL_NOISE * random.standard_normal((len(chosen), 2))
            spread = PIXEL_NOISE * shots.depth[view][pixel] / shots.K[0, 0] / np.sqrt(len(chosen))
            xyz.append(point + spread * random.standard_normal(3))
            rgb.append(shots.images[view][pixel])
            tracks.append(list(zip(views[chosen].tolist(), pixels[chosen] + noise, strict=True)))
    return np.array(xyz), np.array(rgb), tracks


def textured_pixels(image: np.ndarray, count: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """`count` different (row, column) drawn in proportion to the brightness gradient, and a few anywhere."""
    dy, dx = np.gradient(image.astype(float).mean(-1))
    weight = np.minimum(np.hypot(dx, dy), 30) + 0.6
    chosen = random.choice(weight.size, count, replace=False, p=(weight / weight.sum()).ravel())
    return [divmod(int(i), image.shape[1]) for i in chosen]


def back_project(shots: Shots, view: int, pixel: tuple[int, int]) -> np.ndarray:
    """(3,) world point of a pixel's centre ray."""
    ray = np.linalg.solve(shots.K, [pixel[1] + 0.5, pixel[0] + 0.5, 1.0])
    T = shots.T_camera_world[view]
    return T[:, :3].T @ (ray * shots.depth[view][pixel] - T[:, 3])


def visible_views(shots: Shots, point: np.ndarray, view: int, pixel: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Views that see a surface point of `view`, and where, (n,) and (n, 2)."""
    camera = shots.T_camera_world[:, :, :3] @ point + shots.T_camera_world[:, :, 3]
    projected = camera @ shots.K.T
    at = projected[:, :2] / projected[:, 2:]
    height, width = shots.depth.shape[1:]
    column, row = np.floor(at).astype(int).T
    inside = (camera[:, 2] > 0) & (column >= 1) & (column < width - 1) & (row >= 1) & (row < height - 1)
    everyone = np.arange(len(at))
    column, row = np.where(inside, column, 0), np.where(inside, row, 0)
    same_depth = abs(shots.depth[everyone, row, column] - camera[:, 2]) < 0.01 * camera[:, 2]
    same_object = shots.object[everyone, row, column] == shots.object[view][pixel]
    toward = np.einsum("vji,vj->vi", shots.T_camera_world[:, :, :3], -camera / np.linalg.norm(camera, axis=1)[:, None])
    near = toward @ toward[view] > np.cos(np.radians(40))
    views = np.flatnonzero(inside & same_depth & same_object & near)
    return views, at[views]


def write_descriptions(folder: Path, shots: Shots) -> None:
    """description.yml, split.yml and split_unseen.yml."""
    objects = [
        {
            "name": thing.name,
            "prompt": thing.prompt,
            "boxes": best_box(shots, thing.id),
            **({"parts": [{"name": slug(p), "prompt": p} for p in thing.parts]} if len(thing.parts) > 1 else {}),
        }
        for thing in scene.demo_objects()
    ]
    edits = [
        {
            "name": "green-right-eye",
            "target": "figure/right-eye",
            "method": "slamp",
            "prompt": "a toy figure with a blue left eye and a green right eye",
        },
        {"name": "purple-mug", "target": "mug", "method": "recolour", "color": "purple"},
        {"name": "no-can", "target": "can", "method": "remove", "fill": True},
        {"name": "swapped", "target": "ball", "method": "swap", "with": "mug", "after": "purple-mug"},
    ]
    everyone = set(shots.names)
    test = shots.names[4::8]
    seen = [name for name, a in zip(shots.names, scene.demo_azimuths(), strict=True) if abs(a + np.pi / 2) < np.pi / 3]
    unseen = sorted(everyone - set(seen))
    write_yaml(folder / "description.yml", {"objects": objects, "edits": edits})
    write_yaml(folder / "split.yml", {"train": sorted(everyone - set(test)), "test": test})
    write_yaml(folder / "split_unseen.yml", {"train": seen, "test": unseen})


def best_box(shots: Shots, object_id: int) -> dict[str, list[int]]:
    """Pixel box x0 y0 x1 y1 in the view that shows most of an object without cutting it off."""
    mask = shots.object == object_id
    cut_off = mask[:, [0, -1]].any((1, 2)) | mask[:, :, [0, -1]].any((1, 2))
    view = int(np.where(cut_off, 0, mask.sum((1, 2))).argmax())
    rows, columns = np.nonzero(mask[view])
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return {shots.names[view]: [int(edge) for edge in box]}


def write_ground_truth(folder: Path, shots: Shots) -> None:
    """labels.json, objects.json, views.json and surface_points.ply."""
    objects = scene.demo_objects()
    ids = scene.demo_part_ids(objects)
    files.write_json(folder / "labels.json", labels(shots, objects, ids))
    files.write_json(folder / "objects.json", {"objects": [object_truth(thing) for thing in objects]})
    azimuths = {n: round(float(np.degrees(a)), 6) for n, a in zip(shots.names, scene.demo_azimuths(), strict=True)}
    files.write_json(folder / "views.json", {"depth_steps_per_unit": DEPTH_STEPS, "azimuth_degrees": azimuths})
    write_surface_points(folder / "surface_points.ply", objects)


def labels(shots: Shots, objects: list[scene.DemoObject], ids: dict[tuple[str, str], int]) -> dict:
    """The legend of both label maps, with how much of each part the views show."""
    number = {thing.name: thing.id for thing in objects}
    pixels = {part: (shots.part == part).sum((1, 2)) for part in ids.values()}
    return {
        "background": 0,
        "objects": {str(thing.id): thing.name for thing in objects},
        "parts": {
            str(i): {
                "object_id": number[name],
                "object": name,
                "name": slug(part),
                "pixels_total": int(pixels[i].sum()),
                "views_with_20px": int((pixels[i] >= 20).sum()),
            }
            for (name, part), i in ids.items()
        },
    }


def object_truth(thing: scene.DemoObject) -> dict:
    """The 9-DoF truth: a rigid pose whose origin is the box's centre, and the box's size along the object's axes."""
    low, high = (corner[0].double() for corner in box(thing.pieces, affine()))
    T = thing.T_world_object[0].double()
    rotation = T[:, :3] / T[:, :3].norm(dim=0)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = rotation
    pose[:3, 3] = T[:, :3] @ ((low + high) / 2) + T[:, 3]
    size = (high - low) * T[:, :3].norm(dim=0)
    return {
        "object_id": thing.id,
        "name": thing.name,
        "T_world_object": [[round(float(v), 9) for v in row] for row in pose],
        "size": [round(float(v), 9) for v in size],
        "symmetry": thing.symmetry,
    }


def write_surface_points(path: Path, objects: list[scene.DemoObject]) -> None:
    """Points on every object's whole surface: x y z, nx ny nz, object_id, part_id."""
    primitives = scene.demo_primitives()
    names = [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")] + [("object_id", "u1"), ("part_id", "u1")]
    tables = []
    for thing in objects:
        own = primitives.rows(primitives.object == thing.id)
        points, normals, part = surface_points(own, 3000, SEED + thing.id)
        rows = np.zeros(len(points), names)
        for i, axis in enumerate("xyz"):
            rows[axis], rows[f"n{axis}"] = points[:, i], normals[:, i]
        rows["object_id"], rows["part_id"] = thing.id, part
        tables.append(rows)
    with files.atomic_path(path) as temporary:
        PlyData([PlyElement.describe(np.concatenate(tables), "vertex")], byte_order="<").write(str(temporary))


def slug(name: str) -> str:
    return name.replace(" ", "-")


def write_yaml(path: Path, value: dict) -> None:
    files.write_text(path, yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=110))


if __name__ == "__main__":
    main()
