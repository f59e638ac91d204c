"""Stage evaluate_completion: before and after, by the truth where it is known, and complete whatever has failed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plyfile import PlyData, PlyElement

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of, write_json
from splatsmith.base.manifest import write_manifest
from splatsmith.base.outcome import Outcome, write_outcome
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.scenes.label_maps import read_label_map, write_label_map
from splatsmith.stages import evaluate_completion as stage

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "last"]
TEST = NAMES[1:4]
SCRIPT = Path(stage.__file__).parents[3] / "workflow" / "scripts" / "evaluate_completion.py"


def of_label(scene: Gaussians, *labels: int) -> Gaussians:
    return select(scene, torch.isin(scene.extra["label"].long(), torch.tensor(labels)))


def refine(results: Path, name: str, refined: Gaussians | None, outcome: Outcome | None = None) -> None:
    folder = results / "completion" / name / "refined"
    write_outcome(folder, outcome or Outcome())
    if refined is not None:
        write_ply(folder / "refined.ply", refined)
    write_manifest(folder, ["outcome.json"])


def write_truth(results: Path) -> None:
    """A captured scene whose truth is what the label maps and the Gaussians are made of."""
    source = results / "source"
    (source / "sparse" / "0").mkdir(parents=True)
    for part in ("cameras", "images", "points3D"):
        (source / "sparse" / "0" / f"{part}.bin").touch()
    for name in NAMES:
        labels = read_label_map(results / "masks" / "consistent" / f"{name}.png")
        write_label_map(source / "ground_truth" / "object_mask" / f"{name}.png", np.where(labels == 3, 1, labels))
    write_json(source / "ground_truth" / "labels.json", {"objects": {"1": "ball", "2": "can"}})
    scene = read_ply(results / "objects" / "point_cloud.ply")
    rows = np.zeros(1800, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("object_id", "u1")])
    rows["x"], rows["y"], rows["z"] = of_label(scene, 1, 2).means.T.numpy()
    rows["object_id"] = np.repeat([1, 2], 900)
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(source / "ground_truth" / "surface_points.ply"))


@pytest.fixture
def results(tmp_path, with_objects) -> Path:
    """The ball was observed in halves and completed; the completion of the can failed."""
    folder = with_objects(tmp_path / "my scene", NAMES, TEST)
    write_truth(folder)
    scene = read_ply(folder / "objects" / "point_cloud.ply")
    refine(folder, "ball", of_label(scene, 1, 3))
    refine(folder, "can", None, Outcome(status="failed", reason="views: no view shows it"))
    write_ply(folder / "composed" / "point_cloud.ply", scene)
    gone = (scene.extra["label"].long() == 1) & (scene.means[:, 0] > 0)
    write_ply(folder / "objects" / "point_cloud.ply", select(scene, ~gone))
    for place in ("composed", "objects"):
        write_manifest(folder / place, ["point_cloud.ply"])
    return folder


def evaluate(results: Path, *names: str, models: Path = Path("no models"), threads: int = 1, **words) -> dict:
    refined = tuple(results / "completion" / name / "refined" for name in names or ("ball", "can"))
    folders = [results / name for name in ("scene", "source", "masks/consistent", "objects", "composed")]
    outputs = stage.Outputs(results / "composed_evaluation")
    config = stage.Config(backend="cpu", **words)
    stage.main(config, stage.Inputs(*folders, refined, models), outputs, device="cpu", threads=threads)
    return read(results, "metrics.json")


def read(results: Path, name: str) -> dict:
    return json.loads((results / "composed_evaluation" / name).read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(results):
    told = evaluate(results)
    listed = read(results, "manifest.json")
    folder = results / "composed_evaluation"
    assert {name: sha256_of(folder / name) for name in listed} == listed
    assert set(listed) == {"metrics.json", "contact.jpg"}
    assert {path.name for path in folder.iterdir()} == {*listed, "manifest.json", "stage.json"}
    assert set(told["objects"]) == {"ball", "can"}
    assert (told["views"], told["truth"]) == ("held-out", {"masks": "ground_truth/object_mask", "points": True})
    stage_json = read(results, "stage.json")
    assert (stage_json["status"], stage_json["reason"]) == ("ok", told["reason"])
    assert stage_json["metrics"] == {"mean": told["mean"], "scene": told["scene"]}


def test_a_completed_object_is_better_in_every_figure(results):
    ball = evaluate(results)["objects"]["ball"]
    before, after = ball["mean"]["before"], ball["mean"]["after"]
    assert after["psnr_db"] > before["psnr_db"] + 3
    assert after["ssim"] > before["ssim"]
    assert after["iou"] > max(0.9, before["iou"] + 0.1)
    was, is_now = ball["geometry"]["before"], ball["geometry"]["after"]
    for key in ("completeness", "chamfer", "emd"):
        assert is_now[key] < 0.8 * was[key], key
    assert (ball["status"], ball["masks"]) == ("ok", "true")


def test_only_held_out_views_that_show_the_object_are_measured(results):
    labels = results / "source" / "ground_truth" / "object_mask" / f"{TEST[0]}.png"
    write_label_map(labels, np.where(read_label_map(labels) == 1, 0, read_label_map(labels)))
    told = evaluate(results)
    assert set(told["objects"]["ball"]["views"]) == set(TEST[1:])
    assert set(told["objects"]["can"]["views"]) <= set(TEST)


def test_means_are_those_of_views_and_of_objects(results):
    told = evaluate(results)
    for state in ("before", "after"):
        for key in ("psnr_db", "ssim", "iou"):
            for one in told["objects"].values():
                figures = [view[state][key] for view in one["views"].values()]
                assert one["mean"][state][key] == pytest.approx(np.mean(figures), abs=2e-4)
            means = [one["mean"][state][key] for one in told["objects"].values()]
            assert told["mean"][state][key] == pytest.approx(np.mean(means), abs=2e-4)


def test_the_scene_is_measured_as_a_whole(results):
    """The composed scene is what the photos were drawn of."""
    scene = evaluate(results)["scene"]
    assert scene["after"]["psnr_db"] > 45 > scene["before"]["psnr_db"]
    assert scene["after"]["ssim"] > scene["before"]["ssim"]


def test_a_failed_object_is_measured_as_the_scene_keeps_it(results):
    told = evaluate(results)
    can = told["objects"]["can"]
    assert can["mean"]["before"] == can["mean"]["after"]
    assert can["geometry"]["before"] == can["geometry"]["after"]
    assert (can["status"], can["reason"]) == ("failed", "views: no view shows it")
    assert "not completed, and measured as observed: can" in told["reason"]


def test_an_object_that_was_never_found_is_measured_as_nothing(results):
    write_json(results / "objects" / "legend.json", {"entries": [{"id": 1, "name": "ball"}]})
    can = evaluate(results)["objects"]["can"]
    assert can["mean"]["after"]["iou"] == 0
    assert can["geometry"] == {"before": None, "after": None}


def test_without_the_truth_the_scene_s_own_masks_are_the_measure(results):
    known = evaluate(results, "ball")
    (results / "source" / "ground_truth" / "labels.json").unlink()
    told = evaluate(results, "ball")
    ball = told["objects"]["ball"]
    assert (ball["masks"], ball["geometry"], told["truth"]) == ("consistent", None, {"masks": None, "points": False})
    assert "measured by the scene's own masks, for want of the truth: ball" in told["reason"]
    assert ball["views"] == known["objects"]["ball"]["views"]  # the masks are the same here


def test_an_object_that_the_truth_does_not_know_is_measured_by_its_own_mask(results):
    write_json(results / "source" / "ground_truth" / "labels.json", {"objects": {"2": "can"}})
    told = evaluate(results)
    assert [told["objects"][name]["masks"] for name in ("ball", "can")] == ["consistent", "true"]
    assert told["objects"]["ball"]["geometry"] is None
    assert "for want of the truth: ball" in told["reason"]


@pytest.mark.parametrize(
    ("entry", "true_name"),
    [
        ({"id": 1, "name": "toy-car"}, "toy_car"),  # as people write it
        ({"id": 1, "name": "toy-car", "prompt": "an old car"}, "An old car"),
    ],
    ids=["underscore", "prompt"],
)
def test_the_truth_may_call_it_a_little_differently(results, entry, true_name):
    write_json(results / "objects" / "legend.json", {"entries": [entry]})
    write_json(results / "source" / "ground_truth" / "labels.json", {"objects": {"1": true_name}})
    refine(results, "toy-car", of_label(read_ply(results / "composed" / "point_cloud.ply"), 1, 3))
    told = evaluate(results, "toy-car")["objects"]["toy-car"]
    assert told["masks"] == "true"
    assert told["geometry"]["after"]["chamfer"] < told["geometry"]["before"]["chamfer"]


def test_cameras_found_from_photos_have_a_world_of_their_own(results):
    for path in (results / "source" / "sparse" / "0").iterdir():
        path.unlink()
    (results / "source" / "images").mkdir()
    (results / "source" / "images" / "0001.png").touch()
    ball = evaluate(results, "ball")["objects"]["ball"]
    assert (ball["masks"], ball["geometry"]) == ("true", None)


def test_training_views_flatter_and_that_is_said(tmp_path, with_objects):
    folder = with_objects(tmp_path / "my scene", NAMES)
    (folder / "source").mkdir()
    scene = read_ply(folder / "objects" / "point_cloud.ply")
    write_ply(folder / "composed" / "point_cloud.ply", scene)
    refine(folder, "can", of_label(scene, 2))
    told = evaluate(folder, "can")
    assert told["views"] == "training"
    assert "no views are held out: training views are measured, which flatters" in told["reason"]
    assert told["objects"]["can"]["mean"]["after"]["iou"] > 0.9


def test_an_object_that_no_measured_view_shows_has_no_figures_and_no_pictures(results):
    for name in TEST:
        write_label_map(results / "source" / "ground_truth" / "object_mask" / f"{name}.png", np.zeros((36, 48)))
    evaluate(results)
    told = evaluate(results)
    assert (told["objects"]["ball"]["mean"], told["mean"]) == (None, None)
    assert "in no measured view: ball, can" in told["reason"]
    assert set(read(results, "manifest.json")) == {"metrics.json"}
    assert not (results / "composed_evaluation" / "contact.jpg").exists()


def test_lpips_is_measured_where_its_weights_are_and_else_said_to_be_missing(results, models_dir):
    told = evaluate(results, "ball")
    assert told["objects"]["ball"]["mean"]["after"]["lpips"] is None
    assert "no LPIPS: its weights are not there" in told["reason"]
    told = evaluate(results, "ball", models=models_dir)
    before, after = (told["objects"]["ball"]["mean"][state]["lpips"] for state in ("before", "after"))
    assert 0 < after < before
    assert "LPIPS" not in told["reason"]
    assert str(models_dir / "lpips" / "model.safetensors") in read(results, "stage.json")["inputs"]


def test_weights_that_are_no_good_are_an_error(results, tmp_path):
    (tmp_path / "models" / "lpips").mkdir(parents=True)
    with pytest.raises(InputError, match="the model `lpips` is not there"):
        evaluate(results, models=tmp_path / "models")


def test_the_same_bytes_on_any_number_of_threads_and_inputs_stay(results):
    inputs = {path: sha256_of(path) for path in results.rglob("*") if path.is_file()}
    evaluate(results, threads=1)
    first = read(results, "manifest.json")
    evaluate(results, threads=3)
    assert read(results, "manifest.json") == first
    assert {path: sha256_of(path) for path in inputs} == inputs


@pytest.mark.parametrize(
    "path",
    [
        "scene/manifest.json",
        "composed/point_cloud.ply",
        "objects/point_cloud.ply",
        "objects/legend.json",
        "completion/ball/refined/refined.ply",
        "completion/can/refined/outcome.json",
    ],
)
def test_a_missing_input_is_named_and_leaves_no_manifest(results, path):
    evaluate(results)
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        evaluate(results)
    assert str(results / path) in str(error.value)
    assert not (results / "composed_evaluation" / "manifest.json").exists()
    assert read(results, "stage.json")["status"] == "failed"


def test_a_ply_without_labels_is_an_error(results):
    ply = results / "objects" / "point_cloud.ply"
    write_ply(ply, replace(read_ply(ply), extra={}))
    with pytest.raises(InputError, match="the PLY has no labels"):
        evaluate(results)


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(results):
    words = [word for name in ("scene", "source", "objects", "composed") for word in (f"--{name}", results / name)]
    words += ["--masks", results / "masks" / "consistent", "--models", "no models", "--device", "cpu"]
    words += ["--refined", *(results / "completion" / name / "refined" for name in ("ball", "can"))]
    words += ["--output", results / "composed_evaluation", "--config", '{"backend": "cpu"}', "--threads", "1"]
    answer = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "evaluate my scene: completed: ball: PSNR " in answer.stdout
    made = read(results, "manifest.json")
    evaluate(results)
    assert read(results, "manifest.json") == made
