"""What `splatsmith check` says of everything that can be wrong with a scene: the words are frozen in messages.txt.

Each case spoils a good scene in one way. The section of the same name in messages.txt holds the problems, with the
scene's folder as SCENE.
"""

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.scenes.check import check_scene

FROZEN = Path(__file__).with_name("messages.txt")
CASES: dict[str, Callable[[Path], object]] = {}


def case(spoil: Callable[[Path], object]) -> Callable[[Path], object]:
    CASES[spoil.__name__] = spoil
    return spoil


def model(scene: Path, part: str) -> Path:
    return scene / "sparse" / "0" / f"{part}.bin"


def poke(path: Path, at: int, data: bytes) -> None:
    old = path.read_bytes()
    path.write_bytes(old[:at] + data + old[at + len(data) :])


def rename_in_model(scene: Path, old: bytes, new: bytes) -> None:
    path = model(scene, "images")
    data = path.read_bytes()
    assert old + b"\0" in data
    path.write_bytes(data.replace(old + b"\0", new + b"\0"))


def transforms(scene: Path, **changes) -> None:
    """Put a nerfstudio scene in COLMAP's place, with `changes` to it."""
    for path in sorted((scene / "sparse").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (scene / "sparse").rmdir()
    frames = [{"file_path": f"images/{name}", "transform_matrix": np.eye(4).tolist()} for name in ("a.png", "b.png")]
    value = {"fl_x": 50, "w": 64, "h": 48, "frames": frames} | changes
    (scene / "transforms.json").write_text(json.dumps({key: item for key, item in value.items() if item is not None}))


def description(scene: Path, text: str) -> None:
    (scene / "description.yml").write_text(text, encoding="utf-8")


def split(scene: Path, text: str) -> None:
    (scene / "split.yml").write_text(text, encoding="utf-8")


@case
def no_folder(scene):
    scene.rename(scene.with_name("gone"))


@case
def no_scene(scene):
    for name in ("images", "sparse"):
        (scene / name).rename(scene / f"my {name}")


@case
def missing_photos(scene):
    for name in ("a.png", "c.png"):
        (scene / "images" / name).unlink()


@case
def truncated_png(scene):
    path = scene / "images" / "a.png"
    path.write_bytes(path.read_bytes()[:-20])


@case
def truncated_jpeg(scene):
    path = scene / "images" / "d.jpg"
    path.write_bytes(path.read_bytes()[:-200])


@case
def corrupt_jpeg(scene):
    path = scene / "images" / "d.jpg"
    poke(path, path.read_bytes().index(b"\xff\xc4") + 4, bytes(range(1, 30)))  # a Huffman table


@case
def corrupt_png(scene):
    poke(scene / "images" / "a.png", 200, b"\0\0\0\0")


@case
def empty_photo(scene):
    (scene / "images" / "a.png").write_bytes(b"")


@case
def photo_that_is_none(scene):
    (scene / "images" / "a.png").write_text("not a picture")


@case
def wrong_size(scene):
    Image.new("RGB", (64, 40)).save(scene / "images" / "a.png")


@case
def colmap_file_missing(scene):
    model(scene, "points3D").unlink()


@case
def colmap_files_truncated(scene):
    for part in ("cameras", "images", "points3D"):
        path = model(scene, part)
        path.write_bytes(path.read_bytes()[:-5])


@case
def colmap_file_too_long(scene):
    path = model(scene, "images")
    path.write_bytes(path.read_bytes() + b"more")


@case
def colmap_counts_lie(scene):
    for part in ("cameras", "images", "points3D"):
        poke(model(scene, part), 0, struct.pack("<Q", 2**60))


@case
def colmap_files_empty(scene):
    for part in ("cameras", "images", "points3D"):
        model(scene, part).write_bytes(b"")


@case
def colmap_track_lies(scene):
    poke(model(scene, "points3D"), 8 + 43, struct.pack("<Q", 2**50))


@case
def colmap_text_damaged(scene):
    from splatsmith.scenes.colmap_library import pycolmap

    folder = scene / "sparse" / "0"
    pycolmap.Reconstruction(folder).write_text(folder)
    for path in folder.glob("*.bin"):
        path.unlink()
    for name, line in (("cameras", "1 PINHOLE 64 48 50"), ("images", "1 1 0 0 0 0 0"), ("points3D", "1 0 0")):
        path = folder / f"{name}.txt"
        path.write_text(path.read_text() + line + "\n")


@case
def unknown_camera_model(scene):
    poke(model(scene, "cameras"), 8 + 4, struct.pack("<i", 99))


@case
def unknown_camera_model_in_text(scene):
    from splatsmith.scenes.colmap_library import pycolmap

    folder = scene / "sparse" / "0"
    pycolmap.Reconstruction(folder).write_text(folder)
    for path in folder.glob("*.bin"):
        path.unlink()
    text = (folder / "cameras.txt").read_text()
    (folder / "cameras.txt").write_text(text.replace("PINHOLE", "PINEHOLE"))


@case
def zero_views(scene):
    model(scene, "images").write_bytes(struct.pack("<Q", 0))
    model(scene, "points3D").write_bytes(struct.pack("<Q", 0))


@case
def one_view(scene):
    transforms(scene, frames=[{"file_path": "images/a.png", "transform_matrix": np.eye(4).tolist()}])


@case
def nan_pose(scene):
    poke(model(scene, "images"), 8 + 4 + 32, struct.pack("<d", float("nan")))


@case
def zero_quaternion(scene):
    poke(model(scene, "images"), 8 + 4, struct.pack("<4d", 0, 0, 0, 0))


@case
def pose_with_scale(scene):
    poses = [np.diag([2.0, 2, 2, 1]), np.diag([1.0, 1, -1, 1])]
    names = ("a.png", "b.png")
    frames = [{"file_path": f"images/{n}", "transform_matrix": p.tolist()} for n, p in zip(names, poses, strict=True)]
    transforms(scene, frames=frames)


@case
def impossible_lens(scene):
    poke(model(scene, "cameras"), 8 + 24, struct.pack("<d", -50.0))


@case
def same_stem(scene):
    Image.new("RGB", (64, 48)).save(scene / "images" / "a.jpg")
    rename_in_model(scene, b"b.png", b"a.jpg")


@case
def same_name_but_for_the_case(scene):
    Image.new("RGB", (64, 48)).save(scene / "images" / "A.png")
    rename_in_model(scene, b"b.png", b"A.png")


@case
def two_cameras_of_one_photo(scene):
    (scene / "images" / "b.png").unlink()
    rename_in_model(scene, b"b.png", b"x/a.png")


@case
def names_that_leave_the_folder(scene):
    rename_in_model(scene, b"a.png", b"../../a.png")
    rename_in_model(scene, b"b.png", b"/etc/b.png")
    rename_in_model(scene, b"c.png", b"C:\\c.png")


@case
def names_that_are_none(scene):
    rename_in_model(scene, b"a.png", b"\xff\xfe.png")
    rename_in_model(scene, b"b.png", b"line\nbreak.png")
    rename_in_model(scene, b"c.png", b"x" * 300)
    rename_in_model(scene, b"d.jpg", b"")


@case
def transforms_not_json(scene):
    transforms(scene)
    (scene / "transforms.json").write_text('{"frames": [')


@case
def transforms_without_frames(scene):
    transforms(scene, frames=None)


@case
def transforms_without_focal_length(scene):
    transforms(scene, fl_x=None)


@case
def transforms_with_unknown_camera_model(scene):
    transforms(scene, camera_model="OMNI")


@case
def transforms_with_a_matrix_that_is_none(scene):
    transforms(scene, frames=[{"file_path": "images/a.png", "transform_matrix": [[1, 0], [0, 1]]}])


@case
def transforms_with_points_outside(scene):
    transforms(scene, ply_file_path="../points.ply")


@case
def ply_with_a_lying_count(scene):
    header = "ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n"
    (scene / "points.ply").write_text(header)
    transforms(scene, ply_file_path="points.ply")


@case
def trained_ply_with_a_lying_count(scene):
    header = "ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float f_dc_0\nend_header\n"
    (scene / "trained.ply").write_text(header)


@case
def trained_ply_without_cameras(scene):
    (scene / "sparse").rename(scene / "gone")
    (scene / "trained.ply").write_text("ply\nelement vertex 0\nproperty float f_dc_0\nend_header\n")


@case
def too_few_photos(scene):
    (scene / "sparse").rename(scene / "gone")
    for name in ("c.png", "d.jpg"):
        (scene / "images" / name).unlink()


@case
def photos_in_other_formats(scene):
    (scene / "sparse").rename(scene / "gone")
    (scene / "images" / "IMG_1.HEIC").write_bytes(b"heic")
    (scene / "images" / "IMG_2.dng").write_bytes(b"dng")


@case
def photos_with_names_that_are_none(scene):
    (scene / "sparse").rename(scene / "gone")
    (scene / "images" / "a.png").rename(scene / "images" / "line\nbreak.png")


@case
def photos_with_names_that_are_not_utf8(scene):
    (scene / "images" / "a.png").rename(scene / "images" / "\udcff.png")


@case
def description_with_unknown_keys(scene):
    description(scene, "promps: a\nobjects:\n  - {name: a, box: {}}\n")


@case
def description_not_yaml(scene):
    description(scene, "objects: [\n")


@case
def description_with_wrong_values(scene):
    description(scene, "img_num: many\nobjects: [{name: My Teapot}]\nedits: [{name: e, target: a, method: melt}]\n")


@case
def description_of_unknown_photos(scene):
    description(scene, "first_image_name: e\nobjects: [{name: a, boxes: {aa: [0, 0, 1, 1], b: [0, 0, 65, 1]}}]\n")


@case
def edit_of_nothing(scene):
    description(
        scene, "objects: [{name: mug, parts: [{name: lid}]}]\nedits: [{name: e, target: mug/lit, method: remove}]"
    )


@case
def split_with_unknown_key(scene):
    split(scene, "train: [a, b, c]\ntests: [d]\n")


@case
def split_empty(scene):
    split(scene, "train: []\ntest: [a]\n")


@case
def split_file_empty(scene):
    split(scene, "")


@case
def split_overlaps(scene):
    split(scene, "train: [a, b, c]\ntest: [c, d]\n")


@case
def split_of_unknown_photos(scene):
    split(scene, "train: [a, b, c]\ntest: [frame_1, frame_2]\n")


@case
def split_with_repetition(scene):
    split(scene, "train: [a, b, a.png]\ntest: [c]\n")


@case
def everything_at_once(scene):
    description(scene, "objct: []\n")
    split(scene, "train: [a]\ntest: [a]\n")
    (scene / "images" / "b.png").unlink()
    poke(scene / "images" / "a.png", 200, b"\0\0\0\0")
    poke(model(scene, "images"), 8 + 4 + 32, struct.pack("<d", float("nan")))


def sections() -> dict[str, str]:
    parts = re.split(r"^== (\w+)\n", FROZEN.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def problems_of(captured, folder: Path, name: str) -> str:
    captured(folder, ["a.png", "b.png", "c.png", "d.jpg"])
    CASES[name](folder)
    problems = "\n".join(str(problem) for problem in check_scene(folder).problems)
    return re.sub(r"\d+ bytes not processed", "N bytes not processed", problems.replace(str(folder), "SCENE"))


@pytest.mark.parametrize("name", CASES)
def test_message(captured, tmp_path, name):
    assert problems_of(captured, tmp_path / "scene", name) == sections().get(name)


def test_no_section_is_stale():
    assert list(sections()) == list(CASES)
