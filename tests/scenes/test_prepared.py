"""The prepared scene: what is written is read back, and nothing damaged is read."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splatsmith.base.errors import InputError
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.lens import Lens
from splatsmith.scenes.origins import Origin
from splatsmith.scenes.pictures import write_png
from splatsmith.scenes.points import Points
from splatsmith.scenes.prepared import PreparedScene, Split, read_image, read_prepared, write_prepared

NAMES = ("b c", "a", "漢字")


def write(folder, names=NAMES, trained=False):
    rng = np.random.default_rng(0)
    views = []
    for name in names:
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
        image = folder / "images" / f"{name}.png"
        write_png(image, rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        views.append(View(name, image, Camera(12, 9, 10.0, 11.0, 6.5, 4.25), T))
    if trained:
        (folder / "trained.ply").write_bytes(b"ply")
    points = Points(rng.normal(size=(7, 3)), rng.integers(0, 256, (7, 3), dtype=np.uint8))
    origins = {name: Origin(name, Lens("RADIAL", 24, 18, (20.0, 13.0, 8.5, 0.1 / 3, 0.0))) for name in names}
    split, ply = Split(("a", "b c"), ("漢字",)), folder / "trained.ply" if trained else None
    scene = PreparedScene(tuple(views), points, split, ply, origins)
    write_prepared(folder, scene, {"verdict": "good"})
    return scene


@pytest.mark.parametrize("trained", [False, True])
def test_round_trip(tmp_path, trained):
    scene = write(tmp_path, trained=trained)
    read_back = read_prepared(tmp_path)
    assert [view.name for view in read_back.views] == ["a", "b c", "漢字"]
    for view in scene.views:
        (other,) = (other for other in read_back.views if other.name == view.name)
        assert (other.camera, other.image) == (view.camera, view.image)
        np.testing.assert_allclose(other.T_camera_world, view.T_camera_world, atol=1e-14)
        np.testing.assert_allclose(other.center, view.center, atol=1e-14)
        assert read_image(other).shape == (9, 12, 3)
    np.testing.assert_array_equal(read_back.points.xyz, scene.points.xyz)
    np.testing.assert_array_equal(read_back.points.rgb, scene.points.rgb)
    assert read_back.split == scene.split
    assert read_back.origins == scene.origins
    assert {read_back.origin_of(view).lens.model for view in read_back.views} == {"RADIAL"}
    assert [view.name for view in read_back.train_views] == ["a", "b c"]
    assert [view.name for view in read_back.test_views] == ["漢字"]
    assert read_back.trained == (tmp_path / "trained.ply" if trained else None)


def test_writing_reading_and_writing_again_changes_no_byte(tmp_path):
    write(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    write(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_pictures_of_an_earlier_scene_are_removed(tmp_path):
    write(tmp_path)
    write(tmp_path, names=("a", "x"))
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["a.png", "x.png"]


def _read_all(folder):
    for view in read_prepared(folder).views:
        read_image(view)


EVERY_FILE = ["cameras.json", "points.ply", "split.json", "photos.json", "trained.ply", "images/a.png", "manifest.json"]


@pytest.mark.parametrize("name", EVERY_FILE)
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "altered"])
def test_a_damaged_file_is_named_with_the_stage_to_redo(tmp_path, name, damage):
    write(tmp_path, trained=True)
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        cut = {"empty": b"", "short": data[: len(data) // 2], "altered": data[:-40] + bytes(40)}
        path.write_bytes(cut[damage])
    with pytest.raises(InputError) as error:
        _read_all(tmp_path)
    (problem,) = error.value.problems
    assert problem.where == str(path)
    assert "redo prepare_scene" in problem.fix


def test_a_picture_of_another_size_is_named(tmp_path):
    write(tmp_path)
    write_png(tmp_path / "images" / "a.png", np.zeros((9, 11, 3), np.uint8))
    with pytest.raises(InputError, match="11x9 pixels, but its camera has 12x9"):
        read_prepared(tmp_path)


def test_the_manifest_lists_every_file(tmp_path):
    write(tmp_path, trained=True)
    listed = set(json.loads((tmp_path / "manifest.json").read_text()))
    assert listed == {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} - {"manifest.json"}
