"""What lies in resources/demo against the scene that it was rendered from, and against itself."""

import json
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch
import yaml
from PIL import Image
from plyfile import PlyData

from splatsmith.toys.raycast import Cameras, cast, render, trace_truth
from splatsmith.toys.scene import (
    BALL_SIZE,
    demo_azimuths,
    demo_cameras,
    demo_light,
    demo_objects,
    demo_part_ids,
    demo_primitives,
)

DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"
TRUTH = DEMO / "ground_truth"
NAMES = [f"frame_{i:03d}" for i in range(80)]
CHECKED = (9, 30, 61)


def image_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def checked_views(scale: float) -> Cameras:
    cameras = demo_cameras(scale)
    columns = (getattr(cameras, name)[list(CHECKED)] for name in ("focal", "principal", "T_camera_world"))
    return Cameras(cameras.width, cameras.height, *columns)


@pytest.fixture(scope="module")
def model():
    return pycolmap.Reconstruction(DEMO / "sparse" / "0")


@pytest.fixture(scope="module")
def masks():
    return {
        kind: np.stack([image_of(TRUTH / kind / f"{name}.png") for name in NAMES])
        for kind in ("object_mask", "part_mask")
    }


def test_it_is_small_and_complete():
    files = [path for path in DEMO.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6e6
    assert sorted(path.stem for path in (DEMO / "images").iterdir()) == NAMES
    for kind in ("object_mask", "part_mask", "depth"):
        assert sorted(path.name for path in (TRUTH / kind).iterdir()) == [f"{name}.png" for name in NAMES]
    assert "Apache-2.0" in (DEMO / "README.md").read_text(encoding="utf-8")


def test_the_stored_truth_is_what_the_scene_gives():
    truth = trace_truth(demo_primitives(len(CHECKED)), checked_views(1.0))
    steps = json.loads((TRUTH / "views.json").read_text())["depth_steps_per_unit"]
    for row, view in enumerate(CHECKED):
        for kind, expected in (("object_mask", truth.object[row]), ("part_mask", truth.part[row])):
            stored = image_of(TRUTH / kind / f"{NAMES[view]}.png")
            assert stored.dtype == np.uint16
            assert (stored != expected.numpy()).sum() <= 5  # another machine may round an edge otherwise
        depth = image_of(TRUTH / "depth" / f"{NAMES[view]}.png") / steps
        assert np.quantile(abs(depth - truth.depth[row].numpy()), 0.999) < 0.6 / steps


def test_the_stored_pictures_are_what_the_scene_gives():
    pictures = render(demo_primitives(len(CHECKED)), checked_views(0.25), demo_light(), supersample=4).numpy()
    for row, view in enumerate(CHECKED):
        stored = image_of(DEMO / "images" / f"{NAMES[view]}.jpg").reshape(48, 4, 64, 4, 3).mean((1, 3)) / 255
        assert abs(stored - pictures[row]).mean() < 0.012


def test_poses_are_exact_and_points_lie_on_the_surfaces(model):
    assert model.num_points3D() > 3000
    cameras = demo_cameras()
    assert {camera.model.name for camera in model.cameras.values()} == {"PINHOLE"}
    assert len(model.images) == 80
    for i, name in enumerate(NAMES):
        image = model.images[i + 1]
        assert image.name == f"{name}.jpg"
        assert np.allclose(image.cam_from_world().matrix(), cameras.T_camera_world[i].numpy(), atol=1e-6)
        assert np.allclose(image.camera.params, [290, 290, 128, 96])
    errors = np.array([point.error for point in model.points3D.values()])
    lengths = np.array([point.track.length() for point in model.points3D.values()])
    assert 0.2 < errors.mean() < 0.8
    assert lengths.min() >= 3
    assert lengths.mean() > 4


def test_points_project_on_their_own_object_in_every_view_of_their_track(model, masks):
    agree, colour_gap = [], []
    pictures = [image_of(DEMO / "images" / f"{name}.jpg").astype(int) for name in NAMES]
    for point in model.points3D.values():
        seen = []
        for element in point.track.elements:
            image = model.images[element.image_id]
            x, y = image.project_point(point.xyz).astype(int)
            xy = image.points2D[element.point2D_idx].xy
            assert np.linalg.norm(image.project_point(point.xyz) - xy) < 4
            seen.append(masks["object_mask"][element.image_id - 1, y, x])
            colour_gap.append(abs(pictures[element.image_id - 1][y, x] - point.color.astype(int)).mean())
        agree.append(len(set(seen)) == 1)
    assert np.mean(agree) > 0.9  # points on outlines fall to one side or the other
    assert np.median(colour_gap) < 8


def test_parts_lie_in_their_objects_and_the_legend_counts_them(masks):
    legend = json.loads((TRUTH / "labels.json").read_text())
    assert legend["objects"] == {str(thing.id): thing.name for thing in demo_objects()}
    assert len(legend["parts"]) == len(demo_part_ids(demo_objects()))
    for i, part in legend["parts"].items():
        mine = masks["part_mask"] == int(i)
        assert mine.sum() == part["pixels_total"]
        assert (masks["object_mask"][mine] == part["object_id"]).all()
        assert part["views_with_20px"] >= 10
    assert ((masks["part_mask"] == 0) == (masks["object_mask"] == 0)).all()


def test_the_eyes_are_wide_enough_and_on_their_side(masks):
    legend = json.loads((TRUTH / "labels.json").read_text())["parts"]
    ids = {part["name"]: int(i) for i, part in legend.items()}
    front = min(range(40), key=lambda i: abs(demo_azimuths()[i] + np.pi / 2))
    columns = {
        side: np.nonzero((masks["part_mask"][front] == ids[f"{side}-eye"]).any(0))[0] for side in ("left", "right")
    }
    assert all(len(side) >= 5 for side in columns.values())
    assert columns["left"].min() > columns["right"].max()  # its left is on the viewer's right


def test_splits_and_description(masks):
    names = set(NAMES)
    azimuths = dict(zip(NAMES, demo_azimuths(), strict=True))
    split, unseen = (yaml.safe_load((DEMO / f"{name}.yml").read_text()) for name in ("split", "split_unseen"))
    for one in (split, unseen):
        assert set(one["train"]) | set(one["test"]) == names
        assert not set(one["train"]) & set(one["test"])
    assert len(split["test"]) == 10
    withheld = sorted(azimuths[name] for name in unseen["test"])
    seen = sorted(azimuths[name] for name in unseen["train"])
    assert len(withheld) == pytest.approx(80 * 2 / 3, abs=2)
    assert seen[-1] - seen[0] < 2 * np.pi / 3
    assert not [a for a in withheld if seen[0] <= a <= seen[-1]]  # one contiguous arc
    description = yaml.safe_load((DEMO / "description.yml").read_text())
    targets = {thing["name"] for thing in description["objects"]}
    for thing, truth in zip(description["objects"], demo_objects(), strict=True):
        assert thing["name"] == truth.name
        targets |= {f"{thing['name']}/{part['name']}" for part in thing.get("parts", ())}
        for view, (x0, y0, x1, y1) in thing["boxes"].items():
            rows, columns = np.nonzero(masks["object_mask"][NAMES.index(view)] == truth.id)
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x0, y0, x1, y1)
            assert view in unseen["train"] + unseen["test"]
    assert {edit["target"] for edit in description["edits"]} <= targets


