"""Stage compose_scene: complete, the same every time; what is not completed keeps its bytes, failures are told."""

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
from splatsmith.base.manifest import write_manifest
from splatsmith.base.outcome import Outcome, write_outcome
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat, select
from splatsmith.gaussians.ply import header_comments, read_ply, write_ply
from splatsmith.render import render_view
from splatsmith.scenes.label_maps import Entry, Legend, write_label_map, write_legend
from splatsmith.scenes.prepared import read_prepared
from splatsmith.stages import compose_scene

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "last"]
HELD_OUT = NAMES[3:4]
SCRIPT = Path(compose_scene.__file__).parents[3] / "workflow" / "scripts" / "compose_scene.py"
LEGEND = Legend(entries=(Entry(id=1, name="left"), Entry(id=2, name="right"), Entry(id=3, name="top", parent=1)))


def ball(x: float, label: int, n: int = 120, degree: int = 1) -> Gaussians:
    """An opaque sphere of radius 0.3 around (x, 0, 0)."""
    z, turn = torch.linspace(-0.99, 0.99, n), 2.4 * torch.arange(n)  # the golden angle spreads them evenly
    unit = torch.stack([(1 - z**2).sqrt() * turn.cos(), (1 - z**2).sqrt() * turn.sin(), z], dim=1)
    return Gaussians(
        means=0.3 * unit + torch.tensor([x, 0.0, 0.0]),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), -3.0),
        logit_opacities=torch.full((n,), 4.0),
        sh=0.4 * torch.randn(n, (degree + 1) ** 2, 3, generator=torch.Generator().manual_seed(n)),
        extra={"label": torch.full((n,), label, dtype=torch.uint16)},
    )


def scene() -> Gaussians:
    """Two balls, a part on one of them, a leftover within it, and some of the rest around."""
    few = select(ball(0.0, 0), torch.arange(3))
    dust = replace(few, means=torch.tensor([[-0.5, 0, 0], [0.0, 0, 0.6], [0.0, 0, -0.6]]))
    top = replace(select(ball(-0.5, 3), torch.arange(2)), means=torch.tensor([[-0.5, 0, 0.33], [-0.5, 0, 0.35]]))
    return concat([dust, ball(-0.5, 1), top, ball(0.5, 2)])


def proxy(x: float, n: int) -> Gaussians:
    return replace(ball(x, 0, n, degree=0), extra={"provenance": torch.full((n,), 2, dtype=torch.uint8)})


@pytest.fixture
def results(tmp_path, prepared, one_thread):
    """Results of a scene in a path with a space, with both objects refined."""
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, HELD_OUT)
    for view in read_prepared(folder / "scene").views:
        shown = [render_view(ball(x, 0), view.camera, view.T_camera_world).alpha.numpy() > 0.5 for x in (-0.5, 0.5)]
        write_label_map(folder / "masks" / f"{view.name}.png", np.where(shown[0], 1, 2 * shown[1]))
    write_manifest(folder / "masks", [])
    write_ply(folder / "objects" / "point_cloud.ply", scene(), ["Vertical axis: z"], antialiased=True)
    write_legend(folder / "objects" / "legend.json", LEGEND)
    write_manifest(folder / "objects", [])
    for name, new in (("left", proxy(-0.5, 150)), ("right", proxy(0.5, 130))):
        refined = folder / "completion" / name / "refined"
        write_ply(refined / "refined.ply", new)
        write_outcome(refined, Outcome())
    return folder


def fail(results: Path, name: str) -> None:
    refined = results / "completion" / name / "refined"
    (refined / "refined.ply").unlink()
    write_outcome(refined, Outcome(status="failed", reason="align_proxy: no pose"))


def compose(results: Path, *names: str, threads: int = 1) -> Path:
    """Compose as the workflow would; returns the folder."""
    refined = tuple(results / "completion" / name / "refined" for name in names)
    inputs = compose_scene.Inputs(results / "scene", results / "masks", results / "objects", refined)
    outputs = compose_scene.Outputs(results / "composed")
    compose_scene.main(compose_scene.Config(backend="cpu"), inputs, outputs, threads=threads)
    return outputs.folder


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def same(a: Gaussians, b: Gaussians) -> None:
    """Fails unless every column of `b` is in `a` with the same bytes."""
    for name, column in b.columns.items():
        assert a.columns[name].numpy().tobytes() == column.numpy().tobytes(), name


def test_everything_is_there_and_in_the_manifest(results):
    folder = compose(results, "left", "right")
    listed = read(folder, "manifest.json")
    assert set(listed) == {"point_cloud.ply", "legend.json", "contact.jpg", "metrics.json"}
    assert {name: sha256_of(folder / name) for name in listed} == listed
    assert {path.name for path in folder.iterdir()} == {*listed, "manifest.json", "stage.json"}
    assert (folder / "legend.json").read_bytes() == (results / "objects" / "legend.json").read_bytes()
    assert Image.open(folder / "contact.jpg").width > 80
    stage = read(folder, "stage.json")
    assert (stage["status"], stage["backend"], stage["metrics"]["completed"]) == ("ok", "cpu", 2)


