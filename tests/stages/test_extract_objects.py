"""Stage extract_objects: every Gaussian ends up in one place, as it was, and the atlas says where."""

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
from splatsmith.base.ply import read_vertices
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import ANTIALIASED, header_comments, read_ply, write_ply
from splatsmith.report.segmented import Atlas
from splatsmith.scenes.label_maps import Entry, Legend, read_legend, write_label_map, write_legend
from splatsmith.segment3d.labels import read_labels
from splatsmith.segment3d.scores import Scores, write_scores
from splatsmith.stages import extract_objects
from splatsmith.stages.extract_objects import Config, Inputs, Outputs

VIEWS = ["0001", "große Füchse 狐", "0003"]
LEGEND = Legend(
    entries=(
        Entry(id=1, name="pot", prompt="a pot"),
        Entry(id=2, name="cup"),
        Entry(id=300, name="lid", parent=1),
        Entry(id=40000, name="ghost"),
    )
)
ROWS = 240
SCRIPT = Path(extract_objects.__file__).parents[3] / "workflow" / "scripts" / "extract_objects.py"


def random_gaussians(rows: int) -> Gaussians:
    random = torch.Generator().manual_seed(rows)
    return Gaussians(
        means=torch.randn(rows, 3, generator=random),
        quats=torch.randn(rows, 4, generator=random),
        log_scales=torch.randn(rows, 3, generator=random) - 2,
        logit_opacities=torch.randn(rows, generator=random),
        sh=torch.randn(rows, 4, 3, generator=random),
        extra={"confidence": torch.rand(rows, generator=random)},
    )


def segmented(
    folder: Path, prepared, legend: Legend = LEGEND, likely=(0, 1, 2, 300), rows: int = ROWS, even=0.3
) -> Inputs:
    """A segmented scene: random Gaussians and scores, label maps with a box for each of `likely`, ghosts nowhere."""
    rng = np.random.default_rng(0)
    inputs = Inputs(folder / "segmentation" / "votes", folder / "scene", folder / "masks" / "consistent")
    prepared(inputs.scene, VIEWS, VIEWS[:1])
    ply = inputs.segmentation / "point_cloud.ply"
    write_ply(ply, random_gaussians(rows))
    scores = Scores.from_dense(rng.dirichlet(np.full(len(likely), even), rows), np.array(likely))
    write_scores(inputs.segmentation / "scores.npz", scores, ply)
    write_legend(inputs.segmentation / "legend.json", legend)
    (inputs.segmentation / "manifest.json").write_text("{}")
    for i, name in enumerate(VIEWS):
        labels = np.zeros((30, 40), np.uint16)
        labels[2:12, 2:22], labels[4:8, 6:14] = 1, 300
        if i == 0:
            labels[15:25, 5:35] = 2
        write_label_map(inputs.masks / f"{name}.png", labels)
    origins = dict(zip(VIEWS, ("given", "given", "rendered"), strict=True))
    (inputs.masks / "views.json").write_text(json.dumps({name: {"origin": o} for name, o in origins.items()}))
    (inputs.masks / "manifest.json").write_text("{}")
    return inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, prepared) -> Inputs:
    """Not to be changed."""
    return segmented(tmp_path_factory.mktemp("results") / "fox", prepared)


def extracted(inputs: Inputs, folder: Path, **config) -> Path:
    extract_objects.main(Config(**config), inputs, Outputs(folder))
    return folder


@pytest.fixture(scope="module")
def objects(inputs, tmp_path_factory) -> Path:
    """Results not to be changed."""
    return extracted(inputs, tmp_path_factory.mktemp("fox") / "objects")


def plates_of(folder: Path) -> dict[str, dict]:
    return {plate["path"]: plate for plate in json.loads((folder / "atlas.json").read_text())["objects"]}


def stage_of(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text())


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("min_share", [0.0, 0.5, 0.9])
def test_objects_and_rest_hold_every_gaussian_once_byte_for_byte_in_order(inputs, tmp_path, clean, min_share):
    folder = extracted(inputs, tmp_path, clean=clean, min_share=min_share)
    labels = read_labels(folder / "labels.npz", folder / "point_cloud.ply")
    source = read_vertices(inputs.segmentation / "point_cloud.ply")
    standard = [name for name in source.dtype.names if name != "confidence"]
    found = {"rest.ply": labels == 0}
    found |= {plate["ply"]: np.isin(labels, LEGEND.family(plate["id"])) for plate in plates_of(folder).values()}
    assert sum(found[name].sum() for name in ("rest.ply", "pot/gaussians.ply", "cup/gaussians.ply")) == ROWS
    for name in ("rest.ply", "pot/gaussians.ply", "pot/lid/gaussians.ply", "cup/gaussians.ply"):
        rows = read_vertices(folder / name)
        assert list(rows.dtype.names) == standard  # what every viewer expects, and nothing else
        for column in standard:
            assert rows[column].tobytes() == source[column][found[name]].tobytes()


