"""Stage train_3dgs: complete outputs, resumes after a kill, passes trained Gaussians through, says what is wrong."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of, write_json
from splatsmith.base.manifest import read_manifest
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.stages import train_3dgs
from splatsmith.train import loop

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "last"]
QUICK = {"steps": 70, "refine_start": 5, "refine_every": 10, "refine_stop": 60, "grow_grad2d": 1e-4, "sh_degree": 1}
BLOCK = 20
SCRIPT = Path(train_3dgs.__file__).parents[3] / "workflow" / "scripts" / "train_3dgs.py"
DYING = """
import os, signal, sys
from pathlib import Path
from splatsmith.stages import train_3dgs
from splatsmith.train import loop
loop.BLOCK, life, adapt = 20, int(sys.argv[3]), loop._adapt
def last_step(run, task):
    global life
    life -= 1
    adapt(run, task) if life else os.kill(os.getpid(), signal.SIGKILL)
loop._adapt = last_step
config = train_3dgs.Config.model_validate_json(sys.argv[1])
folder = Path(sys.argv[2])
outputs = train_3dgs.Outputs.within(folder / "gaussians", folder / ".resume" / "train_3dgs")
train_3dgs.main(config, train_3dgs.Inputs(folder / "scene"), outputs, threads=1, checkpoint_seconds=0)
"""
"""Trains with frequent checkpoints, and is killed after so many steps of its own; 0: never."""


def outputs_in(results: Path) -> train_3dgs.Outputs:
    return train_3dgs.Outputs.within(results / "gaussians", results / ".resume" / "train_3dgs")


def trained(results: Path, *, checkpoint_seconds: float = 30, **settings) -> train_3dgs.Outputs:
    outputs, config = outputs_in(results), train_3dgs.Config(**QUICK | settings)
    inputs = train_3dgs.Inputs(results / "scene")
    train_3dgs.main(config, inputs, outputs, threads=1, checkpoint_seconds=checkpoint_seconds)
    return outputs


def cut_off_after(monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    """Let training stop, as Ctrl-C would stop it, after so many blocks of steps."""
    block, done = loop._block, []

    def interrupted(*arguments):
        if len(done) == blocks:
            raise KeyboardInterrupt
        done.append(1)
        return block(*arguments)

    monkeypatch.setattr(loop, "_block", interrupted)


@pytest.fixture
def results(tmp_path, prepared, monkeypatch):
    """Results of a scene in a path with a space, up to preparation; with more checkpoints in fewer steps."""
    monkeypatch.setattr(loop, "BLOCK", BLOCK)
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, NAMES[1:2])
    return folder


def test_every_output_is_there_and_tells_the_same_story(results):
    scene_before = {path: sha256_of(path) for path in (results / "scene").rglob("*") if path.is_file()}
    outputs = trained(results, background="white", antialiased=True)
    gaussians = read_ply(outputs.ply)
    rows = [json.loads(line) for line in outputs.metrics.read_text().splitlines()]
    stage = json.loads(outputs.stage_json.read_text())
    assert [row["step"] for row in rows] == [20, 40, 60, 70]
    assert stage["status"] == "ok"
    assert stage["backend"] == "cpu"
    assert stage["metrics"] == rows[-1]
    assert rows[-1]["gaussians"] == len(gaussians)
    assert gaussians.sh_degree == 1
    header = outputs.ply.read_bytes().partition(b"end_header")[0].decode()
    assert "SplatRenderMode: mip" in header
    assert Image.open(outputs.figure).size == (800, 700)
    listed = read_manifest(outputs.stage_json.parent)
    assert listed == {path.name: sha256_of(path) for path in (outputs.ply, outputs.metrics, outputs.figure)}
    assert not any(outputs.resume.glob("*")), "the state is gone when all is done"
    assert {path: sha256_of(path) for path in (results / "scene").rglob("*") if path.is_file()} == scene_before


@pytest.mark.slow
def test_a_run_killed_twice_ends_with_the_bytes_of_one_that_was_not(results, tmp_path):
    straight = trained(results)
    again = tmp_path / "again"
    again.mkdir()
    (again / "scene").symlink_to(results / "scene")
    command = [sys.executable, "-c", DYING, train_3dgs.Config(**QUICK).model_dump_json(), str(again)]
    for life, word in ((27, "no checkpoint"), (33, "resuming from step 20"), (0, "resuming from step 40")):
        ended = subprocess.run([*command, str(life)], capture_output=True, text=True)
        assert word in ended.stdout, ended.stderr
        assert ended.returncode == (-signal.SIGKILL if life else 0)
        assert outputs_in(again).ply.exists() == (life == 0)
    for name in ("ply", "metrics"):
        assert getattr(outputs_in(again), name).read_bytes() == getattr(straight, name).read_bytes(), name


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "of another run"])
def test_a_checkpoint_that_is_no_good_is_ignored_with_a_word(results, monkeypatch, capsys, damage):
    expected = trained(results).ply.read_bytes()
    with monkeypatch.context() as patch:
        cut_off_after(patch, blocks=2)
        with pytest.raises(KeyboardInterrupt):
            trained(results, checkpoint_seconds=0, seed=int(damage == "of another run"))
    path = outputs_in(results).resume / "checkpoint.pt"
    data = bytearray(path.read_bytes())
    match damage:
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "flipped":
            middle = slice(len(data) // 2, len(data) // 2 + 500)  # more than the gaps between tensors
            data[middle] = bytes(byte ^ 1 for byte in data[middle])
            path.write_bytes(data)
        case "empty":
            path.write_bytes(b"")
    capsys.readouterr()
    assert trained(results).ply.read_bytes() == expected
    said = capsys.readouterr().out
    assert ("another configuration" if damage == "of another run" else "damaged") in said
    assert "starting from the beginning" in said


def test_a_scene_that_came_with_gaussians_is_passed_through(results):
    generator = torch.Generator().manual_seed(0)
    given = Gaussians(
        means=torch.randn(5, 3, generator=generator),
        quats=torch.randn(5, 4, generator=generator),
        log_scales=torch.randn(5, 3, generator=generator),
        logit_opacities=torch.randn(5, generator=generator),
        sh=torch.randn(5, 4, 3, generator=generator),
        extra={"label": torch.arange(5, dtype=torch.int32)},
    )
    scene = results / "scene"
    write_ply(scene / "trained.ply", given, ["Vertical axis: z"], antialiased=True)
    manifest = json.loads((scene / "manifest.json").read_text())
    write_json(scene / "manifest.json", manifest | {"trained.ply": sha256_of(scene / "trained.ply")})
    outputs = trained(results)
    written = read_ply(outputs.ply)
    for name, column in given.columns.items():
        assert torch.equal(written.columns[name], column), name
    assert outputs.ply.read_bytes() == (scene / "trained.ply").read_bytes(), "axis and render mode are kept, too"
    stage = json.loads(outputs.stage_json.read_text())
    assert stage["status"] == "ok"
    assert "came with trained Gaussians" in stage["reason"]
    assert outputs.metrics.read_text() == ""
    assert outputs.figure.exists()


def test_a_scene_that_came_with_broken_gaussians_is_refused(results):
    scene = results / "scene"
    (scene / "trained.ply").write_bytes(b"ply\nnonsense")
    manifest = json.loads((scene / "manifest.json").read_text())
    write_json(scene / "manifest.json", manifest | {"trained.ply": sha256_of(scene / "trained.ply")})
    with pytest.raises(InputError, match=r"trained\.ply"):
        trained(results)
    assert not outputs_in(results).ply.exists()


def test_running_out_of_memory_names_the_knobs(results, monkeypatch):
    def too_much(*arguments, **settings):
        raise MemoryError("Unable to allocate 99 GiB")

    monkeypatch.setattr(loop, "_descend", too_much)
    with pytest.raises(InputError) as caught:
        trained(results)
    for word in ("max_gaussians", "max_side", "image_cache_mb", "99 GiB"):
        assert word in str(caught.value)
    stage = json.loads(outputs_in(results).stage_json.read_text())
    assert stage["status"] == "failed"
    assert not outputs_in(results).ply.exists()


def test_less_free_memory_than_training_may_take_is_a_warning(results, monkeypatch, capsys):
    monkeypatch.setattr("splatsmith.train.estimate.available_bytes", lambda backend: 1000)
    trained(results, steps=1)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(";")[0] for line in said if "warning" in line] == [
        "train my scene: warning: only 0.0 GB of memory are free"
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_asking_for_a_gpu_that_is_not_there_says_so_at_once(results):
    with pytest.raises(InputError, match="needs an NVIDIA GPU"):
        trained(results, backend="gsplat")
    assert not outputs_in(results).resume.exists()


def test_auto_takes_what_there_is_and_says_it(results):
    outputs = trained(results, backend="auto", steps=10)
    assert json.loads(outputs.stage_json.read_text())["backend"] in ("cpu", "gsplat")


def test_a_damaged_scene_is_refused_and_nothing_is_written(results):
    (results / "scene" / "cameras.json").write_text("[]")
    with pytest.raises(InputError, match=r"cameras\.json"):
        trained(results)
    assert [path.name for path in (results / "gaussians").iterdir()] == ["stage.json"]


@pytest.mark.slow
def test_the_script_reads_its_config_and_names_a_wrong_key(results):
    folders = ["--scene", results / "scene", "--output", results / "out", "--state", results / "state"]

    def script(config: dict) -> subprocess.CompletedProcess:
        command = [sys.executable, SCRIPT, *folders, "--config", json.dumps(config), "--threads", "1"]
        return subprocess.run(command, capture_output=True, text=True)

    wrong = script({"step": 3})
    assert wrong.returncode == 1
    assert "did you mean `steps`" in wrong.stderr
    assert not (results / "out").exists()
    right = script({"steps": 3})
    assert right.returncode == 0, right.stderr
    assert {path.name for path in (results / "out").iterdir()} == {
        "point_cloud.ply",
        "metrics.jsonl",
        "training.png",
        "manifest.json",
        "stage.json",
    }
