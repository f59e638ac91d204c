"""The stage prepare_scene: pictures that fit their cameras, in the input's world, whatever the folder's layout."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.develop import camera_within
from splatsmith.scenes.pictures import ORIENTATION
from splatsmith.scenes.points import Points, write_points
from splatsmith.scenes.prepared import Split, read_image, read_prepared
from splatsmith.stages.prepare_scene import Config, Inputs, Outputs, main

ROOT = Path(__file__).resolve().parents[2]
ODD_NAMES = ["a photo.png", "left/Käse 1.png", "left/写真.png", "right/写真.png"]


def prepare(scene: Path, output: Path, split: Path | None = None, threads: int | None = None, **config):
    main(Config(**config), Inputs(scene, split), Outputs(output), threads=threads)
    return read_prepared(output)


def split_file(path: Path, train: list[str], test: list[str]) -> Path:
    path.write_text(json.dumps({"train": train, "test": test}), encoding="utf-8")
    return path


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def verdict(output: Path) -> dict:
    return json.loads((output / "verdict.json").read_text())


def stage(output: Path) -> dict:
    return json.loads((output / "stage.json").read_text())


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_pinhole_photos_are_copied_byte_for_byte_and_inputs_stay(captured, tmp_path, suffix):
    scene = captured(tmp_path / "my scène", ODD_NAMES, suffix=suffix)
    before = digests(scene.folder)
    prepared = prepare(scene.folder, tmp_path / "results" / "scene")
    assert digests(scene.folder) == before
    assert [view.name for view in prepared.views] == ["a photo", "left__Käse 1", "left__写真", "right__写真"]
    for view, name, T in zip(prepared.views, scene.names, scene.T_camera_world, strict=True):
        assert view.image.read_bytes() == (scene.folder / "images" / name).read_bytes()
        assert view.camera == Camera(64, 48, 50.0, 52.0, 31.0, 25.0)
        np.testing.assert_allclose(view.T_camera_world, T, atol=1e-12)
    np.testing.assert_array_equal(prepared.points.xyz, scene.xyz)
    np.testing.assert_array_equal(prepared.points.rgb, scene.rgb)
    assert prepared.split == Split(("left__Käse 1", "left__写真", "right__写真"), ("a photo",))


def test_a_distorted_lens_gives_a_pinhole_picture(captured, tmp_path):
    scene = captured(tmp_path / "in", model="OPENCV", params=(50.0, 52.0, 31.0, 25.0, 0.1, 0.01, 0.002, 0.001))
    prepared = prepare(scene.folder, tmp_path / "out")
    for view in prepared.views:
        assert view.image.suffix == ".png"
        assert (view.camera.fx, view.camera.fy) == (50.0, 52.0)
        assert read_image(view).shape == (view.camera.height, view.camera.width, 3)


def test_a_panorama_gives_six_pictures(captured, tmp_path):
    scene = captured(tmp_path / "in", ["p.png", "q.png"], "EQUIRECTANGULAR", (64.0, 32.0), (64, 32))
    prepared = prepare(scene.folder, tmp_path / "out")
    assert len(prepared.views) == 12
    assert {(view.camera.width, view.camera.fx) for view in prepared.views} == {(20, 10.0)}


def test_large_photos_are_shrunk_by_area_averaging(captured, tmp_path):
    scene = captured(tmp_path / "in")
    prepared = prepare(scene.folder, tmp_path / "out", max_side=32)
    for view in prepared.views:
        assert view.camera == Camera(32, 24, 25.0, 26.0, 15.5, 12.5)
        photo = np.asarray(Image.open(scene.folder / "images" / f"{view.name}.png")).astype(float)
        means = photo.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
        assert np.abs(read_image(view) - means).max() <= 0.5


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.floats(10, 5000),
    st.floats(10, 5000),
    st.integers(16, 2000) | st.none(),
)
def test_a_shrunk_camera_sees_the_same(width, height, fx, fy, max_side):
    camera = Camera(width, height, fx, fy, 0.4 * width, 0.6 * height)
    small = camera_within(camera, max_side)
    assert max(small.width, small.height) <= (max_side or max(width, height))
    assert small == camera or max(small.width, small.height) == max_side
    ray = np.array([0.3, -0.2, 1.0])
    np.testing.assert_allclose(
        (small.K @ ray)[:2] / [small.width, small.height], (camera.K @ ray)[:2] / [camera.width, camera.height]
    )
    assert camera_within(small, max_side) == small


def test_transparent_and_turned_photos_become_plain_pictures(captured, tmp_path):
    scene = captured(tmp_path / "in", ["a.png", "b.png", "c.png"], size=(64, 48))
    rgba = np.full((48, 64, 4), [200, 100, 50, 0], np.uint8)
    Image.fromarray(rgba).save(scene.folder / "images" / "a.png")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    tall = np.zeros((64, 48, 3), np.uint8)
    tall[0] = 255  # the stored top becomes the upright right side
    Image.fromarray(tall).save(scene.folder / "images" / "b.png", exif=exif)
    a, b, _ = prepare(scene.folder, tmp_path / "out").views
    assert (read_image(a) == 255).all()
    assert (read_image(b)[:, -1] == 255).all()
    assert (read_image(b)[:, :-1] == 0).all()
    assert Image.open(b.image).getexif().get(ORIENTATION) is None


def test_the_result_depends_on_neither_threads_nor_environment_nor_earlier_results(captured, tmp_path):
    scene = captured(tmp_path / "in", ODD_NAMES, "OPENCV", (50.0, 52.0, 31.0, 25.0, 0.1, 0.0, 0.0, 0.0))
    prepare(scene.folder, tmp_path / "a", threads=1)
    prepare(captured(tmp_path / "other", ["x.png", "y.png"]).folder, tmp_path / "b")
    script = ROOT / "workflow" / "scripts" / "prepare_scene.py"
    command = [sys.executable, script, "--scene", "in", "--output", "b", "--threads", "3"]
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    one, other = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert one.pop("stage.json") != other.pop("stage.json")  # it holds times
    assert one == other


def test_the_split_is_the_given_one(captured, tmp_path):
    scene = captured(tmp_path / "in", ODD_NAMES)
    split = split_file(scene.folder / "split b.yml", ["a photo", "left/写真.png"], ["right__写真"])
    prepared = prepare(scene.folder, tmp_path / "out", split)
    assert prepared.split == Split(("a photo", "left__写真"), ("right__写真",))
    assert len(prepared.views) == 4
    told = stage(tmp_path / "out")
    assert told["arguments"] == {"scene": scene.folder.as_posix(), "split": split.as_posix()}
    assert told["inputs"][split.as_posix()] == hashlib.sha256(split.read_bytes()).hexdigest()


def test_a_split_file_that_is_wrong_is_named(captured, tmp_path):
    scene = captured(tmp_path / "in")
    split = split_file(scene.folder / "mine.yml", ["a"], ["a"])
    with pytest.raises(InputError, match=r"train and test overlap\n.*/in/mine\.yml"):
        prepare(scene.folder, tmp_path / "out", split)
    with pytest.raises(InputError, match=r"/in/none\.yml"):
        prepare(scene.folder, tmp_path / "out", scene.folder / "none.yml")
    assert "none.yml" in stage(tmp_path / "out")["reason"]


@pytest.mark.parametrize(("test_every", "test"), [(2, ("a", "c")), (3, ("a", "d")), (0, ())])
def test_every_nth_view_is_held_out(captured, tmp_path, test_every, test):
    scene = captured(tmp_path / "in")
    assert prepare(scene.folder, tmp_path / "out", test_every=test_every).split.test == test


def test_trained_gaussians_ride_along(captured, tmp_path):
    scene = captured(tmp_path / "in")
    ply = scene.folder / "point_cloud" / "iteration_7000" / "point_cloud.ply"
    ply.parent.mkdir(parents=True)
    ply.write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 0\nproperty float f_dc_0\nend_header\n")
    assert prepare(scene.folder, tmp_path / "out").trained.read_bytes() == ply.read_bytes()
    ply.unlink()
    assert prepare(scene.folder, tmp_path / "out").trained is None
    assert not (tmp_path / "out" / "trained.ply").exists()


def test_a_trained_folder_s_own_cameras(captured, tmp_path):
    """cameras.json as 3DGS writes it, and what we write ourselves: a prepared scene's own file can be read again."""
    scene = captured(tmp_path / "in")
    first = prepare(scene.folder, tmp_path / "out")
    again = tmp_path / "again"
    again.mkdir()
    (tmp_path / "out" / "cameras.json").rename(again / "cameras.json")
    (tmp_path / "out" / "images").rename(again / "images")
    write_points(again / "input.ply", Points(scene.xyz, scene.rgb))
    second = prepare(again, tmp_path / "out2")
    for one, other in zip(first.views, second.views, strict=True):
        assert (one.name, one.camera) == (other.name, other.camera)
        np.testing.assert_allclose(one.T_camera_world, other.T_camera_world, atol=1e-12)
    np.testing.assert_array_equal(second.points.xyz, scene.xyz)


