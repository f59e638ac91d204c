"""Stage edit_scene: complete, stackable, the same every time, and clear where the labels do not allow an edit."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.base.typed import typed
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.scenes.edits import PlainEdit
from splatsmith.scenes.label_maps import Entry, Legend, write_legend
from splatsmith.stages import edit_scene

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "last"]
SCRIPT = Path(edit_scene.__file__).parents[3] / "workflow" / "scripts" / "edit_scene.py"
LEGEND = Legend(entries=(Entry(id=1, name="ball"), Entry(id=2, name="cloud"), Entry(id=3, name="core", parent=1)))


def blobs() -> Gaussians:
    """A large opaque shell (label 1) that hides a core (3), and a loose cloud (2) and some of the rest (0) around."""
    random = torch.Generator().manual_seed(0)
    z, turn = torch.linspace(-0.995, 0.995, 300), 2.4 * torch.arange(300)  # the golden angle spreads them evenly
    shell = 0.5 * torch.stack([(1 - z**2).sqrt() * turn.cos(), (1 - z**2).sqrt() * turn.sin(), z], dim=1)
    core, cloud = (spread * torch.randn(20, 3, generator=random) for spread in (0.05, 0.1))
    means = torch.cat([shell, core, cloud + torch.tensor([0.0, 0.0, 0.8]), cloud - torch.tensor([0.0, 0.0, 0.8])])
    n = len(means)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.cat([torch.full((300, 3), -2.5), torch.full((60, 3), -3.0)]),
        logit_opacities=torch.full((n,), 4.0),
        sh=0.5 * torch.randn(n, 4, 3, generator=random),
        extra={"label": torch.tensor([1] * 300 + [3] * 20 + [2] * 20 + [0] * 20, dtype=torch.uint16)},
    )


def edit(results: Path, after: str | None = None, threads: int = 1, **words) -> Path:
    """Do an edit as the workflow would; returns its folder."""
    entry = {"name": "e", "target": "ball", "method": "remove"} | words | ({"after": after} if after else {})
    base = results / "edits" / after if after else results / "objects"
    inputs = edit_scene.Inputs(
        typed(PlainEdit, entry, "edit"),
        results / "scene",
        base / "point_cloud.ply",
        results / "objects" / "legend.json",
    )
    outputs = edit_scene.Outputs(results / "edits" / entry["name"])
    edit_scene.main(edit_scene.Config(backend="cpu"), inputs, outputs, threads=threads)
    return outputs.folder


@pytest.fixture
def results(tmp_path, prepared):
    """Results of a scene in a path with a space, up to its objects."""
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, NAMES[1:3])
    write_ply(folder / "objects" / "point_cloud.ply", blobs())
    write_legend(folder / "objects" / "legend.json", LEGEND)
    return folder


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def rows_equal(after: Gaussians, before: Gaussians) -> None:
    for name, column in before.columns.items():
        assert after.columns[name].numpy().tobytes() == column.numpy().tobytes(), name


@pytest.mark.parametrize(
    ("words", "unseen"),
    [
        ({"method": "remove"}, True),
        ({"method": "move", "translate": [0, 0.5, 0]}, True),
        ({"method": "swap", "with": "cloud"}, True),
        ({"method": "recolour", "color": "purple"}, False),
        ({"method": "keep-only"}, False),
        ({"method": "duplicate", "scale": 0.5}, False),
    ],
    ids=lambda value: value["method"] if isinstance(value, dict) else "",
)
def test_everything_is_there_and_in_the_manifest(results, words, unseen):
    folder = edit(results, **words)
    listed = read(folder, "manifest.json")
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written - {"manifest.json", "stage.json"} == set(listed)
    assert {name: sha256_of(folder / name) for name in listed} == listed
    masks = {f"unseen/{name}.png" for name in NAMES} if unseen else set()
    assert set(listed) == {"point_cloud.ply", "contact.jpg", "metrics.json", "outcome.json"} | masks
    for name in masks:
        mask = np.asarray(Image.open(folder / name))
        assert mask.shape == (30, 40)
        assert set(np.unique(mask)) <= {0, 255}
    stage, metrics = read(folder, "stage.json"), read(folder, "metrics.json")
    assert (stage["status"], stage["backend"], metrics["edit"]["method"]) == ("ok", "cpu", words["method"])
    assert set(metrics["unseen_share"]) == (set(NAMES) if unseen else set())
    assert list(read_ply(folder / "point_cloud.ply").extra) == ["label", "observed"]


def test_what_is_left_keeps_its_bytes(results):
    before = blobs()
    after = read_ply(edit(results) / "point_cloud.ply")
    rows_equal(after, select(before, torch.tensor([label in (0, 2) for label in before.extra["label"].tolist()])))


def test_counts_are_those_of_the_edit(results):
    got = read(edit(results, method="duplicate", target="cloud", translate=[1, 0, 0]), "metrics.json")["gaussians"]
    assert got == {"target": 20, "before": 360, "changed": 0, "removed": 0, "added": 20, "after": 380}
    got = read(edit(results, method="recolour", color="red"), "metrics.json")["gaussians"]
    assert got == {"target": 320, "before": 360, "changed": 320, "removed": 0, "added": 0, "after": 360}
    got = read(edit(results, method="extract", target="ball/core"), "metrics.json")["gaussians"]
    assert got == {"target": 20, "before": 360, "changed": 0, "removed": 340, "added": 0, "after": 20}


def test_what_was_hidden_is_marked_and_shows_as_unseen(results):
    folder = edit(results, method="move", target="cloud", translate=[0, 0, 5])
    after = read_ply(folder / "point_cloud.ply")
    core = after.extra["label"].int() == 3
    assert not after.extra["observed"][core].any()
    cloud = after.extra["label"].int() == 2  # out of sight now, but this is not where it was photographed
    assert after.extra["observed"][cloud].float().mean() > 0.5
    shares = read(edit(results), "metrics.json")["unseen_share"]
    for name in NAMES:
        mask = np.asarray(Image.open(results / "edits" / "e" / "unseen" / f"{name}.png")) > 0
        assert shares[name] == pytest.approx(mask.mean(), abs=1e-6)
        assert mask[13:17, 18:22].all()  # nothing is behind the ball
        assert not mask[:2].any()


def test_an_edit_after_another_begins_with_its_result(results):
    edit(results, name="first", method="move", target="cloud", translate=[0, 0, 0.5])
    second = read_ply(edit(results, after="first", name="second") / "point_cloud.ply")
    first = read_ply(results / "edits" / "first" / "point_cloud.ply")
    rows_equal(second, select(first, torch.isin(first.extra["label"].int(), torch.tensor([0, 2]))))


def test_what_photos_show_is_known_to_the_end_of_a_chain(results):
    edit(results, name="first", target="ball", method="move", translate=[0, 0, 9])
    core = read_ply(
        edit(results, name="second", after="first", target="ball/core", method="extract") / "point_cloud.ply"
    )
    assert len(core) == 20
    assert not core.extra["observed"].any()


def test_a_change_is_local(results):
    told = read(edit(results, method="recolour", color="lime"), "metrics.json")["locality"]
    assert set(told["views"]) == set(NAMES)
    assert told["mean"]["object_share"] > 0.05
    assert told["mean"]["changed_inside"] > 0.99
    assert told["mean"]["changed_outside"] < 0.2  # the rims of the Gaussians, in so small a picture
    for key, value in told["mean"].items():
        assert value == pytest.approx(np.mean([view[key] for view in told["views"].values()]), abs=1e-5)


def test_masks_of_an_earlier_edit_of_the_name_are_removed(results):
    folder = edit(results)
    (folder / "unseen" / "gone.png").write_bytes(b"")
    edit(results)
    assert sorted(path.stem for path in (folder / "unseen").iterdir()) == sorted(NAMES)
    edit(results, method="extract")
    assert not (folder / "unseen").exists()


def test_a_gap_with_nothing_around_stays_open_and_that_is_told(results):
    """What is removed hangs in the air: there is no surface to go on with."""
    write_ply(results / "objects" / "point_cloud.ply", select(blobs(), slice(0, 320)))
    stage = read(edit(results, fill=True), "stage.json")
    assert stage["status"] == "degraded"
    assert "stays open" in stage["reason"]


def test_a_gap_in_a_wall_is_closed(results):
    """The ball stands in a hole of a wall x = 0, which all views see from some side."""
    grid = torch.cartesian_prod(torch.zeros(1), torch.arange(-1.5, 1.5, 0.1), torch.arange(-1.5, 1.5, 0.1))
    wall = select(blobs(), torch.zeros(len(grid), dtype=torch.int64))
    wall = replace(wall, means=grid, extra={"label": torch.zeros(len(grid), dtype=torch.uint16)})
    wall = select(wall, grid.norm(dim=1) > 0.5)
    ball = select(blobs(), slice(0, 300))
    both = {name: torch.cat([column, wall.columns[name]]) for name, column in ball.columns.items()}
    write_ply(results / "objects" / "point_cloud.ply", Gaussians(**both | {"extra": {"label": both.pop("label")}}))
    folder = edit(results, fill=True)
    counts, after = read(folder, "metrics.json")["gaussians"], read_ply(folder / "point_cloud.ply")
    assert counts["added"] > 50
    assert counts["after"] == len(wall) + counts["added"] == len(after)
    rows_equal(select(after, slice(0, len(wall))), wall)
    discs = select(after, slice(len(wall), None))
    assert not discs.extra["observed"].any()
    assert discs.means[:, 0].abs().max() < 0.15


def test_the_same_bytes_on_any_number_of_threads(results):
    listed = read(edit(results, threads=1, fill=True), "manifest.json")
    assert listed == read(edit(results, threads=3, fill=True), "manifest.json")


def test_inputs_are_left_as_they_are(results):
    inputs = [path for path in results.rglob("*") if path.is_file()]
    before = [sha256_of(path) for path in inputs]
    edit(results)
    assert [sha256_of(path) for path in inputs] == before


@pytest.mark.parametrize("path", ["scene/manifest.json", "objects/point_cloud.ply", "objects/legend.json"])
def test_a_missing_input_is_named_and_leaves_no_manifest(results, path):
    edit(results)
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        edit(results)
    assert str(results / path) in str(error.value)
    assert not (results / "edits" / "e" / "manifest.json").exists()
    assert read(results / "edits" / "e", "stage.json")["status"] == "failed"


@pytest.mark.parametrize(
    ("target", "words"),
    [("pot", "the scene was segmented without this target"), ("cloud", "no Gaussian belongs to the edit's target")],
)
def test_an_object_that_was_not_found_fails_its_own_edit(results, target, words):
    without = select(blobs(), torch.tensor([label != 2 for label in blobs().extra["label"].tolist()]))
    write_ply(results / "objects" / "point_cloud.ply", without)
    edit(results)
    folder = edit(results, target=target)
    assert words in read(folder, "stage.json")["reason"]
    assert read(folder, "outcome.json")["status"] == "failed"
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "outcome.json", "stage.json"}
    follower = edit(results, name="next", after="e")
    assert words in read(follower, "outcome.json")["reason"]
    assert read(follower, "outcome.json")["reason"].startswith("edit e: ")


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(results):
    entry = {"name": "e", "target": "ball", "method": "recolour", "color": "red"}
    words = ["--edit", json.dumps(entry), "--scene", results / "scene"]
    words += ["--gaussians", results / "objects/point_cloud.ply", "--legend", results / "objects/legend.json"]
    words += ["--output", results / "edits" / "e", "--config", '{"backend": "cpu"}', "--threads", "1"]
    answer = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "edit my scene: e: recolour ball: 360 Gaussians -> 360 (320 changed)" in answer.stdout
    assert read(results / "edits" / "e", "manifest.json") == read(edit(results, **entry), "manifest.json")


def test_the_script_refuses_what_it_does_not_do(tmp_path):
    words = ["--scene", "s", "--gaussians", "g.ply", "--legend", "l.json", "--output", str(tmp_path / "o")]
    entry = '{"name": "e", "target": "ball", "method": "slamp", "prompt": "x"}'
    answer = subprocess.run([sys.executable, SCRIPT, "--edit", entry, *words], capture_output=True, text=True)
    assert answer.returncode == 1
    assert "--edit: method" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "o").exists()
