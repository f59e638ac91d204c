"""Stage associate_masks: complete, the same every time, honest about what is drawn rather than given."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import write_ply
from splatsmith.render import render_view
from splatsmith.scenes.description import Object
from splatsmith.scenes.label_maps import read_label_map, read_legend
from splatsmith.scenes.prepared import read_image, read_prepared
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.store import write_raw
from splatsmith.stages import associate_masks

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "0005", "last"]
TEST = [NAMES[1], NAMES[4]]
CONFIG = associate_masks.Config(backend="cpu")
OBJECTS = (Object(name="cup", prompt="a cup"), Object(name="gone"), Object(name="ball"))
SCRIPT = Path(associate_masks.__file__).parents[3] / "workflow" / "scripts" / "associate_masks.py"


def two_clouds() -> Gaussians:
    """Thirty opaque Gaussians around each of two places, left and right of the origin."""
    random = torch.Generator().manual_seed(0)
    centers = torch.tensor([[0.0, -0.6, 0.0], [0.0, 0.6, 0.0]]).repeat_interleave(30, dim=0)
    return Gaussians(
        means=centers + 0.15 * torch.randn(60, 3, generator=random),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(60, 1),
        log_scales=torch.full((60, 3), -2.3),
        logit_opacities=torch.full((60,), 4.0),
        sh=torch.zeros(60, 1, 3),
    )


def true_labels(view) -> np.ndarray:
    cloud = torch.eye(2).repeat_interleave(30, dim=0)
    weights = render_view(two_clouds(), view.camera, view.T_camera_world, colors=cloud).image.numpy()
    return np.where(weights.sum(axis=2) > 0.5, weights.argmax(axis=2) + 1, 0).astype(np.uint16)


def write_masks(results: Path, masks: Mapping[str, ViewMasks], objects=(), missing: Mapping[str, str] | None = None):
    """The raw masks of a source; views that are not among `masks` have none."""
    scene = read_prepared(results / "scene")
    nothing = {v.name: ViewMasks(np.zeros((v.camera.height, v.camera.width), np.uint16), ()) for v in scene.views}
    found = Found("background", iter((nothing | dict(masks)).items()), dict(missing or {}))
    write_raw(results / "masks" / "raw", Request(scene, objects, None, "cpu"), "a test", found, "test")


def plain_masks(results: Path) -> dict[str, ViewMasks]:
    """What each training view sees; every other view has the numbers the other way round."""
    masks = {}
    for i, view in enumerate(read_prepared(results / "scene").train_views):
        labels = true_labels(view)
        masks[view.name] = ViewMasks(np.where(labels > 0, 3 - labels, 0) if i % 2 else labels, (Mask(score=0.5),) * 2)
    return {name: ViewMasks(one.labels.astype(np.uint16), one.masks) for name, one in masks.items()}


@pytest.fixture
def results(tmp_path, prepared):
    """Results of a scene in a path with a space, up to the raw masks, which name nothing."""
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, TEST)
    write_ply(folder / "gaussians" / "point_cloud.ply", two_clouds())
    write_masks(folder, plain_masks(folder))
    return folder


def run(results: Path, config=CONFIG, threads: int = 1) -> Path:
    outputs = associate_masks.Outputs(results / "masks" / "consistent")
    inputs = associate_masks.Inputs(
        results / "scene", results / "masks" / "raw", results / "gaussians" / "point_cloud.ply"
    )
    associate_masks.main(config, inputs, outputs, threads=threads)
    return outputs.folder


def listed(folder: Path) -> dict[str, str]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def told(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(results):
    folder = run(results)
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert written - {"manifest.json", "stage.json"} == set(listed(folder))
    assert {name: sha256_of(folder / name) for name in listed(folder)} == listed(folder)
    cut_outs = {f"masked_image_rgba/object-{i}/{name}.png" for i in (1, 2) for name in NAMES}
    others = {"legend.json", "scores.json", "views.json", "contact.jpg"}
    assert set(listed(folder)) == {f"{name}.png" for name in NAMES} | cut_outs | others
    record = told(folder, "stage.json")
    assert (record["status"], record["reason"], record["backend"]) == ("ok", "", "cpu")
    expected = {"objects": 2, "parts": 0, "views": 6, "given": 0, "repaired": 4, "rendered": 2}
    assert record["metrics"] == expected | {"divided": 0, "dropped": 0}
    Image.open(folder / "contact.jpg").load()


def test_every_view_shows_the_same_objects_under_the_same_numbers(results):
    """The held-out views too, which are drawn, and said to be."""
    folder = run(results)
    legend = read_legend(folder / "legend.json")
    assert (legend.rest, legend.paths) == ("background", {"object-1": 1, "object-2": 2})
    maps, truth = [], []
    for view in read_prepared(results / "scene").views:
        maps.append(read_label_map(folder / f"{view.name}.png", (view.camera.width, view.camera.height)))
        truth.append(true_labels(view))
        scores = told(folder, "scores.json")[view.name]
        assert set(scores) == {str(id) for id in np.unique(maps[-1]) if id}
        assert all(0 < score <= 1 for score in scores.values())
        origin = told(folder, "views.json")[view.name]
        drawn = view.name in TEST
        assert origin["origin"] == ("rendered" if drawn else "repaired")
        assert origin["flags"] == []
    number = np.array([0, 1, 2]) if (maps[0] == truth[0]).mean() > 0.9 else np.array([0, 2, 1])
    for found, true in zip(maps, truth, strict=True):
        assert (found == number[true]).mean() > 0.95


def test_cut_outs_are_the_photo_with_the_mask_as_alpha(results):
    folder = run(results)
    for view in read_prepared(results / "scene").views:
        labels = read_label_map(folder / f"{view.name}.png")
        for id in (1, 2):
            picture = Image.open(folder / "masked_image_rgba" / f"object-{id}" / f"{view.name}.png")
            assert picture.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(picture)[..., :3], read_image(view))
            np.testing.assert_array_equal(np.asarray(picture)[..., 3], 255 * (labels == id))


def test_named_masks_pass_through(results):
    """Their numbers are those of the description, and what was not found is told."""
    masks = {
        view.name: ViewMasks(true_labels(view), (Mask(object="ball", score=0.7), Mask(object="cup", score=0.6)))
        for view in read_prepared(results / "scene").views
    }
    write_masks(results, masks, OBJECTS, {"gone": "no such thing in any view: try other words"})
    folder = run(results)
    legend = read_legend(folder / "legend.json")
    assert [(entry.id, entry.name, entry.prompt) for entry in legend.entries] == [
        (1, "cup", "a cup"),
        (2, "gone", "gone"),
        (3, "ball", "ball"),
    ]
    for name, one in masks.items():
        found = read_label_map(folder / f"{name}.png")
        np.testing.assert_array_equal(found, np.array([0, 3, 1])[one.labels])
        assert told(folder, "scores.json")[name].items() <= {"1": 0.6, "3": 0.7}.items()
    record = told(folder, "stage.json")
    assert record["metrics"]["given"] == 6
    assert (record["status"], record["reason"]) == (
        "degraded",
        "gone was not found: no such thing in any view: try other words",
    )
    assert {path.name for path in (folder / "masked_image_rgba").iterdir()} == {"cup", "gone", "ball"}


def test_pictures_of_an_earlier_run_are_removed(results):
    folder = run(results)
    (folder / "stale.png").write_bytes(b"")
    (folder / "masked_image_rgba" / "other").mkdir()
    (folder / "masked_image_rgba" / "other" / "0001.png").write_bytes(b"")
    run(results)
    assert not (folder / "stale.png").exists()
    assert {path.name for path in (folder / "masked_image_rgba").iterdir()} == {"object-1", "object-2"}


def test_the_same_bytes_on_any_number_of_threads(results):
    assert listed(run(results, threads=1)) == listed(run(results, threads=3))


def test_inputs_are_left_as_they_are(results):
    inputs = [path for path in results.rglob("*") if path.is_file()]
    before = [sha256_of(path) for path in inputs]
    run(results)
    assert [sha256_of(path) for path in inputs] == before


@pytest.mark.parametrize(
    "path", ["scene/manifest.json", "masks/raw/manifest.json", "masks/raw/0001.png", "gaussians/point_cloud.ply"]
)
def test_a_missing_input_is_named_and_leaves_no_manifest(results, path):
    folder = run(results)
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        run(results)
    assert str(results / path) in str(error.value)
    assert not (folder / "manifest.json").exists()
    assert told(folder, "stage.json")["status"] == "failed"


def test_masks_in_no_view_that_trains_are_refused_with_the_source_s_reasons(results):
    write_masks(results, {}, OBJECTS[:1], {"cup": "its box is empty: draw it again"})
    with pytest.raises(InputError, match="no view that trains has a mask") as error:
        run(results)
    assert "cup: its box is empty: draw it again" in str(error.value)


def test_masks_of_another_scene_are_refused(tmp_path, results, prepared):
    other = tmp_path / "other"
    prepared(other / "scene", NAMES, TEST, width=80)
    (results / "scene").rename(results / "old")
    (other / "scene").rename(results / "scene")
    with pytest.raises(InputError, match="the masks are of other views") as error:
        run(results)
    assert "80x60 pixels" in str(error.value)
    assert "40x30" in str(error.value)
    prepared(other / "scene", ["new"], [])
    (results / "scene").rename(results / "older")
    (other / "scene").rename(results / "scene")
    with pytest.raises(InputError, match="none of new"):
        run(results)


def test_the_script_refuses_unknown_keys(tmp_path):
    words = ["--scene", "s", "--masks", "m", "--gaussians", "g.ply", "--output", str(tmp_path / "o")]
    answer = subprocess.run([sys.executable, SCRIPT, *words, "--config", '{"iou": 3}'], capture_output=True, text=True)
    assert answer.returncode == 1
    assert "unknown key `iou`" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "o").exists()
