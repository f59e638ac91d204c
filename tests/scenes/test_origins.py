"""Origins: a label map goes the photo's way into the view, and what is known of a photo survives the disk."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.develop import camera_within
from splatsmith.scenes.lens import FACES, Lens, is_pinhole, photo_pixels, pinhole_of, undistort
from splatsmith.scenes.origins import Origin, fits_photo, labels_in_view, read_origins, write_origins

SIZE = (64, 48)
STRAIGHT = Lens("PINHOLE", *SIZE, (50.0, 52.0, 31.0, 25.0))
CURVED = Lens("OPENCV", *SIZE, (50.0, 52.0, 31.0, 25.0, 0.15, -0.02, 0.003, -0.002))
PANORAMA = Lens("EQUIRECTANGULAR", 160, 80, (160.0, 80.0))


def unique_labels(lens: Lens) -> np.ndarray:
    """(h, w): every pixel of the photo has its own label."""
    return np.arange(lens.width * lens.height, dtype=np.uint16).reshape(lens.height, lens.width)


def test_through_a_straight_lens_of_the_view_s_size_nothing_changes():
    labels = unique_labels(STRAIGHT)
    assert is_pinhole(STRAIGHT)
    np.testing.assert_array_equal(labels_in_view(labels, STRAIGHT, pinhole_of(STRAIGHT)), labels)


@pytest.mark.parametrize("lens", [STRAIGHT, CURVED], ids=["straight", "curved"])
@pytest.mark.parametrize("max_side", [None, 32, 20])
def test_every_pixel_has_the_label_of_the_photo_s_pixel_that_it_shows(lens, max_side):
    camera = camera_within(pinhole_of(lens), max_side)
    seen = labels_in_view(unique_labels(lens), lens, camera)
    assert seen.shape == (camera.height, camera.width)
    rows, columns = np.divmod(seen.astype(int), lens.width)
    away = np.stack([columns, rows], axis=-1) + 0.5 - photo_pixels(lens, camera)
    inside = np.all((photo_pixels(lens, camera) >= 0) & (photo_pixels(lens, camera) <= SIZE), axis=-1)
    assert np.abs(away[inside]).max() <= 0.52


def test_labels_meet_the_picture_that_was_developed_from_the_same_photo():
    """Two flat regions: where the undistorted photo is surely one of them, so is the label."""
    photo = np.zeros((48, 64, 3), np.uint8)
    photo[:, 30:] = 255
    labels = (photo[..., 0] > 0).astype(np.uint16)
    picture = undistort(photo, CURVED)[..., 0]
    seen = labels_in_view(labels, CURVED, pinhole_of(CURVED))
    sure = (picture < 10) | (picture > 245)
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(seen[sure], (picture > 127)[sure])


@pytest.mark.parametrize("factor", [2, 3])
def test_a_mask_enlarged_by_a_whole_factor_gives_the_same(factor):
    labels = unique_labels(CURVED)
    enlarged = labels.repeat(factor, axis=0).repeat(factor, axis=1)
    camera = pinhole_of(CURVED)
    same = labels_in_view(enlarged, CURVED, camera) == labels_in_view(labels, CURVED, camera)
    assert same.mean() > 0.95  # the others lie on the border of two pixels


@pytest.mark.parametrize("face", FACES)
def test_a_panorama_s_labels_reach_the_faces_that_show_them(face):
    lens = replace(PANORAMA, face=face)
    names = list(FACES)
    labels = np.zeros((80, 160), np.uint16)
    rows, columns = np.mgrid[:80, :160] + 0.5
    longitude, latitude = (columns / 160 - 0.5) * 2 * np.pi, (rows / 80 - 0.5) * np.pi
    rays = np.stack([np.cos(latitude) * np.sin(longitude), np.sin(latitude), np.cos(latitude) * np.cos(longitude)], -1)
    for i, R_face_lens in enumerate(FACES.values(), 1):
        x, y, z = np.moveaxis(rays @ R_face_lens.T, -1, 0)
        labels[(z > 0) & (np.abs(x) < z) & (np.abs(y) < z)] = i
    seen = labels_in_view(labels, lens, pinhole_of(lens))
    assert (seen[3:-3, 3:-3] == names.index(face) + 1).all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 7))
def test_sizes_of_whole_factors_fit(width, height, factor):
    lens = replace(STRAIGHT, width=width * factor, height=height * factor)
    assert fits_photo((width, height), lens)
    assert fits_photo((lens.width * factor, lens.height * factor), lens)


@pytest.mark.parametrize("size", [(618, 411), (619, 411), (413, 274), (412, 274)])
def test_a_shrunk_photo_may_be_rounded(size):
    assert fits_photo(size, replace(STRAIGHT, width=1237, height=822))


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (48, 64), (96, 72), (128, 95), (43, 32), (65, 48), (64, 96)])
def test_other_sizes_do_not_fit(size):
    assert not fits_photo(size, STRAIGHT)


def test_round_trip(tmp_path):
    faces = {f"p__{face}": Origin("p", replace(PANORAMA, face=face)) for face in FACES}
    origins = {"a b": Origin("a b", STRAIGHT), "漢字": Origin("漢字", CURVED), **faces}
    write_origins(tmp_path / "photos.json", origins)
    assert read_origins(tmp_path / "photos.json") == origins


def test_a_picture_that_is_its_own_photo_is_seen_as_it_is():
    camera = Camera(7, 5, 6.0, 6.5, 3.25, 2.0)
    labels = np.arange(35, dtype=np.uint16).reshape(5, 7)
    np.testing.assert_array_equal(labels_in_view(labels, Origin.of_itself("a", camera).lens, camera), labels)
