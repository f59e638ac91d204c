"""Laws of undistortion: a pixel of the pinhole camera shows what the lens saw in that direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.scenes.colmap_library import pycolmap
from splatsmith.scenes.lens import (
    FACES,
    Lens,
    is_pinhole,
    known_models,
    lens_fault,
    pinhole_of,
    rescaled,
    undistort,
    undistortion_map,
)

SIZE = (160, 120)
CURVED = {
    "SIMPLE_RADIAL": (130.0, 82.0, 58.0, 0.08),
    "RADIAL": (130.0, 82.0, 58.0, 0.08, -0.02),
    "OPENCV": (130.0, 128.0, 82.0, 58.0, 0.08, -0.02, 0.003, -0.002),
    "FULL_OPENCV": (130.0, 128.0, 82.0, 58.0, 0.08, -0.02, 0.003, -0.002, 0.01, 0.02, 0.005, -0.001),
    "SIMPLE_RADIAL_FISHEYE": (90.0, 82.0, 58.0, 0.05),
    "RADIAL_FISHEYE": (90.0, 82.0, 58.0, 0.05, -0.01),
    "OPENCV_FISHEYE": (90.0, 88.0, 82.0, 58.0, 0.05, -0.01, 0.002, 0.001),
    "THIN_PRISM_FISHEYE": (90.0, 88.0, 82.0, 58.0, 0.05, -0.01, 0.002, 0.001, 0.0, 0.0, 0.001, 0.002),
    "RAD_TAN_THIN_PRISM_FISHEYE": (
        90.0,
        88.0,
        82.0,
        58.0,
        0.05,
        -0.01,
        *(0.0,) * 4,
        0.002,
        0.001,
        0.001,
        0.0,
        0.0,
        0.0,
    ),
    "FOV": (120.0, 118.0, 82.0, 58.0, 0.7),
    "SIMPLE_DIVISION": (130.0, 82.0, 58.0, -0.1),
    "DIVISION": (130.0, 128.0, 82.0, 58.0, -0.1),
    "SIMPLE_FISHEYE": (90.0, 82.0, 58.0),
    "FISHEYE": (90.0, 88.0, 82.0, 58.0),
    "EUCM": (120.0, 118.0, 82.0, 58.0, 0.4, 1.1),
}
STRAIGHT = {"SIMPLE_PINHOLE": (130.0, 82.0, 58.0), "PINHOLE": (130.0, 128.0, 82.0, 58.0)}
LENSES = [Lens(model, *SIZE, params) for model, params in CURVED.items()]
LENSES += [Lens("EQUIRECTANGULAR", 160, 80, (160.0, 80.0), face) for face in FACES]


def lens_id(lens: Lens) -> str:
    return lens.model if lens.face is None else f"{lens.model}-{lens.face}"


def project(lens: Lens, xyz: np.ndarray) -> np.ndarray:
    """Where the lens sees a point of its own frame, in pixels, by pycolmap alone."""
    camera = pycolmap.Camera(model=lens.model, width=lens.width, height=lens.height, params=lens.params)
    return camera.img_from_cam(xyz)


def test_all_models_are_covered():
    assert {*CURVED, *STRAIGHT, "EQUIRECTANGULAR"} == set(known_models())


@pytest.mark.parametrize("lens", LENSES, ids=lens_id)
@given(share=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), depth=st.floats(0.1, 100))
def test_the_map_leads_from_the_pinhole_projection_to_the_lens_s(lens, share, depth):
    pinhole = pinhole_of(lens)
    column, row = int(share[0] * pinhole.width), int(share[1] * pinhole.height)
    ray = np.array([(column + 0.5 - pinhole.cx) / pinhole.fx, (row + 0.5 - pinhole.cy) / pinhole.fy, 1.0])
    seen = project(lens, depth * lens.R_face_lens.T @ ray)
    np.testing.assert_allclose(undistortion_map(lens)[row, column], seen, atol=1e-3)


@pytest.mark.parametrize("lens", [lens for lens in LENSES if not lens.spherical], ids=lens_id)
def test_no_pixel_of_the_pinhole_lies_outside_of_the_photo(lens):
    mapped = undistortion_map(lens)
    assert np.all((mapped >= -0.5) & (mapped <= [lens.width + 0.5, lens.height + 0.5]))


@pytest.mark.parametrize("lens", [lens for lens in LENSES if not lens.spherical], ids=lens_id)
def test_a_straight_line_of_the_world_becomes_straight(lens):
    """A checker seen through the lens and undistorted is the checker seen by the pinhole camera."""
    pinhole = pinhole_of(lens)
    grid = np.stack(np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5), axis=-1).reshape(-1, 2)
    camera = pycolmap.Camera(model=lens.model, width=lens.width, height=lens.height, params=lens.params)
    photo = wave(camera.cam_from_img(grid)).reshape(lens.height, lens.width, 1).repeat(3, axis=2)
    x = (np.arange(pinhole.width) + 0.5 - pinhole.cx) / pinhole.fx
    y = (np.arange(pinhole.height) + 0.5 - pinhole.cy) / pinhole.fy
    expected = wave(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(pinhole.height, pinhole.width)
    error = np.abs(undistort(photo, lens)[4:-4, 4:-4, 0].astype(float) - expected[4:-4, 4:-4])
    assert error.max() <= 4


def wave(xy: np.ndarray) -> np.ndarray:
    """(N,) uint8. A smooth pattern on the plane z = 1."""
    return (128 + 100 * np.sin(9 * xy[:, 0]) * np.cos(7 * xy[:, 1])).astype(np.uint8)


@pytest.mark.parametrize(("model", "params"), STRAIGHT.items())
def test_a_pinhole_is_left_as_it_is(model, params):
    lens = Lens(model, *SIZE, params)
    pinhole = pinhole_of(lens)
    assert is_pinhole(lens)
    assert (pinhole.width, pinhole.height, pinhole.cx, pinhole.cy) == (160, 120, 82.0, 58.0)
    image = np.arange(160 * 120 * 3, dtype=np.uint8).reshape(120, 160, 3)
    assert undistort(image, lens) is image


def test_zero_coefficients_make_a_pinhole_of_a_radial_lens_and_not_of_a_fisheye():
    assert is_pinhole(Lens("OPENCV", *SIZE, (130.0, 128.0, 82.0, 58.0, 0, 0, 0, 0)))
    assert not is_pinhole(Lens("OPENCV_FISHEYE", *SIZE, (130.0, 128.0, 82.0, 58.0, 0, 0, 0, 0)))


@pytest.mark.parametrize("lens", [lens for lens in LENSES if lens.face in (None, "front")], ids=lens_id)
def test_a_rescaled_lens_sees_the_same_at_another_size(lens):
    half = rescaled(lens, lens.width // 2, lens.height // 2)
    xyz = np.array([[0.2, -0.1, 1.0], [-0.3, 0.2, 1.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(project(half, xyz), project(lens, xyz) / 2, atol=1e-9)


def test_label_maps_are_undistorted_without_mixing_labels():
    labels = np.where(np.arange(160) < 80, 3, 500).astype(np.uint16)[None].repeat(120, axis=0)
    assert set(np.unique(undistort(labels, LENSES[0], nearest=True))) == {3, 500}


def test_the_faces_of_a_panorama_see_every_direction_once():
    directions = np.random.default_rng(0).normal(size=(200, 3))
    seen = np.zeros(200)
    for R_face_lens in FACES.values():
        x, y, z = R_face_lens @ directions.T
        seen += (z > 0) & (np.abs(x) < z) & (np.abs(y) < z)
        assert np.linalg.det(R_face_lens) == 1
    assert np.all(seen == 1)


@pytest.mark.parametrize(
    ("lens", "fault"),
    [
        (Lens("PINHOLE", *SIZE, (130.0, 128.0, 82.0, float("nan"))), "its parameters hold NaN or infinity"),
        (Lens("PINHOLE", *SIZE, (-130.0, 128.0, 82.0, 58.0)), "its focal length is not positive"),
        (Lens("PINHOLE", *SIZE, (130.0, 82.0, 58.0)), "PINHOLE takes 4 parameters, not 3"),
        (Lens("PINHOLE", 0, 120, (130.0, 128.0, 82.0, 58.0)), "0x120 pixels"),
        (Lens("PINHOLE", 2**40, 120, (130.0, 128.0, 82.0, 58.0)), "1099511627776x120 pixels"),
    ],
)
def test_impossible_lenses_are_told(lens, fault):
    assert lens_fault(lens) == fault


@pytest.mark.parametrize("lens", LENSES, ids=lens_id)
def test_possible_lenses_have_no_fault(lens):
    assert lens_fault(lens) is None
