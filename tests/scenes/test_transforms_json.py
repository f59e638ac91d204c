"""nerfstudio's, instant-ngp's and Blender's transforms: the same scene whichever way it is written."""

import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image

from splatsmith.scenes.colmap import read_colmap
from splatsmith.scenes.lens import Lens, pinhole_of
from splatsmith.scenes.points import Points, write_points
from splatsmith.scenes.split import Split
from splatsmith.scenes.transforms_json import read_blender, read_transforms

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def opengl(T_camera_world: np.ndarray) -> list:
    """Camera-to-world, in OpenGL axes, as transforms.json has it."""
    return (np.linalg.inv(T_camera_world) @ FLIP).tolist()


def frames_of(scene, **keys) -> list[dict]:
    return [
        {"file_path": f"images/{name}", "transform_matrix": opengl(T), **keys}
        for name, T in zip(scene.names, scene.T_camera_world, strict=True)
    ]


def write_transforms(scene, **keys):
    path = scene.folder / "transforms.json"
    path.write_text(json.dumps(keys))
    return path


OPENCV = {"fl_x": 50, "fl_y": 52, "cx": 31, "cy": 25, "w": 64, "h": 48}
DISTORTED = {"k1": 0.1, "k2": -0.02, "p1": 0.003, "p2": -0.001}


@pytest.mark.parametrize("everywhere", [True, False], ids=["global", "per-frame"])
@pytest.mark.parametrize(
    ("keys", "model", "params"),
    [
        (OPENCV | DISTORTED, "OPENCV", (50, 52, 31, 25, 0.1, -0.02, 0.003, -0.001)),
        (OPENCV | DISTORTED | {"k3": 0.01}, "FULL_OPENCV", (50, 52, 31, 25, 0.1, -0.02, 0.003, -0.001, 0.01, 0, 0, 0)),
        (
            OPENCV | {"camera_model": "OPENCV_FISHEYE", "k1": 0.1, "k2": 0.2, "k3": 0.3, "k4": 0.4},
            "OPENCV_FISHEYE",
            (50, 52, 31, 25, 0.1, 0.2, 0.3, 0.4),
        ),
        (OPENCV | {"is_fisheye": True}, "OPENCV_FISHEYE", (50, 52, 31, 25, 0, 0, 0, 0)),
    ],
)
def test_the_same_scene_as_colmap_s(captured, tmp_path, keys, model, params, everywhere):
    scene = captured(tmp_path, ["a.png", "left/é 1.jpg", "b.png"], model, params)
    cloud = Points(scene.xyz, scene.rgb)
    write_points(tmp_path / "sparse_pc.ply", cloud)
    own, common = ({}, keys) if everywhere else (keys, {})
    path = write_transforms(scene, frames=frames_of(scene, **own), ply_file_path="sparse_pc.ply", **common)
    ours, theirs = read_transforms(path), read_colmap(tmp_path / "sparse" / "0", tmp_path / "images")
    assert [shot.name for shot in ours.shots] == [shot.name for shot in theirs.shots]
    for one, other in zip(ours.shots, theirs.shots, strict=True):
        assert (one.lens, one.image) == (other.lens, other.image)
        np.testing.assert_allclose(one.T_camera_world, other.T_camera_world, atol=1e-12)
    np.testing.assert_array_equal(ours.points.xyz, scene.xyz)
    np.testing.assert_array_equal(ours.points.rgb, scene.rgb)


def test_intrinsics_from_a_field_of_view_and_the_photo_s_size(captured, tmp_path):
    scene = captured(tmp_path)
    path = write_transforms(scene, camera_angle_x=math.radians(60), frames=frames_of(scene))
    focal = 32 / math.tan(math.radians(30))
    camera = pinhole_of(read_transforms(path).shots[0].lens)
    assert (camera.width, camera.height, camera.cx, camera.cy) == (64, 48, 32, 24)
    assert (camera.fx, camera.fy) == pytest.approx((focal, focal))


def test_a_frame_s_own_intrinsics_count_before_the_common_ones(captured, tmp_path):
    scene = captured(tmp_path)
    frames = frames_of(scene)
    frames[1] |= {"fl_x": 70}
    shots = read_transforms(write_transforms(scene, frames=frames, **OPENCV)).shots
    assert [shot.lens.params[0] for shot in shots] == [50, 70, 50, 50]


