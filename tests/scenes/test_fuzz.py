"""Damaged files end in a value or in an InputError: never in another exception, a crash, a hang or a memory hog."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from splatsmith.scenes.points import Points, write_points

WORKER = Path(__file__).with_name("fuzz_worker.py")
PARTS = ("cameras", "images", "points3D")
YAML_FILES = ["description.yml", "split.yml"]
NAMES = ["a b.png", "é.jpg", "c.webp", "d.tif"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory by RLIMIT_AS and reads /proc")

YAML = """\
prompts: "a mug,a can"
first_image_name: "é"
detect_conf: 0.27
opt_shape_iterations: [3, 4]
"""
OBJECTS = """\
objects:
  - name: mug
    prompt: a mug
    boxes: {é: [1, 2, 30, 40]}
    points: {c: [[5, 6]]}
    parts: [{name: lid, prompt: a lid}]
edits:
  - {name: red, target: mug/lid, method: recolour, prompt: red}
"""


def colmap(captured, folder: Path, suffix: str = ".bin") -> None:
    captured(folder, NAMES, "OPENCV", (50.0, 52.0, 31.0, 25.0, 0.05, 0, 0, 0), suffix=suffix, points=4)
    (folder / "description.yml").write_text(YAML, encoding="utf-8")
    (folder / "split.yml").write_text("train: ['a b', c]\ntest: [é]\n", encoding="utf-8")


def nerfstudio(captured, folder: Path) -> None:
    scene = captured(folder, NAMES)
    (folder / "sparse").rename(folder / "old")
    poses = np.linalg.inv(scene.T_camera_world) @ np.diag([1.0, -1, -1, 1])
    frames = [
        {"file_path": f"images/{name}", "fl_x": 50.5, "transform_matrix": pose.tolist()}
        for name, pose in zip(NAMES, poses, strict=True)
    ]
    keys = {"camera_model": "OPENCV", "w": 64, "h": 48, "k1": 0.05, "ply_file_path": "points.ply"}
    keys |= {"train_filenames": ["images/a b.png", "c.webp"], "test_filenames": ["images/é.jpg"]}
    (folder / "transforms.json").write_text(json.dumps(keys | {"frames": frames}, indent=1), encoding="utf-8")
    write_points(folder / "points.ply", Points(scene.xyz, scene.rgb))


def trained(captured, folder: Path) -> None:
    scene = captured(folder, NAMES)
    (folder / "sparse").rename(folder / "old")
    entries = [
        {
            "id": i,
            "img_name": name,
            "width": 64,
            "height": 48,
            "position": T[:3, 3].tolist(),
            "rotation": T[:3, :3].tolist(),
            "fx": 50.0,
            "fy": 51.0,
        }
        for i, (name, T) in enumerate(zip(NAMES, scene.T_camera_world, strict=True))
    ]
    (folder / "cameras.json").write_text(json.dumps(entries, indent=1))
    (folder / "input.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n1 2 3 4 5 6\n7 8 9 10 11 12\n"
    )
    (folder / "description.yml").write_text(OBJECTS, encoding="utf-8")


def colmap_text(captured, folder: Path) -> None:
    colmap(captured, folder, ".txt")


TARGETS = {
    colmap: [*(f"sparse/0/{part}.bin" for part in PARTS), *(f"images/{name}" for name in NAMES), *YAML_FILES],
    colmap_text: [f"sparse/0/{part}.txt" for part in PARTS],
    nerfstudio: ["transforms.json", "points.ply"],
    trained: ["cameras.json", "input.ply", "description.yml"],
}


def fuzz(folder: Path, names: list[str], examples: int) -> subprocess.CompletedProcess:
    command = [sys.executable, str(WORKER), str(examples), str(folder), *names]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize(
    "make", [pytest.param(make, marks=pytest.mark.slow if make is colmap else ()) for make in TARGETS]
)
def test_damage(captured, tmp_path, make):
    make(captured, tmp_path / "scene")
    answer = fuzz(tmp_path / "scene", TARGETS[make], examples=10)
    assert answer.returncode == 0, answer.stderr[-4000:]


def test_the_fuzzing_can_fail(captured, tmp_path):
    """A scene that is not good before it is damaged ends it."""
    colmap(captured, tmp_path / "scene")
    (tmp_path / "scene" / "images" / "c.webp").unlink()
    assert "not good" in fuzz(tmp_path / "scene", ["split.yml"], examples=1).stderr