@pytest.mark.parametrize("names", [(), ("left", "right")], ids=["none given", "all failed"])
def test_with_nothing_completed_the_scene_stays_as_it_was(results, names):
    for name in names:
        fail(results, name)
    folder = compose(results, *names)
    after, source = read_ply(folder / "point_cloud.ply"), results / "objects" / "point_cloud.ply"
    same(after, read_ply(source))
    assert (after.extra["provenance"] == 1).all()
    assert header_comments(folder / "point_cloud.ply") == header_comments(source)
    metrics = read(folder, "metrics.json")
    assert metrics["psnr_db"]["before"] == metrics["psnr_db"]["after"]
    assert set(metrics["objects"]) == set(names)


def test_a_failed_object_stays_and_is_told(results):
    fail(results, "left")
    folder = compose(results, "left", "right")
    after, before = read_ply(folder / "point_cloud.ply"), scene()
    kept = before.extra["label"].long() != 2
    same(select(after, slice(0, int(kept.sum()))), select(before, kept))
    assert len(after) == int(kept.sum()) + 130
    told = read(folder, "metrics.json")["objects"]
    assert (told["left"]["status"], told["left"]["reason"]) == ("failed", "align_proxy: no pose")
    assert told["left"]["gaussians"] == {"before": 122, "after": 122}
    assert told["right"]["gaussians"] == {"before": 120, "after": 130}
    stage = read(folder, "stage.json")
    assert (stage["status"], stage["reason"]) == ("degraded", "left stays as it was: align_proxy: no pose")


def test_an_object_is_replaced_with_its_parts_and_its_leftovers(results):
    folder = compose(results, "left")
    after, before = read_ply(folder / "point_cloud.ply"), scene()
    kept = torch.isin(before.extra["label"].long(), torch.tensor([0, 2]))
    kept[0] = False  # the one in the ball
    same(select(after, slice(0, int(kept.sum()))), select(before, kept))
    added = select(after, slice(int(kept.sum()), None))
    new = proxy(-0.5, 150)
    assert torch.equal(added.means, new.means)
    assert torch.equal(added.sh[:, :1], new.sh)
    assert set(added.extra["label"].tolist()) == {1}
    assert set(added.extra["provenance"].tolist()) == {2}
    told = read(folder, "metrics.json")["objects"]["left"]
    assert told["leftovers_removed"] == 1
    assert told["gaussians"] == {"before": 122, "after": 150}


def test_the_order_of_the_folders_is_of_no_consequence(results):
    listed = read(compose(results, "left", "right"), "manifest.json")
    assert listed == read(compose(results, "right", "left"), "manifest.json")


def test_the_same_bytes_on_any_number_of_threads(results):
    listed = read(compose(results, "left", threads=1), "manifest.json")
    assert listed == read(compose(results, "left", threads=3), "manifest.json")


def test_figures_are_those_of_the_photos_that_are_not_held_out(results):
    metrics = read(compose(results, "left"), "metrics.json")
    assert set(metrics["views"]) == set(NAMES) - set(HELD_OUT)
    for when in ("before", "after"):
        mean = np.mean([view[when] for view in metrics["views"].values()])
        assert metrics["psnr_db"][when] == pytest.approx(mean, abs=2e-3)
    own = metrics["objects"]["left"]["psnr_db"]
    assert own["before"] != own["after"]


def test_inputs_are_left_as_they_are(results):
    inputs = [path for path in results.rglob("*") if path.is_file()]
    before = [sha256_of(path) for path in inputs]
    compose(results, "left", "right")
    assert [sha256_of(path) for path in inputs] == before


@pytest.mark.parametrize(
    "path",
    [
        "scene/manifest.json",
        "masks/0001.png",
        "objects/point_cloud.ply",
        "objects/legend.json",
        "completion/left/refined/outcome.json",
        "completion/left/refined/refined.ply",
    ],
)
def test_a_missing_input_is_named_and_leaves_no_manifest(results, path):
    compose(results, "left")
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        compose(results, "left")
    assert str(results / path) in str(error.value)
    assert not (results / "composed" / "manifest.json").exists()


def test_an_object_that_was_never_found_stops_no_other(results):
    lost = results / "completion" / "middle" / "refined"
    lost.mkdir(parents=True)
    write_outcome(lost, Outcome(status="failed", reason="no mask shows it"))
    compose(results, "left", "middle")
    told = json.loads((results / "composed" / "metrics.json").read_text())["objects"]
    assert list(told) == ["left", "middle"]
    assert told["middle"]["gaussians"] == {"before": 0, "after": 0}
    assert told["left"]["status"] == "ok"


def test_a_ply_without_its_column_is_refused(results):
    write_ply(results / "completion" / "left" / "refined" / "refined.ply", ball(-0.5, 1))
    with pytest.raises(InputError, match="a column `provenance`"):
        compose(results, "left")


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(results):
    words = [f"--{name}={results / name}" for name in ("scene", "masks", "objects")]
    words += ["--refined", *(str(results / "completion" / name / "refined") for name in ("left", "right"))]
    words += [f"--output={results / 'out'}", '--config={"backend": "cpu"}', "--threads=1"]
    answer = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "compose my scene: 2 of 2 objects completed" in answer.stdout
    assert read(results / "out", "manifest.json") == read(compose(results, "left", "right"), "manifest.json")