def test_the_labelled_scene_is_the_scene_with_its_labels(objects, inputs):
    labels = read_labels(objects / "labels.npz", objects / "point_cloud.ply")
    source = read_vertices(inputs.segmentation / "point_cloud.ply")
    rows = read_vertices(objects / "point_cloud.ply")
    assert rows.dtype["label"] == np.uint16
    assert rows["label"].tolist() == labels.tolist()
    assert all(rows[name].tobytes() == source[name].tobytes() for name in source.dtype.names)
    assert set(np.unique(labels)) == {0, 1, 2, 300}
    assert read_legend(objects / "legend.json") == LEGEND
    assert read_ply(objects / "point_cloud.ply").extra["label"].dtype == torch.uint16


@pytest.mark.parametrize("antialiased", [True, False])
def test_every_ply_says_how_it_is_to_be_drawn(tmp_path, prepared, antialiased):
    inputs = segmented(tmp_path / "fox", prepared)
    ply = inputs.segmentation / "point_cloud.ply"
    write_ply(ply, read_ply(ply), ["Vertical axis: z"], antialiased=antialiased)
    scores = Scores.from_dense(np.tile([0.1, 0.9], (ROWS, 1)), np.array([0, 2]))
    write_scores(inputs.segmentation / "scores.npz", scores, ply)
    folder = extracted(inputs, tmp_path / "objects")
    for name in ("point_cloud.ply", "rest.ply", "cup/gaussians.ply"):
        assert (ANTIALIASED in header_comments(folder / name)) == antialiased
        assert "Vertical axis: z" in header_comments(folder / name)


def test_a_larger_least_share_never_adds_rows_to_an_object(inputs, tmp_path):
    labels = [
        read_labels(folder / "labels.npz", folder / "point_cloud.ply")
        for share in (0.2, 0.5, 0.8)
        for folder in [extracted(inputs, tmp_path / str(share), min_share=share, clean=False)]
    ]
    for loose, strict in zip(labels[:-1], labels[1:], strict=True):
        for entry in LEGEND.entries:
            family = LEGEND.family(entry.id)
            assert (np.isin(loose, family) | ~np.isin(strict, family)).all()
        assert (loose != strict).any()


def test_the_atlas_counts_what_the_files_hold(objects):
    atlas = json.loads((objects / "atlas.json").read_text())
    assert atlas["rest"] == len(read_vertices(objects / "rest.ply"))
    assert atlas["gaussians"] == ROWS
    for plate in atlas["objects"]:
        assert plate["count"] == (len(read_vertices(objects / plate["ply"])) if plate["ply"] else 0)
    metrics = stage_of(objects)["metrics"]
    assert metrics["objects"] == {plate["path"]: plate["count"] for plate in atlas["objects"]}
    assert metrics["rest"] + metrics["objects"]["pot"] + metrics["objects"]["cup"] == metrics["gaussians"]


def test_the_report_can_read_the_atlas(objects):
    atlas = Atlas.model_validate_json((objects / "atlas.json").read_text())
    assert [one.path for one in atlas.objects] == list(plates_of(objects))


def test_an_empty_object_is_told_and_stops_nothing(objects):
    assert stage_of(objects)["status"] == "degraded"
    assert "ghost: no view shows it" in stage_of(objects)["reason"]
    ghost = plates_of(objects)["ghost"]
    assert (ghost["status"], ghost["count"], ghost["ply"], ghost["view"]) == ("empty", 0, None, None)
    assert not (objects / "ghost").exists()


def test_an_object_that_one_view_shows_is_flagged(objects):
    cup, pot = plates_of(objects)["cup"], plates_of(objects)["pot"]
    assert (cup["status"], cup["views"], cup["view"], cup["view_box"]) == ("single-view", 1, "0001", [5, 15, 35, 25])
    assert (pot["status"], pot["views"], pot["view_box"]) == ("ok", 2, [2, 2, 22, 12])  # and one was drawn
    assert "cup: " in stage_of(objects)["reason"]
    assert "pot" not in stage_of(objects)["reason"]


def test_a_flag_alone_spoils_nothing(tmp_path, prepared):
    legend = Legend(entries=LEGEND.entries[:3])
    folder = extracted(segmented(tmp_path / "fox", prepared, legend), tmp_path / "objects")
    assert stage_of(folder)["status"] == "ok"
    assert stage_of(folder)["reason"].startswith("cup: ")


