"""Laws of the COLMAP reader: binary and text say the same, and nothing of what went in is lost or moved."""

import numpy as np
import pytest

from splatsmith.scenes.colmap import read_colmap
from splatsmith.scenes.colmap_library import pycolmap
from splatsmith.scenes.lens import known_models

PARAMS = {
    name: pycolmap.Camera.create_from_model_name(1, name, 50.0, 64, 48).params.tolist() for name in known_models()
}
"""Plausible parameters of every camera model that pycolmap knows."""

ODD_NAMES = ["a photo.png", "left/Käse 1.jpg", "left/写真.png", "right/写真.png", "x.y.z.jpg"]


def read(scene):
    return read_colmap(scene.folder / "sparse" / "0", scene.folder / "images")


def test_every_model_of_pycolmap_is_known():
    assert len(PARAMS) == len(pycolmap.CameraModelId.__members__) - 1


@pytest.mark.parametrize("model", PARAMS)
def test_binary_and_text_say_the_same(captured, tmp_path, model):
    params = [*PARAMS[model][:-1], PARAMS[model][-1] + 0.01] if model != "EQUIRECTANGULAR" else PARAMS[model]
    binary = read(captured(tmp_path / "binary", ODD_NAMES, model, params))
    text = read(captured(tmp_path / "text", ODD_NAMES, model, params, suffix=".txt"))
    assert [shot.name for shot in binary.shots] == [shot.name for shot in text.shots]
    assert [shot.lens for shot in binary.shots] == [shot.lens for shot in text.shots]
    for one, other in zip(binary.shots, text.shots, strict=True):
        np.testing.assert_allclose(one.T_camera_world, other.T_camera_world, atol=1e-14)
        assert one.image.name == other.image.name
    np.testing.assert_array_equal(binary.points.xyz, text.points.xyz)
    np.testing.assert_array_equal(binary.points.rgb, text.points.rgb)
    assert binary.quality == pytest.approx(text.quality)


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_the_world_frame_is_kept(captured, tmp_path, suffix):
    scene = captured(tmp_path, ["d.png", "b.png", "a b.png", "c.png"], suffix=suffix)
    read_back = read(scene)
    poses = dict(zip(scene.names, scene.T_camera_world, strict=True))
    assert [shot.name for shot in read_back.shots] == ["a b", "b", "c", "d"]
    for shot in read_back.shots:
        np.testing.assert_allclose(shot.T_camera_world, poses[shot.image.name], atol=1e-12)
        assert shot.lens.params == (50.0, 52.0, 31.0, 25.0)
    np.testing.assert_array_equal(read_back.points.xyz, scene.xyz)
    np.testing.assert_array_equal(read_back.points.rgb, scene.rgb)


def test_views_are_named_by_their_photo_s_path(captured, tmp_path):
    scene = captured(tmp_path, ODD_NAMES)
    shots = {shot.name: shot.image for shot in read(scene).shots}
    assert shots == {
        "a photo": tmp_path / "images" / "a photo.png",
        "left__Käse 1": tmp_path / "images" / "left" / "Käse 1.jpg",
        "left__写真": tmp_path / "images" / "left" / "写真.png",
        "right__写真": tmp_path / "images" / "right" / "写真.png",
        "x.y.z": tmp_path / "images" / "x.y.z.jpg",
    }


def test_photos_are_found_with_another_suffix_and_without_their_folder(captured, tmp_path):
    scene = captured(tmp_path, ["frames/0001.png", "frames/0002.png"])
    (tmp_path / "images" / "frames" / "0001.png").rename(tmp_path / "images" / "frames" / "0001.JPG")
    (tmp_path / "images" / "frames" / "0002.png").rename(tmp_path / "images" / "0002.png")
    assert [shot.image.relative_to(tmp_path).as_posix() for shot in read(scene).shots] == [
        "images/frames/0001.JPG",
        "images/0002.png",
    ]


def test_names_are_one_name_however_unicode_spells_them(captured, tmp_path):
    composed, decomposed = "K\u00e4se.png", "Ka\u0308se.png"
    scene = captured(tmp_path, ["b.png", composed])
    (tmp_path / "images" / composed).rename(tmp_path / "images" / decomposed)
    assert [shot.name for shot in read(scene).shots] == ["K\u00e4se", "b"]


def test_rigs_and_frames_are_not_needed(captured, tmp_path):
    scene = captured(tmp_path)
    before = read(scene)
    for name in ("rigs.bin", "frames.bin"):
        (tmp_path / "sparse" / "0" / name).unlink()
    after = read(scene)
    for one, other in zip(before.shots, after.shots, strict=True):
        np.testing.assert_array_equal(one.T_camera_world, other.T_camera_world)


def test_a_rescaled_copy_of_the_photos_rescales_the_lens(captured, tmp_path):
    scene = captured(tmp_path / "large", size=(64, 48))
    small = captured(tmp_path / "small", size=(32, 24))
    shots = read_colmap(scene.folder / "sparse" / "0", small.folder / "images")
    assert {shot.lens.params for shot in shots.shots} == {(25.0, 26.0, 15.5, 12.5)}
    assert [warning.what for warning in shots.warnings] == ["the photo has another size than its camera"]


def test_photos_without_a_camera_are_told(captured, tmp_path):
    scene = captured(tmp_path)
    extra = tmp_path / "images" / "extra.png"
    extra.write_bytes((tmp_path / "images" / "a.png").read_bytes())
    assert [warning.got for warning in read(scene).warnings] == ["extra.png"]


def test_a_panorama_gives_six_views_that_share_its_centre(captured, tmp_path):
    scene = captured(tmp_path, ["p.png", "q.png"], "EQUIRECTANGULAR", (64.0, 32.0), (64, 32))
    views = [shot for shot in read(scene).shots if shot.photo == "p"]
    assert [shot.name for shot in views] == [f"p__{face}" for face in ("back", "down", "front", "left", "right", "up")]
    centres = [-shot.T_camera_world[:3, :3].T @ shot.T_camera_world[:3, 3] for shot in views]
    np.testing.assert_allclose(centres, np.tile(centres[0], (6, 1)), atol=1e-12)
    forwards = np.array([shot.T_camera_world[2, :3] for shot in views])
    np.testing.assert_allclose(np.sort(forwards @ forwards.T), np.tile([-1.0, 0, 0, 0, 0, 1], (6, 1)), atol=1e-12)
