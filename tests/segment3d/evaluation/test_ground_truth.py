"""The truth of views: it takes the way of the photos, whatever the lens; and every fault is told."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

from splatsmith.base.errors import InputError
from splatsmith.scenes.prepared import PreparedScene, read_image, read_prepared
from splatsmith.scenes.truth import find_truth
from splatsmith.segment3d.evaluation.ground_truth import read_surface_points, read_truth
from splatsmith.stages import prepare_scene

NAMES = ("a.png", "b.png", "test_1.png", "test_7.png")
HELD_OUT = ("b", "test_1", "test_7")
LEGEND = {"objects": {"1": "Red Mug", "7": "can"}, "parts": {"3": {"object_id": 1, "name": "handle", "more": 1}}}
SIZE = (64, 48)


def labels_of(seed: int) -> np.ndarray:
    """(48, 64) uint8: the rest, a disc of 1, and a disc of 7 upon it."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(SIZE[::-1])
    labels = np.zeros(SIZE[::-1], np.uint8)
    for id, radius in ((1, 15), (7, 8)):
        y, x = rng.uniform(18, 30), rng.uniform(20, 44)
        labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = id
    return labels


def write(folder: Path, name: str, picture: np.ndarray) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture
def prepare(tmp_path, captured):
    """Prepare a scene whose photos are white where their label maps show objects, black elsewhere."""

    def scene(**settings) -> tuple[Path, PreparedScene]:
        max_side = settings.pop("max_side", None)
        source = captured(tmp_path / "source", NAMES, size=SIZE, **settings).folder
        (source / "labels.json").write_text(json.dumps(LEGEND))
        for i, name in enumerate(NAMES):
            write(source, f"object_mask/{name}", labels_of(i))
            write(source, f"images/{name}", np.repeat(255 * (labels_of(i) > 0).astype(np.uint8)[..., None], 3, 2))
        (source / "split.yml").write_text(json.dumps({"train": ["a"], "test": list(HELD_OUT)}))
        inputs = prepare_scene.Inputs(source, source / "split.yml")
        prepare_scene.main(prepare_scene.Config(max_side=max_side), inputs, prepare_scene.Outputs(tmp_path / "scene"))
        return source, read_prepared(tmp_path / "scene")

    return scene


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_side": 32},
        {"model": "SIMPLE_RADIAL", "params": (50.0, 32.0, 24.0, 0.3)},
        {"model": "SIMPLE_RADIAL", "params": (50.0, 32.0, 24.0, -0.2), "max_side": 40},
    ],
    ids=["pinhole", "shrunk", "barrel", "pincushion, shrunk"],
)
def test_label_maps_land_where_the_photos_do(prepare, settings):
    source, scene = prepare(**settings)
    truth = read_truth(find_truth(source), scene, scene.test_views)
    assert truth.names == {1: "red-mug", 7: "can"}
    assert list(truth.masks) == list(HELD_OUT)
    for view in scene.test_views:
        masks, white = truth.masks[view.name], read_image(view)[..., 0] > 127
        assert set(masks) == {"red-mug", "can"}
        assert not (masks["red-mug"] & masks["can"]).any()
        assert ((masks["red-mug"] | masks["can"]) != white).mean() < 0.02


def test_without_a_lens_the_truth_is_the_file(prepare):
    source, scene = prepare()
    truth = read_truth(find_truth(source), scene, scene.views)
    assert list(truth.masks) == ["a", *HELD_OUT]
    for i, view in enumerate(scene.views):
        np.testing.assert_array_equal(truth.masks[view.name]["can"], labels_of(i) == 7)


def test_views_without_a_label_map_have_no_truth(prepare):
    source, scene = prepare()
    (source / "object_mask" / "b.png").unlink()
    truth = read_truth(find_truth(source), scene, scene.test_views)
    assert list(truth.masks) == ["test_1", "test_7"]


def test_parts_are_called_by_their_paths(prepare):
    source, scene = prepare()
    for name in NAMES:
        write(source, f"part_mask/{name}", 3 * (labels_of(0) == 7).astype(np.uint8))
    truth = read_truth(find_truth(source, "part_mask"), scene, scene.test_views)
    assert truth.names == {3: "red-mug/handle"}
    np.testing.assert_array_equal(truth.masks["b"]["red-mug/handle"], labels_of(0) == 7)


