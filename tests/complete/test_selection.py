"""Views of an object: what speaks for one, and which are chosen together."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from splatsmith.complete.observations import Observation
from splatsmith.complete.selection import (
    LEAST_CROP,
    SPECK,
    Terms,
    chosen_views,
    crop_of,
    sharpness,
    solidity,
    terms_of,
    truncation,
)
from splatsmith.scenes.cameras import Camera, View

SHAPE = (40, 60)
seeds = st.integers(0, 2**32 - 1)


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)


def terms(angle_deg: float = 0.0, **words) -> Terms:
    """A view from `angle_deg` around the object, as good as any other."""
    angle = np.radians(angle_deg)
    bearing = (float(np.cos(angle)), float(np.sin(angle)), 0.0)
    given = {"area": 1000, "sharpness": 50.0, "solidity": 1.0, "truncation": 0.0, "occlusion": 0.0, "bearing": bearing}
    return Terms(**given | words)


def names(found) -> list[str]:
    return [pick.name for pick in found]


@st.composite
def some_views(draw) -> dict[str, Terms]:
    """Up to eight views of an object, none like another."""
    rng = np.random.default_rng(draw(seeds))
    views = {}
    for i in range(draw(st.integers(1, 8))):
        bearing = rng.normal(size=3)
        views[f"v{i}"] = Terms(
            int(rng.integers(SPECK, 5000)), *rng.random(4).tolist(), tuple(bearing / np.linalg.norm(bearing))
        )
    return views


@given(seeds)
def test_sharpness_is_that_of_the_object_alone(seed):
    mask, inside, outside = box(10, 10, 30, 40), noise(seed), noise(seed + 1)
    photo = np.where(mask[..., None], inside, outside)
    flat = np.where(mask[..., None], inside, np.uint8(128))
    assert sharpness(photo, mask) == sharpness(flat, mask) > 0
    assert sharpness(np.where(mask[..., None], np.uint8(90), outside), mask) == 0


@given(seeds, st.floats(0.6, 3))
def test_blur_lowers_sharpness(seed, sigma):
    photo, mask = noise(seed), box(10, 10, 30, 40)
    assert sharpness(cv2.GaussianBlur(photo, (0, 0), sigma), mask) < 0.6 * sharpness(photo, mask)


def test_a_mask_without_inside_is_not_sharp():
    assert sharpness(noise(0), box(5, 5, 7, 30)) == 0


@pytest.mark.parametrize("mask", [box(10, 10, 30, 40), box(0, 0, 40, 60), box(5, 5, 6, 20), box(5, 5, 6, 6)])
def test_what_is_convex_is_solid(mask):
    assert solidity(mask) == 1


def test_solidity_of_hollows_holes_and_pieces():
    whole = box(5, 5, 25, 45)
    assert solidity(whole & ~box(5, 25, 15, 45)) == pytest.approx((800 - 200) / (800 - 100), rel=0.03)  # an L
    assert solidity(whole & ~box(10, 10, 20, 40)) == 1  # a hole is no hollow: mugs have handles
    assert solidity(whole & ~box(5, 20, 25, 30)) == pytest.approx(0.75, rel=0.01)  # two pieces


@given(top=st.integers(0, 20), left=st.integers(0, 40), height=st.integers(2, 20), width=st.integers(2, 20))
def test_truncation_is_the_share_of_the_outline_at_the_border(top, left, height, width):
    outline = 2 * (height + width) - 4
    pixels = {(y, x) for y in range(top, top + height) for x in range(left, left + width)}
    cut = {(y, x) for y, x in pixels if y in (0, SHAPE[0] - 1) or x in (0, SHAPE[1] - 1)}
    assert truncation(box(top, left, top + height, left + width)) == pytest.approx(len(cut) / outline)


@pytest.fixture
def observed(tmp_path):
    """An observation of a mask from a place, with what may hide it."""

    def observe(mask: np.ndarray, unknown: np.ndarray, center=(3.0, 0.0, 0.0)) -> Observation:
        Image.fromarray(noise(1)).save(tmp_path / "photo.png")
        T = np.eye(4)
        T[:3, 3] = -np.array(center)
        view = View("v", tmp_path / "photo.png", Camera(SHAPE[1], SHAPE[0], 50, 50, 30, 20), T)
        return Observation(view, mask, unknown & ~mask, mask.astype(np.float32))

    return observe


def test_what_stands_beside_the_object_may_hide_more_of_it(observed):
    mask = box(10, 20, 30, 40)
    free = terms_of(observed(mask, box(9, 19, 31, 41)), np.zeros(3))  # its outline alone is unknown
    half = terms_of(observed(mask, box(0, 0, 40, 30)), np.zeros(3))
    full = terms_of(observed(mask, box(0, 0, 40, 60)), np.zeros(3))
    assert (free.occlusion, half.occlusion, full.occlusion) == (0, pytest.approx(0.5), 1)
    assert terms_of(observed(mask, box(0, 0, 5, 60)), np.zeros(3)).occlusion == 0  # too far away


@given(st.tuples(*[st.floats(-5, 5)] * 3), st.tuples(*[st.floats(-5, 5)] * 3))
def test_bearings_point_from_the_object_to_the_camera(camera, thing):
    camera, thing = np.array(camera), np.array(thing)
    T = np.eye(4)
    T[:3, 3] = -camera
    view = View("v", Path("none.png"), Camera(60, 40, 50, 50, 30, 20), T)
    nothing = np.zeros(SHAPE, bool)
    found = terms_of(Observation(view, nothing, nothing, nothing.astype(np.float32)), thing)
    np.testing.assert_allclose(np.array(found.bearing) * np.linalg.norm(camera - thing), camera - thing, atol=1e-9)
    assert found.area == 0


@given(some_views(), st.integers(1, 8))
def test_as_many_views_as_asked_for_each_once_and_the_best_first(views, count):
    found = chosen_views(views, count, 0.0)
    assert len(set(names(found))) == len(found) == min(count, len(views))
    assert all(np.isfinite(pick.score) for pick in found)
    assert [pick.score for pick in found] == sorted(
        (pick.score for pick in found), reverse=True
    )  # diversity only falls
    assert names(chosen_views(views, count - 1 or 1, 0.0)) == names(found)[: count - 1 or 1]


@given(some_views(), seeds)
def test_neither_order_nor_units_nor_the_world_s_frame_matter(views, seed):
    rng = np.random.default_rng(seed)
    R = Rotation.random(random_state=rng)
    moved = {
        name: Terms(
            3 * one.area, 7 * one.sharpness, one.solidity, one.truncation, one.occlusion, tuple(R.apply(one.bearing))
        )
        for name, one in ((name, views[name]) for name in rng.permutation(list(views)))
    }
    before, after = chosen_views(views, 3, 0.2), chosen_views(moved, 3, 0.2)
    assert names(before) == names(after)
    np.testing.assert_allclose([a.score for a in before], [a.score for a in after], atol=1e-6)


@pytest.mark.parametrize("better", [{"area": 2000}, {"sharpness": 60.0}], ids=["larger", "sharper"])
def test_better_views_come_first(better):
    views = {"a": terms(10), "b": terms(20, **better), "c": terms(30)}
    assert names(chosen_views(views, 1, 0.0)) == ["b"]


@pytest.mark.parametrize("worse", [{"truncation": 0.2}, {"occlusion": 0.2}, {"solidity": 0.7}], ids=str)
def test_views_of_half_an_object_come_last(worse):
    views = {"a": terms(0, **worse), "b": terms(0), "c": terms(0)}
    assert names(chosen_views(views, 3, 0.0)) == ["b", "c", "a"]


def test_a_second_view_is_from_the_other_side():
    """Opposite views differ most: their axes are parallel, but what they show is not the same."""
    views = {"front": terms(0, sharpness=51.0), "beside": terms(20), "back": terms(180), "left": terms(90)}
    found = chosen_views(views, 3, 0.0)
    assert names(found) == ["front", "back", "left"]
    assert [pick.diversity for pick in found] == pytest.approx([1, 1, 0.5])


def test_diversity_is_measured_by_what_there_is_to_choose_from():
    """Where a whole sector is missing, the widest angle that is left counts fully."""
    views = {f"{angle}": terms(angle) for angle in (0, 1, 2, 5, 26)}
    assert names(chosen_views(views, 3, 0.0)) == ["0", "26", "5"]


def test_views_without_the_object_are_never_chosen():
    views = {"a": terms(area=0), "b": terms(area=SPECK - 1), "c": terms(area=SPECK)}
    assert names(chosen_views(views, 3, 0.0)) == ["c"]
    assert chosen_views({"a": terms(area=0)}, 3, 0.0) == []
    assert chosen_views({}, 3, 0.0) == []


def test_small_views_are_left_out_by_the_median_of_those_that_show_it():
    areas = {"none": 0, "tiny": 60, "small": 240, "a": 1000, "b": 1000, "c": 1000}
    views = {name: terms(area=area) for name, area in areas.items()}
    assert set(names(chosen_views(views, 9, 0.25))) == {"a", "b", "c"}
    assert set(names(chosen_views(views, 9, 0.2))) == {"small", "a", "b", "c"}
    assert set(names(chosen_views(views, 9, 0.0))) == {"tiny", "small", "a", "b", "c"}


@pytest.mark.parametrize(("shape", "times"), [((9, 13), 16), ((100, 100), 1), ((99, 101), 2), ((30, 200), 2)])
def test_a_crop_is_the_object_doubled_until_it_is_large(shape, times):
    rng = np.random.default_rng(0)
    photo, mask = rng.integers(0, 256, (150, 220, 3), dtype=np.uint8), np.zeros((150, 220), bool)
    mask[7 : 7 + shape[0], 5 : 5 + shape[1]] = rng.random(shape) < 0.7
    mask[7, 5] = mask[6 + shape[0], 4 + shape[1]] = True
    found = crop_of(photo, mask)
    assert found.box == (5, 7, 5 + shape[1], 7 + shape[0])
    assert found.rgba.shape == (shape[0] * times, shape[1] * times, 4)
    assert found.rgba.shape[0] * found.rgba.shape[1] >= LEAST_CROP
    x0, y0, x1, y1 = found.box
    alpha = mask[y0:y1, x0:x1].repeat(times, axis=0).repeat(times, axis=1)
    np.testing.assert_array_equal(found.rgba[..., 3] > 0, alpha)
    assert set(np.unique(found.rgba[..., 3])) <= {0, 255}
    if times == 1:
        np.testing.assert_array_equal(found.rgba[..., :3], photo[y0:y1, x0:x1])
