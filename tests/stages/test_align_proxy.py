"""Stage align_proxy: complete, honest about how it went, and a person's word counts."""

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
from splatsmith.base.files import sha256_of, write_json, write_text
from splatsmith.base.outcome import Outcome, read_outcome, write_outcome
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.gaussians.transforms import affine
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.label_maps import Entry, Legend, write_label_map, write_legend
from splatsmith.scenes.pictures import write_png
from splatsmith.scenes.prepared import read_prepared
from splatsmith.stages import align_proxy

SCRIPT = Path(align_proxy.__file__).parents[3] / "workflow" / "scripts" / "align_proxy.py"
NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "last"]
T_WORLD_PROXY = np.array([[0.0, -0.5, 0, 0.1], [0.5, 0, 0, 0], [0, 0, 0.5, 0.2], [0, 0, 0, 1]])


def thing(each: int = 400) -> Gaussians:
    """Two opaque shells of different colours."""
    z, turn = torch.linspace(-0.99, 0.99, each), 2.4 * torch.arange(each)  # the golden angle spreads them evenly
    ball = torch.stack([(1 - z**2).sqrt() * turn.cos(), (1 - z**2).sqrt() * turn.sin(), z], dim=1)
    one = Gaussians(
        means=ball * torch.tensor([0.5, 0.2, 0.2]),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(each, 1),
        log_scales=torch.full((each, 3), -3.8),
        logit_opacities=torch.full((each,), 4.0),
        sh=torch.full((each, 1, 3), -1.0),
        extra={"provenance": torch.zeros(each, dtype=torch.uint8)},
    )
    other = replace(one, means=ball * 0.2 + torch.tensor([0.4, 0.1, 0.3]), sh=torch.full((each, 1, 3), 1.0))
    return concat([one, other])


@pytest.fixture
def results(tmp_path, prepared):
    """Results of a scene in a path with a space, up to the truncated proxy, which stands in the scene already."""
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, NAMES[4:], width=80)
    scene, true = read_prepared(folder / "scene"), thing()
    for view in scene.views:
        camera = Camera(320, 240, *(4 * getattr(view.camera, name) for name in ("fx", "fy", "cx", "cy")))
        drawn = render_view(true, camera, view.T_camera_world)  # large, since rims are about a pixel wide
        rgb, alpha = drawn.image.clamp(0, 1).numpy()[2::4, 2::4], drawn.alpha.numpy()[2::4, 2::4]
        write_png(view.image, (255 * rgb).astype(np.uint8))
        write_label_map(folder / "masks" / "consistent" / f"{view.name}.png", (alpha >= 0.5) * 1)
    labelled = replace(true, extra={"label": torch.ones(len(true), dtype=torch.uint16)})
    write_ply(folder / "objects" / "point_cloud.ply", labelled)
    entries = (Entry(id=1, name="thing"), Entry(id=2, name="ghost"))
    write_legend(folder / "objects" / "legend.json", Legend(entries=entries))
    place = folder / "completion" / "thing"
    write_outcome(place / "views", Outcome())
    write_json(place / "views" / "views.json", {"views": [{"rank": 1, "name": NAMES[1]}]})
    given(folder, true, kind="visual_hull_sym", aligned=True)
    return folder


def given(results: Path, proxy: Gaussians, **told) -> None:
    """A truncated proxy."""
    place = results / "completion" / "thing" / "truncated"
    write_ply(place / "truncated.ply", proxy)
    write_json(place / "proxy.json", {"kind": "user", "aligned": False, "up": None} | told)
    write_outcome(place, Outcome())


def align(results: Path, object: str = "thing", override: str | None = None, threads: int = 1, **words) -> Path:
    """Run the stage; returns its folder."""
    place, file = results / "completion" / "thing", None
    if override is not None:
        file = results / "pose_override.yml"
        write_text(file, override)
    folders = [results / "scene", results / "masks" / "consistent", results / "objects"]
    inputs = align_proxy.Inputs(*folders, object, place / "views", place / "truncated", file)
    config = align_proxy.Config(backend="cpu", **words)
    align_proxy.main(config, inputs, align_proxy.Outputs(place / "aligned"), threads=threads)
    return place / "aligned"


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(results):
    folder = align(results)
    listed = read(folder, "manifest.json")
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written - {"manifest.json", "stage.json"} == set(listed)
    assert {name: sha256_of(folder / name) for name in listed} == listed
    assert {"aligned.ply", "pose.json", "contact.jpg", "outcome.json"} <= set(listed)
    pose, stage, outcome = read(folder, "pose.json"), read(folder, "stage.json"), read_outcome(folder)
    assert (outcome.status, outcome.reason) == (pose["status"], pose["reason"]) == (stage["status"], stage["reason"])
    assert outcome.status in ("ok", "degraded")
    assert {gate["name"] for gate in pose["gates"]} >= {"overlap", "explained", "free", "anisotropy"}
    assert {"T_world_proxy", "rotation", "scales", "translation", "ambiguity_gap", "symmetry"} <= set(pose)
    assert Image.open(folder / "contact.jpg").width > 100