def test_another_folder_of_photos_may_stand_in(captured, tmp_path):
    scene, half = captured(tmp_path), captured(tmp_path / "half", size=(32, 24))
    shutil.move(half.folder / "images", tmp_path / "images_2")
    shots = read_transforms(write_transforms(scene, frames=frames_of(scene), **OPENCV), "images_2").shots
    assert {(shot.lens.width, shot.lens.params[:4]) for shot in shots} == {(32, (25.0, 26.0, 15.5, 12.5))}
    assert {shot.image.parent.name for shot in shots} == {"images_2"}


def test_photos_elsewhere_and_names_without_suffix(captured, tmp_path):
    scene = captured(tmp_path)
    (tmp_path / "images").rename(tmp_path / "frames")
    frames = frames_of(scene)
    for frame in frames:
        frame["file_path"] = "./" + frame["file_path"].replace("images", "frames").removesuffix(".png")
    shots = read_transforms(write_transforms(scene, frames=frames, **OPENCV)).shots
    assert [shot.name for shot in shots] == ["frames__a", "frames__b", "frames__c", "frames__d"]


def test_the_file_s_own_split(captured, tmp_path):
    scene = captured(tmp_path)
    lists = {"train_filenames": ["images/a.png", "images/c.png"], "test_filenames": ["images/b.png"]}
    path = write_transforms(scene, frames=frames_of(scene), **OPENCV, **lists)
    assert read_transforms(path).split == Split(("a", "c"), ("b",))


@pytest.mark.parametrize("told", [True, False])
def test_colmap_s_points_are_brought_along_by_the_applied_transform(captured, tmp_path, told):
    """nerfstudio turns COLMAP's world; files older than the key `applied_transform` all turned it the same way."""
    scene = captured(tmp_path)
    (tmp_path / "colmap").mkdir()
    shutil.move(tmp_path / "sparse", tmp_path / "colmap" / "sparse")
    M = np.eye(4)
    M[:3] = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0]]
    if told:
        M[:3] = [[1, 0, 0, 5], [0, 0, 1, 6], [0, -1, 0, 7]]
    frames = frames_of(scene)
    for frame, T in zip(frames, scene.T_camera_world, strict=True):
        frame["transform_matrix"] = (M @ np.linalg.inv(T) @ FLIP).tolist()
    keys = OPENCV | ({"applied_transform": M[:3].tolist()} if told else {})
    found = read_transforms(write_transforms(scene, frames=frames, **keys))
    for shot, T in zip(found.shots, scene.T_camera_world, strict=True):
        seen = found.points.xyz @ shot.T_camera_world[:3, :3].T + shot.T_camera_world[:3, 3]
        np.testing.assert_allclose(seen, scene.xyz @ T[:3, :3].T + T[:3, 3], atol=1e-12)


def test_a_panorama(captured, tmp_path):
    scene = captured(tmp_path, ["p.png", "q.png"], "EQUIRECTANGULAR", (64.0, 32.0), (64, 32))
    path = write_transforms(scene, frames=frames_of(scene), camera_model="EQUIRECTANGULAR", w=64, h=32)
    ours, theirs = read_transforms(path), read_colmap(tmp_path / "sparse" / "0", tmp_path / "images")
    assert [(shot.name, shot.lens) for shot in ours.shots] == [(shot.name, shot.lens) for shot in theirs.shots]


def test_blender_s_scenes(captured, tmp_path):
    """Two files, names without suffix, transparent pictures, one field of view."""
    scene = captured(tmp_path / "x", ["r_0.png", "r_1.png", "r_2.png"])
    folder = tmp_path / "lego"
    for part, chosen in (("train", [0, 2]), ("test", [1])):
        (folder / part).mkdir(parents=True)
        frames = []
        for i in chosen:
            rgba = np.full((48, 64, 4), [200, 100, 50, 0], np.uint8)
            Image.fromarray(rgba).save(folder / part / scene.names[i])
            pose = opengl(scene.T_camera_world[i])
            frames.append({"file_path": f"./{part}/r_{i}", "rotation": 0.1, "transform_matrix": pose})
        text = json.dumps({"camera_angle_x": 0.7, "frames": frames})
        (folder / f"transforms_{part}.json").write_text(text)
    found = read_blender(folder)
    assert found.split == Split(("train__r_0", "train__r_2"), ("test__r_1",))
    for shot, i in zip(found.shots, [1, 0, 2], strict=True):
        np.testing.assert_allclose(shot.T_camera_world, scene.T_camera_world[i], atol=1e-12)
        focal = 32 / math.tan(0.35)
        assert shot.lens == Lens("OPENCV", 64, 48, (focal, focal, 32, 24, 0, 0, 0, 0))
