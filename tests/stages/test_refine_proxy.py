"""Stage refine_proxy: complete, the same every time, colours nearer to the photos, and failures that are told."""

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
from splatsmith.base.outcome import Outcome, read_outcome, write_outcome
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.render import render_view
from splatsmith.report.colours import as_bytes
from splatsmith.scenes.label_maps import Entry, Legend, write_label_map, write_legend
from splatsmith.scenes.prepared import read_prepared, write_prepared
from splatsmith.stages import refine_proxy

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "0005", "last"]
HELD_OUT = NAMES[3:5]
SCRIPT = Path(refine_proxy.__file__).parents[3] / "workflow" / "scripts" / "refine_proxy.py"
LEGEND = Legend(entries=(Entry(id=1, name="ball"), Entry(id=2, name="ghost"), Entry(id=3, name="spot", parent=1)))


def ball(rgb: tuple[float, float, float]) -> Gaussians:
    """An opaque sphere of radius 0.5 around the origin."""
    z, turn = torch.linspace(-0.99, 0.99, 200), 2.4 * torch.arange(200)  # the golden angle spreads them evenly
    return Gaussians(
        means=0.5 * torch.stack([(1 - z**2).sqrt() * turn.cos(), (1 - z**2).sqrt() * turn.sin(), z], dim=1),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(200, 1),
        log_scales=torch.full((200, 3), -2.4),
        logit_opacities=torch.full((200,), 4.0),
        sh=rgb_to_dc(torch.tensor(rgb)).repeat(200, 1)[:, None],
    )


GREEN, GREY = ball((0.2, 0.6, 0.3)), ball((0.5, 0.5, 0.5))


def write_photos(folder: Path, masks: Path) -> None:
    """Photos of a green ball on grey, with its masks."""
    scene = read_prepared(folder)
    for view in scene.views:
        drawn = render_view(GREEN, view.camera, view.T_camera_world)
        photo = as_bytes((drawn.image + 0.5 * (1 - drawn.alpha[..., None])).numpy())
        Image.fromarray(photo).save(view.image)
        write_label_map(masks / f"{view.name}.png", (drawn.alpha.numpy() > 0.5).astype(np.int64))
    write_prepared(folder, scene, {})


@pytest.fixture
def results(tmp_path, prepared, one_thread):
    """Results of a scene in a path with a space, up to an aligned proxy in a wrong colour."""
    folder = tmp_path / "my scene"
    masks, objects, aligned = folder / "masks", folder / "objects", folder / "completion" / "ball" / "aligned"
    write_photos(prepared(folder / "scene", NAMES, HELD_OUT), masks)
    write_manifest(masks, [])
    write_ply(objects / "point_cloud.ply", replace(GREEN, extra={"label": torch.ones(200, dtype=torch.uint16)}))
    write_legend(objects / "legend.json", LEGEND)
    write_manifest(objects, [])
    write_ply(aligned / "aligned.ply", replace(GREY, extra={"provenance": torch.zeros(200, dtype=torch.uint8)}))
    write_outcome(aligned, Outcome())
    return folder


def refine(results: Path, name: str = "ball", threads: int = 1, **config) -> Path:
    """Refine as the workflow would; returns the folder."""
    places = (results / "scene", results / "masks", results / "objects")
    inputs = refine_proxy.Inputs(*places, name, results / "completion" / "ball" / "aligned")
    outputs = refine_proxy.Outputs(results / "completion" / name / "refined")
    refine_proxy.main(refine_proxy.Config(backend="cpu", **{"steps": 12} | config), inputs, outputs, threads=threads)
    return outputs.folder


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(results):
    folder = refine(results)
    listed = read(folder, "manifest.json")
    assert set(listed) == {"refined.ply", "contact.jpg", "metrics.json", "outcome.json"}
    assert {name: sha256_of(folder / name) for name in listed} == listed
    assert {path.name for path in folder.iterdir()} == {*listed, "manifest.json", "stage.json"}
    assert Image.open(folder / "contact.jpg").width > 100
    stage = read(folder, "stage.json")
    assert (stage["status"], stage["backend"], stage["seed"]) == ("ok", "cpu", 0)
    assert read_outcome(folder) == Outcome()