def test_a_legend_without_objects_leaves_all_to_the_rest(tmp_path, prepared):
    folder = extracted(segmented(tmp_path / "fox", prepared, Legend(), likely=(0,)), tmp_path / "objects")
    assert len(read_vertices(folder / "rest.ply")) == ROWS
    assert stage_of(folder)["status"] == "degraded"
    Image.open(folder / "atlas.jpg").load()


def test_more_than_256_objects_are_no_trouble(tmp_path, prepared):
    legend = Legend(entries=tuple(Entry(id=200 * i, name=f"thing-{i}") for i in range(1, 321)))
    inputs = segmented(tmp_path / "fox", prepared, legend, tuple(200 * i for i in range(321)), 2000, 0.002)
    folder = extracted(inputs, tmp_path / "objects", clean=False)
    labels = read_labels(folder / "labels.npz", folder / "point_cloud.ply")
    counts = {plate["id"]: plate["count"] for plate in plates_of(folder).values()}
    assert len(counts) == 320
    assert all(count == (labels == id).sum() for id, count in counts.items())
    assert len(np.unique(labels)) > 256
    assert stage_of(folder)["reason"].endswith("more in atlas.json")


def test_the_manifest_lists_all_files_as_they_are(objects):
    manifest = json.loads((objects / "manifest.json").read_text())
    files = {path.relative_to(objects).as_posix() for path in objects.rglob("*") if path.is_file()}
    assert set(manifest) == files - {"manifest.json", "stage.json"}
    assert all(sha256_of(objects / name) == digest for name, digest in manifest.items())


def test_the_same_inputs_give_the_same_bytes(inputs, objects, tmp_path):
    again = extracted(inputs, tmp_path / "objects")
    assert (again / "manifest.json").read_bytes() == (objects / "manifest.json").read_bytes()


def test_objects_that_are_no_more_leave_no_files_and_others_files_stay(tmp_path, prepared):
    inputs = segmented(tmp_path / "fox", prepared)
    folder = extracted(inputs, tmp_path / "objects")
    kept = folder / "pot" / "views" / "views.json"
    kept.parent.mkdir()
    kept.write_text("{}")
    legend = Legend(entries=(Entry(id=2, name="cup"),))
    write_legend(inputs.segmentation / "legend.json", legend)
    scores = Scores.from_dense(np.tile([0.1, 0.9], (ROWS, 1)), np.array([0, 2]))
    write_scores(inputs.segmentation / "scores.npz", scores, inputs.segmentation / "point_cloud.ply")
    extracted(inputs, folder)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("gaussians.ply")) == [
        "cup/gaussians.ply"
    ]
    assert kept.exists()
    assert not (folder / "pot" / "lid").exists()


def damaged(inputs: Inputs, how: str) -> str:
    """Spoil the inputs; returns the file that should be named."""
    source = inputs.segmentation
    match how:
        case "another ply":
            write_ply(source / "point_cloud.ply", random_gaussians(ROWS + 1))
            return str(source / "scores.npz")
        case "no scores":
            (source / "scores.npz").unlink()
            return str(source / "scores.npz")
        case "strange numbers":
            write_legend(source / "legend.json", Legend(entries=LEGEND.entries[:1]))
            return str(source / "scores.npz")
        case "no legend":
            (source / "legend.json").unlink()
            return str(source / "legend.json")
        case "no label map":
            (inputs.masks / f"{VIEWS[1]}.png").unlink()
            return str(inputs.masks / f"{VIEWS[1]}.png")
        case "small label map":
            write_label_map(inputs.masks / f"{VIEWS[1]}.png", np.zeros((3, 4), np.uint16))
            return str(inputs.masks / f"{VIEWS[1]}.png")
        case _:
            (inputs.scene / "manifest.json").unlink()
            return str(inputs.scene / "manifest.json")


@pytest.mark.parametrize(
    "how",
    ["another ply", "no scores", "strange numbers", "no legend", "no label map", "small label map", "no scene"],
)
def test_a_wrong_input_is_one_message_and_nothing_is_written(tmp_path, prepared, how):
    inputs = segmented(tmp_path / "fox", prepared)
    named = damaged(inputs, how)
    with pytest.raises(InputError) as error:
        extracted(inputs, tmp_path / "objects")
    (problem,) = error.value.problems
    assert named in problem.where
    assert [path.name for path in (tmp_path / "objects").iterdir()] == ["stage.json"]
    assert stage_of(tmp_path / "objects")["status"] == "failed"


def test_the_script_does_the_same(inputs, objects, tmp_path):
    words = ["--segmentation", inputs.segmentation, "--scene", inputs.scene, "--masks", inputs.masks]
    words += ["--output", tmp_path / "objects", "--config", '{"min_share": 0.5}']
    answer = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "objects" / "manifest.json").read_bytes() == (objects / "manifest.json").read_bytes()
    assert "cup: " in answer.stdout