def test_the_verdict_and_the_record(captured, tmp_path):
    scene = captured(tmp_path / "in", [f"{i:02}.png" for i in range(24)])
    prepare(scene.folder, tmp_path / "out")
    assert verdict(tmp_path / "out") == {
        "verdict": "good",
        "layout": "COLMAP",
        "photos": 24,
        "views": 24,
        "registered_share": 1.0,
        "points": 12,
        "mean_track_length": 24.0,
        "mean_reprojection_px": 0.0,
        "advice": [],
        "warnings": [],
    }
    entry = stage(tmp_path / "out")
    assert (entry["status"], entry["stage"]) == ("ok", "prepare_scene")
    assert len(entry["inputs"]) == 24 + 3


def test_a_poor_capture_is_called_degraded(captured, tmp_path):
    scene = captured(tmp_path / "in", points=0)
    for name in "efgh":
        Image.new("RGB", (64, 48)).save(scene.folder / "images" / f"{name}.png")
    prepare(scene.folder, tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert (found["verdict"], found["registered_share"]) == ("poor", 0.5)
    assert [line.split(":")[0] for line in found["advice"]] == [
        "4 photos have no pose",
        "4 views are few",
        "there are no points",
    ]
    assert stage(tmp_path / "out")["status"] == "degraded"


def test_a_bad_scene_is_refused_and_nothing_but_the_record_is_written(captured, tmp_path):
    scene = captured(tmp_path / "in")
    (scene.folder / "images" / "a.png").write_bytes(b"")
    (scene.folder / "images" / "b.png").unlink()
    with pytest.raises(InputError) as error:
        prepare(scene.folder, tmp_path / "out", split_file(tmp_path / "split.yml", ["a"], ["a"]))
    assert len(error.value.problems) == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["stage.json"]
    assert stage(tmp_path / "out")["status"] == "failed"


def test_a_failed_rerun_leaves_no_manifest(captured, tmp_path):
    scene = captured(tmp_path / "in")
    prepare(scene.folder, tmp_path / "out")
    (scene.folder / "images" / "a.png").unlink()
    with pytest.raises(InputError):
        prepare(scene.folder, tmp_path / "out")
    with pytest.raises(InputError, match="the scene is not prepared"):
        read_prepared(tmp_path / "out")


def test_photos_alone_get_cameras(tmp_path):
    photos = tmp_path / "in" / "images"
    photos.mkdir(parents=True)
    for path in sorted((ROOT / "resources" / "demo" / "images").iterdir())[:12]:
        (photos / path.name).write_bytes(path.read_bytes())
    before = digests(tmp_path / "in")
    split = split_file(tmp_path / "split.yml", [f"frame_{i:03}" for i in range(11)], ["frame_011"])
    prepared = prepare(tmp_path / "in", tmp_path / "out", split)
    assert digests(tmp_path / "in") == before
    assert len(prepared.views) >= 10
    assert set(prepared.split.train + prepared.split.test) == {view.name for view in prepared.views}
    assert len(prepared.points) > 50
    found = verdict(tmp_path / "out")
    assert found["layout"] == "photos"
    assert found["mean_track_length"] > 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cameras.json",
        "images",
        "manifest.json",
        "photos.json",
        "points.ply",
        "split.json",
        "stage.json",
        "verdict.json",
    ]
