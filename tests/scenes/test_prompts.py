"""Prompts: boxes and points of a photo as given surround the same things in the views made of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.base.errors import InputError
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.colmap_library import pycolmap
from splatsmith.scenes.description import Object
from splatsmith.scenes.develop import camera_within
from splatsmith.scenes.lens import FACES, Lens, photo_pixels, pinhole_of
from splatsmith.scenes.origins import Origin
from splatsmith.scenes.points import no_points
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.prompts import box_in_view, objects_in_views, points_in_view
from splatsmith.scenes.split import Split

SIZE = (160, 120)
STRAIGHT = Lens("PINHOLE", *SIZE, (130.0, 128.0, 82.0, 58.0))
CURVED = Lens("OPENCV", *SIZE, (130.0, 128.0, 82.0, 58.0, 0.12, -0.02, 0.003, -0.002))
FISHEYE = Lens("OPENCV_FISHEYE", *SIZE, (90.0, 88.0, 82.0, 58.0, 0.05, -0.01, 0.002, 0.001))
PANORAMA = Lens("EQUIRECTANGULAR", 160, 80, (160.0, 80.0))


def scene(lens: Lens, max_side: int | None = None, names=("a", "b")) -> PreparedScene:
    camera = camera_within(pinhole_of(lens), max_side)
    views = tuple(View(name, Path(f"{name}.png"), camera, np.eye(4)) for name in names)
    return PreparedScene(views, no_points(), Split(names, ()), None, {name: Origin(name, lens) for name in names})


def moved(lens: Lens, max_side: int | None = None, **prompts) -> Object:
    (one,) = objects_in_views((Object(name="mug", **prompts),), scene(lens, max_side), "description.yml")
    return one


def test_a_straight_lens_moves_nothing():
    one = moved(STRAIGHT, boxes={"a": (10, 20, 88.5, 110)}, points={"b": ((3, 4), (100.5, 60))})
    np.testing.assert_allclose(one.boxes["a"], (10, 20, 88.5, 110), atol=1e-9)
    np.testing.assert_allclose(one.points["b"], ((3, 4), (100.5, 60)), atol=1e-9)


def test_shrinking_scales():
    one = moved(STRAIGHT, 80, boxes={"a": (10, 20, 88, 110)}, points={"a": ((3, 4),)})
    np.testing.assert_allclose(one.boxes["a"], (5, 10, 44, 55), atol=1e-9)
    np.testing.assert_allclose(one.points["a"], ((1.5, 2),), atol=1e-9)


@pytest.mark.parametrize("lens", [CURVED, FISHEYE], ids=["radial", "fisheye"])
@given(
    box=st.tuples(st.floats(0, 100), st.floats(0, 70), st.floats(5, 60), st.floats(5, 50)),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_what_lies_in_the_box_in_the_photo_lies_in_the_box_in_the_view(lens, box, share):
    x0, y0, width, height = box
    camera = camera_within(pinhole_of(lens), 100)
    inside = np.array([x0 + share[0] * width, y0 + share[1] * height])
    ray = pycolmap.Camera(model=lens.model, width=160, height=120, params=lens.params).cam_from_img(inside)
    pixel = ray * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    found = box_in_view((x0, y0, x0 + width, y0 + height), lens, camera)
    if np.all((pixel >= 0) & (pixel <= (camera.width, camera.height))):
        assert found is not None
        assert np.all(pixel >= np.array(found[:2]) - 0.05)
        assert np.all(pixel <= np.array(found[2:]) + 0.05)


@pytest.mark.parametrize("lens", [CURVED, FISHEYE], ids=["radial", "fisheye"])
def test_a_point_comes_back_by_the_map_of_undistortion(lens):
    camera = pinhole_of(lens)
    for row, column in ((5, 7), (60, 80), (camera.height - 3, camera.width - 9)):
        photo = photo_pixels(lens, camera)[row, column]
        ((x, y),) = points_in_view([tuple(photo.tolist())], lens, camera)
        np.testing.assert_allclose((x, y), (column + 0.5, row + 0.5), atol=1e-3)


def test_a_panorama_s_prompt_reaches_the_faces_that_show_it():
    camera = pinhole_of(PANORAMA)
    views = tuple(View(f"p__{face}", Path("p"), camera, np.eye(4)) for face in FACES)
    origins = {f"p__{face}": Origin("p", replace(PANORAMA, face=face)) for face in FACES}
    panorama = PreparedScene(views, no_points(), Split(tuple(origins), ()), None, origins)
    one = Object(name="mug", boxes={"p": (70, 30, 95, 45)}, points={"p": ((80, 40), (120, 40))})
    (there,) = objects_in_views((one,), panorama, "description.yml")
    assert set(there.boxes) == {"p__front"}
    x0, y0, x1, y1 = there.boxes["p__front"]
    assert x0 < camera.cx < x1
    assert y0 < camera.cy < y1
    assert set(there.points) == {"p__front", "p__right"}
    np.testing.assert_allclose(there.points["p__front"], ((camera.cx, camera.cy),), atol=1e-6)


def test_what_the_view_does_not_show_is_left_out():
    (one,) = objects_in_views(
        (Object(name="mug", boxes={"a": (0, 0, 1.5, 1.5)}, points={"a": ((0.5, 0.5), (80, 60))}),),
        scene(FISHEYE),
        "description.yml",
    )
    assert one.boxes == {}
    assert len(one.points["a"]) == 1


def test_names_may_be_spelled_as_people_do():
    views = scene(STRAIGHT, names=("left__0001", "right__0002"))
    one = Object(name="mug", boxes={"left/0001.jpg": (1, 2, 3, 4)}, points={"0002": ((5, 6),)})
    (there,) = objects_in_views((one,), views, "description.yml")
    assert (list(there.boxes), list(there.points)) == (["left__0001"], ["right__0002"])


def test_names_of_no_photo_are_told_all_at_once():
    objects = (Object(name="mug", boxes={"aa": (1, 2, 3, 4)}), Object(name="can", points={"zz": ((1, 2),)}))
    with pytest.raises(InputError) as error:
        objects_in_views(objects, scene(STRAIGHT), "description.yml")
    assert [problem.where for problem in error.value.problems] == [
        "description.yml: objects.mug.boxes.aa",
        "description.yml: objects.can.points.zz",
    ]


def test_without_a_photo_on_record_the_view_is_the_photo():
    camera = Camera(50, 40, 45.0, 44.0, 24.0, 21.0)
    views = (View("a", Path("a.png"), camera, np.eye(4)),)
    own = PreparedScene(views, no_points(), Split(("a",), ()))
    (one,) = objects_in_views((Object(name="mug", boxes={"a": (1, 2, 30, 40)}),), own, "description.yml")
    np.testing.assert_allclose(one.boxes["a"], (1, 2, 30, 40), atol=1e-9)