def test_poses_and_boxes_of_the_objects_hold_their_surface_points():
    truth = {one["object_id"]: one for one in json.loads((TRUTH / "objects.json").read_text())["objects"]}
    points = PlyData.read(TRUTH / "surface_points.ply")["vertex"]
    xyz = np.stack([points[axis] for axis in "xyz"], -1).astype(float)
    assert len(truth) == 5
    for i, one in truth.items():
        T = np.array(one["T_world_object"])
        assert np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-6)
        assert np.linalg.det(T[:3, :3]) == pytest.approx(1, abs=1e-6)
        local = (xyz[points["object_id"] == i] - T[:3, 3]) @ T[:3, :3]
        reach = 2 * abs(local).max(0) / one["size"]
        assert (reach < 1.003).all()
        assert (reach > 0.93).all()
    assert truth[4]["size"] == pytest.approx([BALL_SIZE] * 3)
    ids = demo_part_ids(demo_objects())
    number = {thing.name: thing.id for thing in demo_objects()}
    for (name, _), part in ids.items():
        mine = points["part_id"] == part
        assert mine.any()
        assert (points["object_id"][mine] == number[name]).all()


def test_surface_points_are_the_first_hits_of_the_rays_that_reach_them():
    vertices = PlyData.read(TRUTH / "surface_points.ply")["vertex"]
    points, normals = (
        torch.tensor(np.stack([vertices[a] for a in axes], 0)) for axes in (("x", "y", "z"), ("nx", "ny", "nz"))
    )
    primitives = demo_primitives()
    primitives = primitives.rows(primitives.object > 0)  # undersides lie on the table
    start = points + 0.05 * normals  # from just outside, looking back along the normal
    t, row = cast(primitives, start[:, None], -normals[:, None])
    assert (t[0] < 0.05 + 1e-3).all()
    own = primitives.part[row[0]].numpy() == vertices["part_id"]
    reached = (t[0] > 0.05 - 1e-3).numpy()
    assert reached.mean() > 0.8  # the others stand close before something else
    assert own[reached].mean() > 0.99
