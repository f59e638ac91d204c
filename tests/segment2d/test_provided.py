"""Provided masks: read in every layout, named as the description names them, honest about what is held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.base import files
from splatsmith.base.errors import InputError
from splatsmith.scenes.description import Object
from splatsmith.scenes.lens import Lens, pinhole_of
from splatsmith.scenes.origins import Origin, labels_in_view
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.split import Split
from splatsmith.segment2d.mask_files import input_files
from splatsmith.segment2d.masks import Found, Request, ViewMasks
from splatsmith.segment2d.provided import Provided
from splatsmith.segment2d.settings import ProvidedSettings

H, W = 48, 64
LABELS = np.zeros((H, W), np.uint16)
LABELS[5:20, 5:25], LABELS[22:40, 30:60], LABELS[44:, :9] = 1, 2, 300
"""Three objects."""


@pytest.fixture
def three(orbit) -> PreparedScene:
    """Views v00, v01 and v02, all of them training."""
    return orbit(3)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_maps(folder: Path, labels: np.ndarray = LABELS, names=("v00", "v01", "v02")) -> None:
    for name in names:
        write(folder / f"{name}.png", labels)


def find(scene: PreparedScene, place: Path, *objects: Object, **settings) -> tuple[Found, dict[str, ViewMasks]]:
    found = Provided(ProvidedSettings(**settings), place).find(Request(scene, objects, None, "cpu"))
    return found, dict(found.views)


def mask_of(masks: ViewMasks, name: str) -> np.ndarray:
    """(H, W) bool of the object called `name`, who has one mask at most."""
    numbers = [i for i, mask in enumerate(masks.masks, 1) if mask.object == name]
    assert len(numbers) <= 1
    return np.isin(masks.labels, numbers)


def problems_of(scene: PreparedScene, place: Path, *objects: Object, **settings):
    with pytest.raises(InputError) as error:
        find(scene, place, *objects, **settings)
    return error.value.problems


def test_label_maps_come_out_as_they_are(three, tmp_path):
    write_maps(tmp_path / "object_mask")
    files.write_json(tmp_path / "labels.json", {"background": 0, "objects": {"1": "Teal Mug", "2": "can"}})
    found, views = find(three, tmp_path, Object(name="mug", prompt="teal mug"))
    for masks in views.values():
        for name, number in (("mug", 1), ("can", 2), ("object-300", 300)):
            np.testing.assert_array_equal(mask_of(masks, name), number == LABELS)
        assert {mask.score for mask in masks.masks} == {1.0}
        assert masks.flags == ()
    tracks = {frozenset((mask.object, mask.track) for mask in masks.masks) for masks in views.values()}
    assert len(tracks) == 1
    assert (found.rest, found.missing) == ("background", {})


@pytest.mark.parametrize("form", ["alpha", "255", "1"])
def test_one_mask_for_each_object_says_the_same_as_a_label_map(three, tmp_path, form):
    rng = np.random.default_rng(0)
    for view in three.views:
        for number, name in ((1, "teal mug"), (2, "can")):
            mask = number == LABELS
            photo = rng.integers(0, 256, (H, W, 3), np.uint8)
            pixels = {
                "alpha": np.dstack([photo, 255 * mask]).astype(np.uint8),
                "255": (255 * mask).astype(np.uint8),
                "1": mask.astype(np.uint8),
            }
            folder = "masked_image_rgba" if form == "alpha" else "masks"
            write(tmp_path / folder / name / f"{view.name}.png", pixels[form])
            write(tmp_path / folder / "masked" / f"{view.name}.png", pixels[form])  # SCORP's union of all
    _, views = find(three, tmp_path, Object(name="mug", prompt="teal mug"))
    for masks in views.values():
        assert {mask.object for mask in masks.masks} == {"mug", "can"}
        np.testing.assert_array_equal(mask_of(masks, "mug"), LABELS == 1)
        np.testing.assert_array_equal(mask_of(masks, "can"), LABELS == 2)


def test_where_masks_overlap_the_smaller_one_is_on_top_and_one_name_is_one_mask(three, tmp_path):
    large, small, more = np.zeros((3, H, W), np.uint8)
    large[5:40, 5:50], small[10:20, 10:20], more[42:46, 1:9] = 255, 255, 255
    for view in three.views:
        for name, mask in (("pan", large), ("lid", small), ("the pan", more)):
            write(tmp_path / "masks" / name / f"{view.name}.png", mask)
    _, views = find(three, tmp_path, Object(name="pan", prompt="the pan"))
    for masks in views.values():
        np.testing.assert_array_equal(mask_of(masks, "lid"), small > 0)
        np.testing.assert_array_equal(mask_of(masks, "pan"), ((large > 0) & (small == 0)) | (more > 0))


def with_photos(scene: PreparedScene, lens: Lens) -> PreparedScene:
    """The same views, as if made of photos with another lens."""
    camera = pinhole_of(lens)
    views = tuple(replace(view, camera=camera) for view in scene.views)
    return replace(scene, views=views, origins={view.name: Origin(view.name, lens) for view in views})


@pytest.mark.parametrize("factor", [1, 2])
def test_masks_of_curved_photos_go_the_photos_way(three, tmp_path, factor):
    lens = Lens("RADIAL", W, H, (50.0, 31.0, 25.0, 0.15, -0.02))
    scene = with_photos(three, lens)
    write_maps(tmp_path / "object_mask", LABELS.repeat(factor, axis=0).repeat(factor, axis=1))
    _, views = find(scene, tmp_path)
    expected = labels_in_view(LABELS, lens, scene.views[0].camera)
    assert (expected != LABELS[: expected.shape[0], : expected.shape[1]]).any()
    for masks in views.values():
        assert masks.labels.shape == expected.shape
        assert (mask_of(masks, "object-2") != (expected == 2)).mean() < 0.01


def test_masks_as_large_as_the_prepared_views_are_taken_as_they_are(three, tmp_path):
    lens = Lens("PINHOLE", 500, 375, (400.0, 400.0, 250.0, 187.5))
    scene = replace(three, origins={view.name: Origin(view.name, lens) for view in three.views})
    write_maps(tmp_path / "object_mask")
    _, views = find(scene, tmp_path)
    np.testing.assert_array_equal(mask_of(views["v01"], "object-2"), LABELS == 2)


def test_held_out_views_keep_their_masks_to_themselves(three, tmp_path):
    write_maps(tmp_path / "object_mask")
    _, views = find(replace(three, split=Split(("v00", "v02"), ("v01",))), tmp_path)
    assert (views["v01"].masks, views["v01"].labels.any()) == ((), False)
    assert all(len(views[name].masks) == 3 for name in ("v00", "v02"))


def test_a_folder_and_the_meaning_of_0_can_be_chosen(three, tmp_path):
    write_maps(tmp_path / "truth" / "maps")
    found, views = find(three, tmp_path, folder="truth/maps", rest="unknown")
    assert found.rest == "unknown"
    assert len(views["v00"].masks) == 3
    assert input_files(tmp_path, "truth/maps") == [tmp_path / "truth" / "maps" / f"v0{i}.png" for i in range(3)]


def test_a_view_without_masks_is_flagged_and_left_without(three, tmp_path):
    write_maps(tmp_path / "object_mask", names=("v00", "v02"))
    _, views = find(three, tmp_path)
    assert views["v01"].flags == ("there is no mask of this photo",)
    assert (views["v01"].masks, views["v01"].labels.any()) == ((), False)
    assert views["v00"].flags == ()


def test_an_object_without_a_mask_in_a_view_is_flagged_there(three, tmp_path):
    write(tmp_path / "masks" / "mug" / "v00.png", (255 * (LABELS == 1)).astype(np.uint8))
    for view in three.views:
        write(tmp_path / "masks" / "can" / f"{view.name}.png", (255 * (LABELS == 2)).astype(np.uint8))
    found, views = find(three, tmp_path)
    assert [masks.flags for masks in views.values()] == [(), *[("there is no mask of mug",)] * 2]
    assert mask_of(views["v00"], "mug").any()
    assert found.missing == {}


def test_an_object_without_a_pixel_is_missing_and_stops_no_other(three, tmp_path):
    for view in three.views:
        write(tmp_path / "masks" / "mug" / f"{view.name}.png", np.zeros((H, W), np.uint8))
        write(tmp_path / "masks" / "can" / f"{view.name}.png", (255 * (LABELS == 2)).astype(np.uint8))
    found, views = find(three, tmp_path, Object(name="mug"), Object(name="can"))
    assert list(found.missing) == ["mug"]
    assert "there are: can" in found.missing["mug"]
    assert all(mask_of(masks, "can").any() for masks in views.values())


def test_a_name_counts_before_another_object_s_prompt(three, tmp_path):
    write_maps(tmp_path / "object_mask")
    files.write_json(tmp_path / "object_mask" / "labels.json", {"objects": {"1": "lid", "2": "pan"}})
    _, views = find(three, tmp_path, Object(name="top", prompt="lid"), Object(name="lid", prompt="pan"))
    np.testing.assert_array_equal(mask_of(views["v00"], "lid"), (LABELS == 1) | (LABELS == 2))


def test_wrong_sizes_and_colours_are_told_all_at_once(three, tmp_path):
    write(tmp_path / "object_mask" / "v00.png", LABELS[:-1])
    write(tmp_path / "object_mask" / "v01.png", np.zeros((H, W, 3), np.uint8))
    (tmp_path / "object_mask" / "v02.png").write_bytes(b"")
    size, colours, unreadable = problems_of(three, tmp_path)
    assert (size.what, size.where) == ("the mask has the wrong size", str(tmp_path / "object_mask" / "v00.png"))
    assert size.got == "64x47"
    assert "64x48 pixels as the photo" in size.expected
    assert (colours.what, colours.got) == ("the mask has colours", "a PNG of mode RGB")
    assert unreadable.what == "the mask cannot be read"


def test_a_mask_that_breaks_off_is_named(three, tmp_path):
    write_maps(tmp_path / "object_mask")
    path = tmp_path / "object_mask" / "v01.png"
    path.write_bytes(path.read_bytes()[:60])
    (problem,) = problems_of(three, tmp_path)
    assert problem.where == str(path)


def test_numbers_too_large_for_their_files_are_noticed(three, tmp_path):
    write_maps(tmp_path / "object_mask", LABELS.astype(np.uint8))
    files.write_json(tmp_path / "labels.json", {"objects": {"1": "mug", "300": "can"}})
    (problem,) = problems_of(three, tmp_path)
    assert problem.what == "the masks are too narrow for their numbers"
    assert "300" in problem.expected


@pytest.mark.parametrize(
    ("files_there", "what"),
    [
        ((), "the scene has no folder of masks"),
        (("object_mask/other.png",), "none of the masks belongs to a photo"),
        (("object_mask/v01.png",), "no view that trains has a mask"),
    ],
)
def test_without_any_mask_it_is_told_where_they_belong(three, tmp_path, files_there, what):
    scene = replace(three, split=Split(("v00", "v02"), ("v01",)))
    (tmp_path / "elsewhere").mkdir()
    for name in files_there:
        write(tmp_path / "elsewhere" / name, LABELS)
    (problem,) = problems_of(scene, tmp_path / "elsewhere")
    assert problem.what == what
