"""Stage evaluate: figures are those of the maps and scores, and what is missing is told."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from plyfile import PlyData, PlyElement

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import write_ply
from splatsmith.scenes.label_maps import Entry, Legend, write_legend, write_soft_map
from splatsmith.segment3d.evaluation import evaluate_maps
from splatsmith.segment3d.scores import Scores, write_scores
from splatsmith.stages import evaluate, prepare_scene

SCRIPT = Path(evaluate.__file__).parents[3] / "workflow" / "scripts" / "evaluate.py"
NAMES = {1: "mug", 2: "can"}
HELD_OUT = ("b", "d")
SIZE = (64, 48)


def truth_of(view: str) -> np.ndarray:
    labels = np.zeros(SIZE[::-1], np.uint16)
    labels[10:40, 5:30] = 1
    labels[15:35, 30 : 40 + 10 * (view == "d")] = 2
    return labels


def soft_map(view: str, shift: int):
    labels = np.roll(truth_of(view), shift, 1)
    ids = np.stack([labels, np.zeros_like(labels)], -1)
    return ids, np.broadcast_to(np.array([1, 0], np.float32), ids.shape)


def segmentation(folder: Path, shift: int, names: dict[int, str] = NAMES, right: int = 10) -> Path:
    """A segmentation that is `shift` pixels off, with Gaussians on the true surfaces: `right` of 10 labelled so."""
    write_legend(folder / "legend.json", Legend(entries=[Entry(id=id, name=name) for id, name in names.items()]))
    for view in HELD_OUT:
        write_soft_map(folder / "maps" / f"{view}.npz", *soft_map(view, shift))
    means, ids = surface()
    blobs = Gaussians(
        torch.from_numpy(means).float(),
        torch.tensor([1.0, 0, 0, 0]).repeat(len(means), 1),
        torch.full((len(means), 3), -3.0),
        torch.zeros(len(means)),
        torch.zeros(len(means), 1, 3),
    )
    write_ply(folder / "point_cloud.ply", blobs)
    labels = np.where(np.arange(len(ids)) % 10 < right, ids, 0).astype(np.uint16)[:, None]
    write_scores(folder / "scores.npz", Scores(labels, np.ones_like(labels, np.float16)), folder / "point_cloud.ply")
    (folder / "manifest.json").write_text("{}")
    return folder


def surface() -> tuple[np.ndarray, np.ndarray]:
    """Centres on two level squares, and whose they are."""
    xy = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), -1).reshape(-1, 2)
    means = np.concatenate([np.column_stack([xy, np.full(100, height)]) for height in (0.0, 50.0)])
    return means, np.repeat([1, 2], 100)


@pytest.fixture
def results(tmp_path, captured):
    """A captured scene with truth, prepared, and two segmentations; in a path with a space."""
    folder = tmp_path / "my scene"
    source = captured(folder / "source", ("a.png", "b.png", "c.png", "d.png"), size=SIZE).folder
    truth = source / "ground_truth"
    (truth / "object_mask").mkdir(parents=True)
    for view in "abcd":
        Image.fromarray(truth_of(view)).save(truth / "object_mask" / f"{view}.png")
    (truth / "labels.json").write_text(json.dumps({"objects": NAMES}))
    means, ids = surface()
    rows = np.zeros(len(ids), [(axis, "f4") for axis in "xyz"] + [("object_id", "u1")])
    rows["x"], rows["y"], rows["z"], rows["object_id"] = *means.T, ids
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(truth / "surface_points.ply"))
    (source / "split.yml").write_text(json.dumps({"train": ["a", "c"], "test": list(HELD_OUT)}))
    prepare(folder, source / "split.yml")
    segmentation(folder / "segmentation" / "votes", shift=2, right=7)
    segmentation(folder / "segmentation" / "sparse-id", shift=1, names={1: "thing-1", 2: "thing-2"})
    return folder


def prepare(folder: Path, split: Path) -> None:
    inputs = prepare_scene.Inputs(folder / "source", split)
    prepare_scene.main(prepare_scene.Config(), inputs, prepare_scene.Outputs(folder / "scene"))


def measure(folder: Path, methods=("votes", "sparse-id"), **config) -> dict:
    segmentations = tuple(folder / "segmentation" / method for method in methods)
    inputs = evaluate.Inputs(folder / "scene", folder / "source", segmentations)
    evaluate.main(evaluate.Config(**config), inputs, evaluate.Outputs(folder / "evaluation"))
    return metrics_of(folder)


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "evaluation" / "metrics.json").read_text(encoding="utf-8"))


def record_of(folder: Path) -> dict:
    return json.loads((folder / "evaluation" / "stage.json").read_text(encoding="utf-8"))


def listed(folder: Path) -> dict[str, str]:
    return json.loads((folder / "evaluation" / "manifest.json").read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(results):
    metrics = measure(results)
    folder = results / "evaluation"
    assert set(listed(results)) == {"contact.jpg", "metrics.json", "table.md"}
    assert {name: sha256_of(folder / name) for name in listed(results)} == listed(results)
    Image.open(folder / "contact.jpg").load()
    assert list(metrics["methods"]) == ["votes", "sparse-id"]
    assert metrics["truth"] == {
        "folder": "ground_truth/object_mask",
        "kind": "labels",
        "objects": ["mug", "can"],
        "views": list(HELD_OUT),
    }
    record = record_of(results)
    assert record["status"] == "ok"
    assert f"{(results / 'source/ground_truth/labels.json').as_posix()}" in record["inputs"]


def test_figures_are_those_of_the_maps(results):
    votes = measure(results)["methods"]["votes"]
    maps = {view: soft_map(view, 2) for view in HELD_OUT}
    table = evaluate_maps(maps, {view: truth_of(view) for view in HELD_OUT}, NAMES)
    for protocol in ("named", "oracle", "oracle_elsewhere"):
        for rule in ("soft", "argmax"):
            figures, told = table[protocol, rule], votes[protocol][rule]
            assert told["miou"] == pytest.approx(figures.mean.miou, abs=1e-4)
            assert told["mbiou"] == pytest.approx(figures.mean.mbiou, abs=1e-4)
            assert told["pairs"] == figures.mean.pairs
            for pair in figures.pairs:
                told_pair = told["objects"][pair.object]["views"][pair.view]
                assert told_pair["iou"] == pytest.approx(pair.iou, abs=1e-4)


def test_gaussians_are_measured_against_the_surfaces(results):
    methods = measure(results)["methods"]
    for method, numbers, accuracy in (("votes", "named", 0.7), ("sparse-id", "oracle", 1.0), ("sparse-id", "named", 0)):
        told = methods[method]["gaussians"]
        (by_number,) = (one for one in told["extraction"] if (one["numbers"], one["weights"]) == (numbers, "number"))
        assert by_number["accuracy"] == accuracy
        assert by_number["objects"] == {"mug": accuracy, "can": accuracy}
        assert (told["ambiguous"]["number"], told["undecided"]) == (0, 0)


def test_names_that_are_not_known_are_told_and_the_table_shows_the_oracle(results):
    metrics = measure(results)
    assert metrics["methods"]["sparse-id"]["named"]["soft"]["missing"] == 4
    assert metrics["methods"]["sparse-id"]["named"]["soft"]["miou"] == 0
    assert "sparse-id knows no object of the name can, mug" in metrics["reason"]
    assert record_of(results)["metrics"]["sparse-id"]["numbers"] == "oracle"
    table = (results / "evaluation" / "table.md").read_text(encoding="utf-8")
    assert "| object: IoU / boundary IoU | votes, named | sparse-id, oracle |" in table
    assert "| sparse-id | named | 0.0 | 0.0 | 0.0 | 0.0 | 4 of 4 | 0.0 | 0.0 |" in table


def test_a_view_that_was_not_drawn_counts_as_0(results):
    whole = measure(results)["methods"]["votes"]["named"]["soft"]
    (results / "segmentation" / "votes" / "maps" / "d.npz").unlink()
    told = measure(results)["methods"]["votes"]["named"]["soft"]
    assert (told["missing"], told["pairs"]) == (2, 4)
    halves = [one["views"]["b"]["iou"] / 2 for one in whole["objects"].values()]
    assert told["miou"] == pytest.approx(np.mean(halves), abs=1e-4)


def test_it_is_the_same_every_time(results):
    measure(results)
    before = listed(results)
    measure(results)
    assert listed(results) == before


def test_a_scene_without_truth_says_so_and_keeps_nothing_old(results):
    measure(results)
    (results / "source" / "ground_truth" / "labels.json").unlink()
    metrics = measure(results)
    assert metrics == {"reason": "there is no truth to measure against", "truth": None, "methods": {}}
    assert {path.name for path in (results / "evaluation").iterdir()} == {"metrics.json", "manifest.json", "stage.json"}
    assert record_of(results)["status"] == "ok"


def test_truth_of_other_views_alone_is_told(results):
    for view in HELD_OUT:
        (results / "source" / "ground_truth" / "object_mask" / f"{view}.png").unlink()
    assert measure(results)["reason"] == "no measured view has any truth"


def test_where_nothing_is_held_out_training_views_are_measured_and_told(results):
    inputs = prepare_scene.Inputs(results / "source")
    prepare_scene.main(prepare_scene.Config(test_every=0), inputs, prepare_scene.Outputs(results / "scene"))
    metrics = measure(results, ["votes"])
    assert metrics["truth"]["views"] == ["a", "b", "c", "d"]
    assert metrics["reason"] == "no views are held out: training views are measured, which flatters"
    assert metrics["methods"]["votes"]["named"]["soft"]["missing"] == 4  # no maps of a and c


def test_a_scene_without_surface_points_has_no_figures_of_gaussians(results):
    (results / "source" / "ground_truth" / "surface_points.ply").unlink()
    assert measure(results)["methods"]["votes"]["gaussians"] is None


def test_a_missing_segmentation_is_an_error(results):
    (results / "segmentation" / "votes" / "manifest.json").unlink()
    with pytest.raises(InputError, match="there is no such segmentation(.|\n)*votes/manifest.json"):
        measure(results)
    assert record_of(results)["status"] == "failed"
    assert not (results / "evaluation" / "manifest.json").exists()


def test_scores_of_another_ply_are_an_error(results):
    (results / "segmentation" / "votes" / "point_cloud.ply").write_bytes(b"ply")
    with pytest.raises(InputError, match="the rows described here are those of another PLY"):
        measure(results)


def test_a_named_truth_must_be_there(results):
    with pytest.raises(InputError, match="there is no truth in this folder(.|\n)*elsewhere"):
        measure(results, truth="elsewhere")
    assert record_of(results)["status"] == "failed"


def test_the_script_does_the_same(results):
    measure(results)
    before = listed(results)
    words = ["--scene", "scene", "--source", "source", "--output", "evaluation", "--config", "{}"]
    words += ["--segmentations", "segmentation/votes", "segmentation/sparse-id"]
    done = subprocess.run([sys.executable, SCRIPT, *words], cwd=results, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "votes: mIoU" in done.stdout
    assert listed(results) == before
