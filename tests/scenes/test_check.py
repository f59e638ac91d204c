"""`check`: a good scene has no problems, and checking leaves it as it is."""

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.scenes import check
from splatsmith.scenes.check import check_scene, inspect_scene
from splatsmith.scenes.pictures import ORIENTATION

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
SCENES = [ROOT / "resources" / "demo", *(SHARED / name for name in ("fox", "tankard", "table"))]


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_real_scenes_have_no_problems(scene):
    if not scene.exists():
        pytest.skip(f"no {scene}")
    before = digests(scene)
    report = check_scene(scene)
    assert report.problems == ()
    assert str(report).endswith("no problems")
    for split in scene.glob("split_*.yml"):
        assert check_scene(scene, split.name).problems == ()
    assert digests(scene) == before


def test_the_report_tells_what_the_scene_holds(captured, tmp_path):
    captured(tmp_path, [f"{i}.png" for i in range(24)], "OPENCV", (50.0, 52.0, 31.0, 25.0, 0.01, 0, 0, 0))
    (tmp_path / "description.yml").write_text("prompts: a mug,a can")
    report = str(check_scene(tmp_path))
    for words in (
        "24 of 24 photos have poses, 12 points, each seen by 24.0 photos",
        "Verdict: good",
        "OPENCV (24)",
        "64x48 (24)",
        "21 views train, 3 are held out",
        "a-mug, a-can",
        "no problems",
    ):
        assert words in report


def test_photos_are_tested_with_no_more_threads_than_allowed(captured, tmp_path, monkeypatch):
    captured(tmp_path, [f"{i}.png" for i in range(24)])
    used = []
    monkeypatch.setattr(check, "check_picture", lambda photo: used.append(threading.get_ident()))
    inspect_scene(tmp_path, None, "split", threads=1)
    assert (len(used), len(set(used))) == (24, 1)


def test_names_with_spaces_and_letters_of_any_language_are_fine(captured, tmp_path):
    names = ["a photo.png", "Käse & Brot.jpg", "写真/表 1.png", "-x.png", "a'b\"c.png", "100%.png"]
    captured(tmp_path / "my scène", names)
    (tmp_path / "my scène" / "split.yml").write_text(
        "train: [a photo, Käse & Brot.jpg, 写真/表 1]\ntest: ['-x', 100%]\n", encoding="utf-8"
    )
    report = check_scene(tmp_path / "my scène")
    assert report.problems == ()
    assert "3 views train, 2 are held out" in str(report)


def test_photos_alone_are_fine(captured, tmp_path):
    captured(tmp_path)
    (tmp_path / "sparse").rename(tmp_path / "gone")
    report = check_scene(tmp_path)
    assert report.problems == ()
    assert "4, their cameras are still to be found" in str(report)


def test_another_split_file_is_read_and_must_exist(captured, tmp_path):
    captured(tmp_path)
    (tmp_path / "other.yml").write_text("train: [a]\ntest: [b, c]\n")
    assert "1 views train, 2 are held out" in str(check_scene(tmp_path, "other.yml"))
    assert [problem.what for problem in check_scene(tmp_path, "none.yml").problems] == ["the file cannot be read"]


@pytest.mark.parametrize(("stored", "upright"), [((64, 48), (48, 64)), ((48, 64), (64, 48))])
def test_the_camera_s_size_tells_whether_a_photo_is_meant_upright(captured, tmp_path, stored, upright):
    """COLMAP reads a photo as stored, other programs turn it upright first: the poses fit what they saw."""
    from splatsmith.scenes.colmap import read_colmap

    scene = captured(tmp_path, size=stored)
    for size, meant_upright in ((stored, False), (upright, True)):
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        for name in scene.names:
            Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(tmp_path / "images" / name, exif=exif)
        shots = read_colmap(tmp_path / "sparse" / "0", tmp_path / "images").shots
        assert {shot.upright for shot in shots} == {meant_upright}


def test_it_starts_without_torch(captured, tmp_path):
    captured(tmp_path)
    code = "import json, sys; from pathlib import Path; from splatsmith.scenes.check import check_scene;"
    code += f"check_scene(Path({str(tmp_path)!r})); print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "numba", "matplotlib", "cv2"}.isdisjoint(json.loads(answer.stdout))


def test_pycolmap_comes_after_pillow():
    """In the other order the codecs of the two wheels corrupt the heap when a PNG is written."""
    code = "from splatsmith.scenes.colmap_library import pycolmap; from PIL import Image; import io;"
    code += "[Image.effect_noise((300, 200), 50).save(io.BytesIO(), 'PNG') for _ in range(20)]"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    for path in (ROOT / "src").rglob("*.py"):
        if path.name != "colmap_library.py":
            assert "import pycolmap" not in path.read_text().replace("colmap_library import pycolmap", ""), path
