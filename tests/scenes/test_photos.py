"""Structure from motion: photos alone give back the cameras that took them, up to a similarity."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.scenes.colmap import read_colmap
from splatsmith.scenes.photos import EXHAUSTIVE_UP_TO, matched_pairs, reconstruct
from splatsmith.scenes.pictures import ORIENTATION

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "resources" / "demo"
FOX = ROOT.parent / "shared" / "data" / "fox"


def copy_photos(source: Path, target: Path, most: int) -> None:
    """The first photos of a scene, under names with spaces in a sub-folder."""
    (target / "my photos").mkdir(parents=True)
    for path in sorted(source.iterdir())[:most]:
        (target / "my photos" / f"vue é {path.name}").write_bytes(path.read_bytes())


def errors(found, truth) -> tuple[np.ndarray, np.ndarray]:
    """Of the centres, relative to the truth's size, and of the rotations in degrees, after the best similarity."""
    poses = {shot.name: shot.T_camera_world for shot in truth.shots}
    ours = [shot.T_camera_world for shot in found.shots]
    theirs = [poses[shot.name.removeprefix("my photos__vue é ")] for shot in found.shots]
    A, B = (np.array([-T[:3, :3].T @ T[:3, 3] for T in side]) for side in (ours, theirs))
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    U, S, Vt = np.linalg.svd(B.T @ A)
    D = np.diag([1, 1, np.linalg.det(U @ Vt)])
    R, scale = U @ D @ Vt, (S * np.diag(D)).sum() / (A**2).sum()
    centres = np.linalg.norm(scale * A @ R.T - B, axis=1) / np.linalg.norm(B, axis=1).mean()
    turns = [t[:3, :3] @ R @ o[:3, :3].T for o, t in zip(ours, theirs, strict=True)]
    angles = np.degrees(np.arccos(np.clip([(np.trace(turn) - 1) / 2 for turn in turns], -1, 1)))
    return centres, angles


@pytest.mark.slow
def test_cameras_are_found_the_same_in_every_run_and_however_photos_are_turned(tmp_path):
    copy_photos(DEMO / "images", tmp_path / "a", 12)
    copy_photos(DEMO / "images", tmp_path / "b", 12)
    for path in sorted((tmp_path / "b" / "my photos").iterdir())[::3]:
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        with Image.open(path) as picture:
            picture.transpose(Image.Transpose.ROTATE_90).save(path.with_suffix(".png"), exif=exif)
        path.unlink()
    first, again, turned = (
        reconstruct(tmp_path / photos, tmp_path / f"work {run}", "test", threads)
        for run, (photos, threads) in enumerate([("a", 1), ("a", 2), ("b", 2)])
    )
    assert len(first.shots) >= 10
    assert len(turned.shots) >= 10
    assert first.quality.mean_reprojection_px < 1.5
    assert all(shot.upright for shot in turned.shots)
    assert {(shot.lens.width, shot.lens.height) for shot in turned.shots} == {(256, 192)}
    for one, other in zip(first.shots, again.shots, strict=True):
        assert (one.name, one.lens) == (other.name, other.lens)
        np.testing.assert_array_equal(one.T_camera_world, other.T_camera_world)
    np.testing.assert_array_equal(first.points.xyz, again.points.xyz)


@pytest.mark.slow
def test_the_demo_s_cameras_are_found(tmp_path):
    copy_photos(DEMO / "images", tmp_path / "photos", 100)
    found = reconstruct(tmp_path / "photos", tmp_path / "work", "test")
    centres, angles = errors(found, read_colmap(DEMO / "sparse" / "0", DEMO / "images"))
    assert len(found.shots) >= 72
    assert np.median(centres) < 0.03
    assert np.median(angles) < 3


@pytest.mark.slow
@pytest.mark.skipif(not FOX.exists(), reason="no real photos here")
def test_real_cameras_are_found(tmp_path):
    copy_photos(FOX / "images", tmp_path / "photos", 10)
    found = reconstruct(tmp_path / "photos", tmp_path / "work", "test")
    centres, angles = errors(found, read_colmap(FOX / "sparse" / "0", FOX / "images"))
    assert len(found.shots) == 10
    assert centres.max() < 0.03
    assert angles.max() < 4
    assert found.quality.mean_reprojection_px < 0.5
    assert found.quality.mean_track_length > 4


def test_photos_that_do_not_show_one_scene_are_refused_with_advice(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    with pytest.raises(InputError) as error:
        reconstruct(tmp_path / "photos", tmp_path / "work", "test")
    (problem,) = error.value.problems
    assert (problem.what, problem.got) == ("too few photos could be placed in a scene", "0 of 4")
    assert "overlap" in problem.fix


@given(st.integers(0, EXHAUSTIVE_UP_TO))
def test_few_photos_are_matched_each_with_each(count):
    pairs = matched_pairs(count)
    assert len(set(pairs)) == len(pairs) == count * (count - 1) // 2
    assert all(0 <= a < b < count for a, b in pairs)


@given(st.integers(EXHAUSTIVE_UP_TO + 1, 2000))
def test_many_photos_are_matched_with_their_neighbours(count):
    pairs = matched_pairs(count)
    assert len(set(pairs)) == len(pairs) <= 15 * count
    assert all(0 <= a < b < count for a, b in pairs)
    assert {(a, a + 1) for a in range(count - 1)} <= set(pairs)
