"""Stage select_views: the chosen views with their crops, and an outcome where there is nothing to choose from."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.base.outcome import Outcome, read_outcome
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.scenes.label_maps import read_label_map, write_label_map
from splatsmith.scenes.prepared import read_image, read_prepared
from splatsmith.stages import select_views

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "0005", "last"]
TEST = ["0001"]
SCRIPT = Path(select_views.__file__).parents[3] / "workflow" / "scripts" / "select_views.py"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, with_objects) -> Path:
    return with_objects(tmp_path_factory.mktemp("results") / "my scene", NAMES, TEST)


@pytest.fixture
def results(tmp_path, with_objects) -> Path:
    """One to be changed."""
    return with_objects(tmp_path / "my scene", NAMES, TEST)


def select_from(results: Path, folder: Path, name: str = "ball", threads: int = 1, **words) -> Path:
    inputs = select_views.Inputs(results / "scene", results / "masks" / "consistent", results / "objects", name)
    config = select_views.Config(backend="cpu", **words)
    select_views.main(config, inputs, select_views.Outputs(folder), threads=threads)
    return folder


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(untouched, tmp_path):
    folder = select_from(untouched, tmp_path / "views")
    chosen = read(folder, "views.json")["views"]
    listed = read(folder, "manifest.json")
    pictures = [f"{i}_{view['name']}.png" for i, view in enumerate(chosen, 1)]
    assert set(listed) == {"views.json", "contact.jpg", "metrics.json", "outcome.json", *pictures}
    assert {name: sha256_of(folder / name) for name in listed} == listed
    assert {path.name for path in folder.iterdir()} == {*listed, "manifest.json", "stage.json"}
    assert [view["rank"] for view in chosen] == [1, 2, 3]
    assert [view["picture"] for view in chosen] == pictures
    assert (read(folder, "stage.json")["status"], read_outcome(folder)) == ("ok", Outcome())


def test_held_out_views_are_not_looked_at(untouched, tmp_path):
    folder = select_from(untouched, tmp_path / "views", count=9, min_area=0)
    assert set(read(folder, "metrics.json")["views"]) == set(NAMES) - set(TEST)
    assert {view["name"] for view in read(folder, "views.json")["views"]} == set(NAMES) - set(TEST)


def test_a_crop_is_the_object_in_the_photo(untouched, tmp_path):
    folder = select_from(untouched, tmp_path / "views", "can", count=5)
    views = {view.name: view for view in read_prepared(untouched / "scene").views}
    for chosen in read(folder, "views.json")["views"]:
        x0, y0, x1, y1 = chosen["crop"]
        rgba = np.asarray(Image.open(folder / chosen["picture"]))
        times = rgba.shape[0] // (y1 - y0)
        assert rgba.shape == (times * (y1 - y0), times * (x1 - x0), 4)
        mask = read_label_map(untouched / "masks" / "consistent" / f"{chosen['name']}.png") == 2
        np.testing.assert_array_equal(rgba[times // 2 :: times, times // 2 :: times, 3] > 0, mask[y0:y1, x0:x1])
        assert mask.sum() == mask[y0:y1, x0:x1].sum() == chosen["terms"]["area"]
        photo = read_image(views[chosen["name"]])[y0:y1, x0:x1]
        back = np.asarray(Image.fromarray(rgba[..., :3]).resize((x1 - x0, y1 - y0), Image.Resampling.BOX))
        assert np.abs(back.astype(int) - photo).mean() < 12  # cubic, and rounded


def test_parts_belong_to_their_object(untouched, tmp_path):
    folder = select_from(untouched, tmp_path / "views", "ball", count=1)
    name = read(folder, "views.json")["views"][0]["name"]
    labels = read_label_map(untouched / "masks" / "consistent" / f"{name}.png")
    assert read(folder, "views.json")["views"][0]["terms"]["area"] == np.isin(labels, [1, 3]).sum()


def test_the_same_bytes_on_any_number_of_threads_and_after_another_run(untouched, tmp_path):
    first = read(select_from(untouched, tmp_path / "a", threads=1), "manifest.json")
    select_from(untouched, tmp_path / "b", count=5)
    assert read(select_from(untouched, tmp_path / "b", threads=3), "manifest.json") == first
    assert {path.name for path in (tmp_path / "b").iterdir()} == {*first, "manifest.json", "stage.json"}


def test_fewer_views_than_asked_for_are_degraded(untouched, tmp_path):
    outcome = read_outcome(select_from(untouched, tmp_path / "views", count=9, min_area=0))
    assert outcome == Outcome(status="degraded", reason="only 5 of 9 views could be chosen")


def test_an_object_that_no_view_shows_fails_with_the_reason(results, tmp_path):
    for name in set(NAMES) - set(TEST):
        path = results / "masks" / "consistent" / f"{name}.png"
        labels = read_label_map(path)
        write_label_map(path, np.where(labels == 2, 0, labels))
    folder = select_from(results, tmp_path / "views", "can")
    assert read_outcome(folder) == Outcome(status="failed", reason="no view shows it")
    assert {path.name for path in folder.iterdir()} == {"outcome.json", "manifest.json", "stage.json"}
    assert read(folder, "stage.json")["reason"] == "no view shows it"


def test_an_object_without_gaussians_fails_with_the_reason(results, tmp_path):
    ply = results / "objects" / "point_cloud.ply"
    scene = read_ply(ply)
    write_ply(ply, select(scene, torch.tensor([label != 2 for label in scene.extra["label"].tolist()])))
    outcome = read_outcome(select_from(results, tmp_path / "views", "can"))
    assert outcome == Outcome(status="failed", reason="no Gaussian of the scene belongs to it")


@pytest.mark.parametrize(
    "path", ["scene/manifest.json", "masks/consistent/last.png", "objects/point_cloud.ply", "objects/legend.json"]
)
def test_a_missing_input_is_named_and_leaves_no_manifest(results, tmp_path, path):
    select_from(results, tmp_path / "views")
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        select_from(results, tmp_path / "views")
    assert str(results / path) in str(error.value)
    assert not (tmp_path / "views" / "manifest.json").exists()
    assert read(tmp_path / "views", "stage.json")["status"] == "failed"


def test_an_object_that_was_not_found_fails_with_the_reason(untouched, tmp_path):
    outcome = read_outcome(select_from(untouched, tmp_path / "views", "pot"))
    assert outcome.status == "failed"
    assert "the segmentation has found ball, can" in outcome.reason


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(untouched, tmp_path):
    words = ["--scene", untouched / "scene", "--masks", untouched / "masks" / "consistent"]
    words += ["--objects", untouched / "objects", "--object", "ball", "--output", tmp_path / "script"]
    words += ["--config", '{"count": 2, "backend": "cpu"}', "--threads", "1"]
    answer = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "views my scene: ball: ok" in answer.stdout
    expected = select_from(untouched, tmp_path / "stage", count=2)
    assert read(tmp_path / "script", "manifest.json") == read(expected, "manifest.json")
