"""Colours that stand for numbers, contact sheets, and figures."""

import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from splatsmith.report.camera_map import camera_map
from splatsmith.report.colours import ERROR_FULL, as_bytes, depth_picture, error_picture, scale
from splatsmith.report.contact import Row, contact_sheet, spread
from splatsmith.report.embed import data_uri, jpeg_uri
from splatsmith.report.figures import training_curve
from splatsmith.report.turntable import fit_orbit, look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.points import Points, no_points


def luminance(picture: np.ndarray) -> np.ndarray:
    return picture.astype(float) @ (0.2126, 0.7152, 0.0722)


def test_bytes_are_rounded_and_clamped():
    assert as_bytes(np.array([-1.0, 0.0, 0.5 / 255, 1.49 / 255, 1.0, 7.0])).tolist() == [0, 0, 1, 1, 255, 255]
    every = np.arange(256, dtype=np.uint8)
    assert (as_bytes(every / np.float32(255)) == every).all()


def test_no_error_is_black_and_more_error_is_brighter():
    photo = np.zeros((1, 100, 3), np.uint8)
    render = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 3, axis=2)
    picture = error_picture(photo, render)
    assert picture[0, 0].tolist() == scale("inferno")[0].tolist()
    assert (np.diff(luminance(picture)[0, : int(255 * ERROR_FULL)]) > 0).all()
    assert (picture[0, int(255 * ERROR_FULL) + 1 :] == scale("inferno")[255]).all()
    assert (error_picture(render, photo) == picture).all()


def test_near_is_bright_and_what_is_not_seen_is_black():
    depth = np.linspace(1, 10, 200).reshape(1, -1)
    alpha = np.ones_like(depth)
    alpha[0, :20] = 0.4
    picture, (near, far) = depth_picture(depth, alpha)
    assert (picture[0, :20] == 0).all()
    assert depth[0, 20] <= near < far <= 10
    nearness = np.clip((1 / depth[0, 20:] - 1 / far) / (1 / near - 1 / far), 0, 1)
    assert (picture[0, 20:] == scale("viridis")[np.round(255 * nearness).astype(int)]).all()
    assert luminance(picture)[0, 20] > 5 * luminance(picture)[0, -1]


def test_nothing_seen_has_no_depth():
    picture, depths = depth_picture(np.zeros((4, 5)), np.zeros((4, 5)))
    assert depths is None
    assert picture.shape == (4, 5, 3)
    assert not picture.any()


def test_a_flat_scene_has_a_depth():
    picture, depths = depth_picture(np.full((4, 5), 2.0), np.ones((4, 5)))
    assert depths == (2.0, 2.0)
    assert (picture == picture[0, 0]).all()


@given(psnrs=st.lists(st.floats(5, 50), min_size=1, max_size=60), most=st.integers(1, 20))
def test_the_views_shown_reach_from_the_worst_to_the_best(psnrs, most):
    shown = spread(psnrs, most)
    assert len(shown) == min(most, len(psnrs))
    assert shown == sorted(set(shown))
    values = [psnrs[i] for i in shown]
    assert min(values) == min(psnrs)
    if most > 1:
        assert max(values) == max(psnrs)


def test_a_contact_sheet_holds_every_picture_under_its_title():
    rng = np.random.default_rng(0)
    rows = [Row(f"view {i}", "", [rng.integers(0, 256, (20 + i, 60, 3), np.uint8) for _ in range(3)]) for i in range(2)]
    sheet = contact_sheet(("a", "b", "c"), rows, width=60)
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (20, 60, 3))[:, :, 0]
    for row in rows:
        tops = []
        for column, picture in enumerate(row.pictures):
            hits = np.argwhere((windows == picture[:20]).all(axis=(2, 3, 4)))
            assert len(hits) == 1
            assert hits[0][1] // (sheet.shape[1] // 3) == column
            tops.append(hits[0][0])
        assert len(set(tops)) == 1


@pytest.mark.parametrize("name", ["0001", "a\u0301 \u00e9\u00df \u0434\u043e\u043c \u5bb6 <b>", "x" * 500, ""])
def test_a_contact_sheet_takes_any_name_and_size(name):
    picture = np.zeros((300, 1000, 3), np.uint8)
    sheet = contact_sheet(("photo",), [Row(name, "PSNR 1 dB", (picture,))], width=100)
    assert sheet.shape[1] < 130


def view(azimuth: float) -> View:
    outwards = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    camera = Camera(40, 30, 45.0, 45.0, 20.0, 15.0)
    return View(f"{azimuth}", None, camera, look_along(3 * outwards, -outwards, np.array([0.0, 0.0, 1.0])))


VIEWS = [view(azimuth) for azimuth in np.linspace(0, 6, 9)]
CLOUD = Points(np.random.default_rng(0).normal(size=(500, 3)), np.full((500, 3), 99, np.uint8))


@pytest.mark.parametrize("points", [CLOUD, no_points()], ids=["points", "no points"])
@pytest.mark.parametrize("held_out", [0, 3])
def test_the_camera_map_counts_and_names_what_it_shows(points, held_out):
    orbit = fit_orbit(VIEWS, points.xyz)
    drawing = camera_map(VIEWS[held_out:], VIEWS[:held_out], points, orbit)
    words = [text.text for text in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]
    assert {"from above", "from the side", "up", f"{9 - held_out} training photos"} <= set(words)
    assert (f"{held_out} held-out photos" in words) == (held_out > 0)
    assert camera_map(VIEWS[held_out:], VIEWS[:held_out], points, orbit) == drawing


def test_a_far_background_does_not_shrink_the_camera_map():
    far = Points(np.vstack([CLOUD.xyz, 1e4 * CLOUD.xyz]), np.vstack([CLOUD.rgb, CLOUD.rgb]))
    orbit = fit_orbit(VIEWS, CLOUD.xyz)
    ticks = [
        [text.text for text in ET.fromstring(camera_map(VIEWS, [], points, orbit)).iter() if text.tag.endswith("text")]
        for points in (CLOUD, far)
    ]
    assert ticks[0] == ticks[1]


def test_figures_follow_the_reader_s_colours_and_fetch_nothing():
    rows = [{"step": 100 * i, "psnr_db": 20.0 + i, "gaussians": 1000 * i} for i in range(1, 5)]
    rows[-1]["test_psnr_db"] = 23.0
    drawing = training_curve(rows).decode()
    assert "prefers-color-scheme:dark" in drawing
    assert "#010203" not in drawing
    assert {"training photos", "held-out photos", "step"} <= {text.text for text in ET.fromstring(drawing).iter()}
    links = [value for node in ET.fromstring(drawing).iter() for key, value in node.items() if key.endswith("href")]
    assert [link for link in links if not link.startswith(("#", "data:"))] == []
    assert training_curve(rows).decode() == drawing


def test_a_picture_in_a_page_is_reduced_never_enlarged():
    picture = np.random.default_rng(0).integers(0, 256, (60, 200, 3), np.uint8)
    for side, expected in ((100, (100, 30)), (200, (200, 60)), (999, (200, 60))):
        uri = jpeg_uri(picture, side)
        assert decoded(uri, "image/jpeg").size == expected
    assert decoded(jpeg_uri(picture[:1], 50), "image/jpeg").size == (50, 1)


def decoded(uri: str, kind: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == f"data:{kind};base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_data_uris_hold_any_bytes():
    assert data_uri(b"\x00\xff<", "a/b") == "data:a/b;base64,AP88"