def test_masks_of_prompts_belong_to_the_view_called_so_or_counted(prepare):
    source, scene = prepare()
    disc = labels_of(0) == 1
    for k, mask in (("0", disc), ("test_1", ~disc), ("7", disc)):
        write(source, f"test_mask/{k}/Green Apple.png", 255 * mask.astype(np.uint8))
    write(source, "test_mask/0/egg.png", np.where(disc, 129, 128).astype(np.uint8))
    write(source, "test_mask/test_1/egg.png", np.zeros((48, 64), np.uint8))
    truth = read_truth(find_truth(source), scene, scene.test_views)
    assert truth.names == {1: "green-apple", 2: "egg"}
    assert {view: sorted(masks) for view, masks in truth.masks.items()} == {
        "b": ["egg", "green-apple"],  # the first held out
        "test_1": ["green-apple"],  # an empty mask is none
        "test_7": ["green-apple"],  # there is no eighth
    }
    np.testing.assert_array_equal(truth.masks["b"]["egg"], disc)
    np.testing.assert_array_equal(truth.masks["test_1"]["green-apple"], ~disc)


@pytest.mark.parametrize(
    ("place", "got"), [("a", "view a, which is not held out"), ("3", "no such view"), ("x", "no such view")]
)
def test_masks_of_no_held_out_view_are_an_error(prepare, place, got):
    source, scene = prepare()
    write(source, f"test_mask/{place}/egg.png", np.full((48, 64), 255, np.uint8))
    with pytest.raises(InputError, match=f"masks of the truth have no view(.|\n)*got: +{got}(.|\n)*split.yml"):
        read_truth(find_truth(source), scene, scene.test_views)


def test_a_label_map_of_another_size_is_an_error(prepare):
    source, scene = prepare()
    write(source, "object_mask/b.png", np.zeros((48, 60), np.uint8))
    with pytest.raises(InputError, match="has the wrong size(.|\n)*b.png(.|\n)*64x48(.|\n)*60x48"):
        read_truth(find_truth(source), scene, scene.test_views)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"objects": {"1": "mug", "2": "Mug"}}, "names of the truth are given twice(.|\n)*got: +mug"),
        ({"objects": {"one": "mug"}}, "invalid value(.|\n)*labels.json: objects.one"),
        ({"names": {}}, "missing key `objects`"),
    ],
)
def test_a_wrong_legend_is_an_error(prepare, labels, message):
    source, scene = prepare()
    (source / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(InputError, match=message):
        read_truth(find_truth(source), scene, scene.test_views)


def test_parts_of_unlisted_objects_are_an_error(prepare):
    source, scene = prepare()
    write(source, "part_mask/b.png", labels_of(0))
    (source / "labels.json").write_text(json.dumps({"objects": {}, "parts": {"3": {"object_id": 1, "name": "handle"}}}))
    with pytest.raises(InputError, match="parts of objects that are not listed(.|\n)*got: +1"):
        read_truth(find_truth(source, "part_mask"), scene, scene.test_views)


def write_points(path: Path, *columns: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.zeros(4, [(axis, "f4") for axis in "xyz"] + [(column, "u1") for column in columns])
    rows["x"] = range(4)
    for column in columns:
        rows[column] = (1, 7, 3, 0)
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))


def test_surface_points_have_the_numbers_of_the_truth_alone(prepare):
    source, scene = prepare()
    write_points(source / "gt" / "surface_points.ply", "object_id", "part_id")
    write(source, "part_mask/b.png", labels_of(0))
    for folder, ids in (("object_mask", [1, 7, 0, 0]), ("part_mask", [0, 0, 3, 0])):
        files = find_truth(source, folder)
        points = read_surface_points(files, read_truth(files, scene, scene.test_views))
        assert points.ids.tolist() == ids
        assert points.xyz.tolist() == [[float(x), 0, 0] for x in range(4)]


def test_surface_points_without_objects_are_an_error_and_none_are_none(prepare):
    source, scene = prepare()
    files = find_truth(source)
    truth = read_truth(files, scene, scene.test_views)
    assert read_surface_points(files, truth) is None
    write_points(source / "gt" / "surface_points.ply", "part_id")
    with pytest.raises(InputError, match="the surface points cannot be used(.|\n)*no object_id"):
        read_surface_points(find_truth(source), truth)