def test_a_hull_is_verified_and_not_moved(results):
    folder = align(results, matcher="none")
    assert np.abs(np.array(read(folder, "pose.json")["T_world_proxy"]) - np.eye(4)).max() < 1e-6
    assert "was made where it stands" in read(folder, "pose.json")["aligner"]


def test_the_aligned_proxy_is_the_proxy_at_the_pose_with_all_columns(results):
    given(results, affine(thing(), np.linalg.inv(T_WORLD_PROXY)))
    folder = align(results, override=f"T_world_proxy: {T_WORLD_PROXY.tolist()}\n", matcher="none")
    after = read_ply(folder / "aligned.ply")
    assert list(after.extra) == ["provenance"]
    assert np.allclose(after.means, thing().means, atol=1e-5)


def test_a_locked_pose_is_kept_and_another_only_begins_with_it(results):
    given(results, affine(thing(), np.linalg.inv(T_WORLD_PROXY)))
    near = T_WORLD_PROXY + 0.06 * np.eye(4, k=3)
    kept = read(align(results, override=f"T_world_proxy: {near.tolist()}\n"), "pose.json")
    assert np.allclose(kept["T_world_proxy"], near)
    assert kept["aligner"] == "override, locked"
    moved = read(align(results, override=f"T_world_proxy: {near.tolist()}\nlocked: false\n"), "pose.json")
    assert not np.allclose(moved["T_world_proxy"], near, atol=0.01)
    away = [np.abs(np.array(one["T_world_proxy"]) - T_WORLD_PROXY)[:, 3].max() for one in (moved, kept)]
    assert away[0] < 0.6 * away[1]


def test_a_wrong_pose_that_was_given_is_degraded_and_never_failed(results):
    folder = align(results, override="translation: [9, 9, 9]\n")
    assert read_outcome(folder).status == "degraded"
    assert (folder / "aligned.ply").exists()


def test_scorp_without_matches_fails_with_the_reason(results):
    given(results, thing())
    folder = align(results, aligner="scorp", matcher="none")
    assert read_outcome(folder) == Outcome(status="failed", reason="the aligner scorp needs a matcher")
    assert {path.name for path in folder.iterdir()} == {"outcome.json", "manifest.json", "stage.json"}
    blank = replace(thing(), sh=torch.zeros(800, 1, 3))  # a grey thing has no features
    given(results, blank)
    assert "3 are needed" in read_outcome(align(results, aligner="scorp")).reason


def test_an_object_without_gaussians_fails_alone(results):
    assert read_outcome(align(results, object="ghost")).reason == "no Gaussian of the scene belongs to it"


def test_an_empty_proxy_fails_alone(results):
    given(results, thing(2), aligned=True)
    assert "only 4 Gaussians" in read_outcome(align(results)).reason


def test_what_failed_before_is_passed_on(results):
    place = results / "completion" / "thing" / "truncated"
    write_outcome(place, Outcome(status="failed", reason="nothing is left"))
    assert read_outcome(align(results)).reason == "truncate_proxy: nothing is left"


def test_the_same_bytes_on_any_number_of_threads_and_whatever_held_out_views_show(results):
    listed = read(align(results, threads=1), "manifest.json")
    write_label_map(results / "masks" / "consistent" / "last.png", np.ones((60, 80)))
    assert listed == read(align(results, threads=3), "manifest.json")


@pytest.mark.parametrize("name", ["views/views.json", "truncated/truncated.ply", "truncated/proxy.json"])
def test_a_missing_input_is_named_and_leaves_no_manifest(results, name):
    folder = align(results)
    (results / "completion" / "thing" / name).unlink()
    with pytest.raises(InputError) as error:
        align(results)
    assert name in str(error.value)
    assert not (folder / "manifest.json").exists()
    assert read(folder, "stage.json")["status"] == "failed"


def test_a_bad_override_is_refused_before_anything_is_done(results):
    with pytest.raises(InputError, match="did you mean `scale`"):
        align(results, override="scalee: 2\ntranslation: [0, 0, 0]\n")


@pytest.mark.slow
def test_a_proxy_from_elsewhere_is_found_by_both_ways_to_say_up(results):
    given(results, affine(thing(), np.linalg.inv(T_WORLD_PROXY)), up=[0, 0, 1])
    upright = read(align(results), "pose.json")
    assert upright["status"] in ("ok", "degraded")
    assert np.abs(np.array(upright["T_world_proxy"]) - T_WORLD_PROXY).max() < 0.1
    assert upright["hypotheses"][0]["degrees_from_best"] == 0


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(results):
    place = results / "completion" / "thing"
    write_text(results / "pose.yml", "translation: [0, 0, 0]\n")
    words = ["--scene", results / "scene", "--masks", results / "masks/consistent", "--objects", results / "objects"]
    words += ["--object", "thing", "--views", place / "views", "--truncated", place / "truncated"]
    words += ["--pose-override", results / "pose.yml", "--output", place / "aligned"]
    words += ["--config", '{"backend": "cpu"}', "--threads", "1"]
    answer = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "align my scene: thing: " in answer.stdout
    listed = read(place / "aligned", "manifest.json")
    assert listed == read(align(results, override="translation: [0, 0, 0]\n"), "manifest.json")