def test_colours_come_nearer_to_the_photos_and_nothing_else_changes(results):
    folder = refine(results, steps=240)
    before = read_ply(results / "completion" / "ball" / "aligned" / "aligned.ply")
    after = read_ply(folder / "refined.ply")
    for name in before.columns.keys() - {"sh"}:
        assert after.columns[name].numpy().tobytes() == before.columns[name].numpy().tobytes(), name
    metrics = read(folder, "metrics.json")
    assert metrics["psnr_db"]["after"] > metrics["psnr_db"]["before"] + 12
    counts = metrics["gaussians"]
    assert counts["all"] == 200 == counts["observed"] + counts["carried"]
    # all of one colour, so what is carried is the truth as well
    assert (after.sh[:, 0] - GREEN.sh[:, 0]).abs().mean() < 0.15


def test_only_photos_that_are_not_held_out_are_looked_at(results):
    told = refine(results)
    assert set(read(told, "metrics.json")["views"]) == set(NAMES) - set(HELD_OUT)
    digest = sha256_of(told / "refined.ply")
    scene = read_prepared(results / "scene")
    for view in scene.test_views:
        Image.new("RGB", (view.camera.width, view.camera.height), "red").save(view.image)
        (results / "masks" / f"{view.name}.png").unlink()
    write_prepared(results / "scene", scene, {})
    assert sha256_of(refine(results) / "refined.ply") == digest


def test_the_same_bytes_on_any_number_of_threads(results):
    listed = read(refine(results, threads=1), "manifest.json")
    assert listed == read(refine(results, threads=3), "manifest.json")


def test_inputs_are_left_as_they_are(results):
    inputs = [path for path in results.rglob("*") if path.is_file()]
    before = [sha256_of(path) for path in inputs]
    refine(results)
    assert [sha256_of(path) for path in inputs] == before


def test_what_failed_before_fails_here_and_leaves_nothing_else(results):
    refine(results)
    write_outcome(results / "completion" / "ball" / "aligned", Outcome(status="failed", reason="no pose"))
    (results / "completion" / "ball" / "aligned" / "aligned.ply").unlink()
    folder = refine(results)
    assert read_outcome(folder) == Outcome(status="failed", reason="align_proxy: no pose")
    assert {path.name for path in folder.iterdir()} == {"outcome.json", "manifest.json", "stage.json"}


def test_a_doubtful_pose_stays_doubtful(results):
    write_outcome(results / "completion" / "ball" / "aligned", Outcome(status="ambiguous", reason="round"))
    assert read_outcome(refine(results)) == Outcome(status="ambiguous", reason="align_proxy: round")


@pytest.mark.parametrize(
    ("name", "shift", "words"), [("ghost", 0, "no photo shows it"), ("ball", 9, "no photo shows any of the aligned")]
)
def test_an_object_that_no_photo_shows_is_told(results, name, shift, words):
    moved = replace(GREY, means=GREY.means + shift, extra={"provenance": torch.zeros(200, dtype=torch.uint8)})
    write_ply(results / "completion" / "ball" / "aligned" / "aligned.ply", moved)
    folder = refine(results, name)
    assert read_outcome(folder).status == "failed"
    assert words in read_outcome(folder).reason


@pytest.mark.parametrize("path", ["scene/manifest.json", "masks/0001.png", "completion/ball/aligned/aligned.ply"])
def test_a_missing_input_is_named_and_leaves_no_manifest(results, path):
    refine(results)
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        refine(results)
    assert str(results / path) in str(error.value)
    assert not (results / "completion" / "ball" / "refined" / "manifest.json").exists()


def test_a_ply_that_is_no_proxy_is_refused(results):
    write_ply(results / "completion" / "ball" / "aligned" / "aligned.ply", GREY)
    with pytest.raises(InputError, match="a column `provenance`"):
        refine(results)


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(results):
    places = [f"--{name}={results / name}" for name in ("scene", "masks", "objects")]
    words = [*places, "--object=ball", f"--aligned={results / 'completion' / 'ball' / 'aligned'}"]
    words += [f"--output={results / 'out'}", '--config={"backend": "cpu", "steps": 12}', "--threads=1"]
    answer = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "refine my scene: ball: ok" in answer.stdout
    assert read(results / "out", "manifest.json") == read(refine(results), "manifest.json")
