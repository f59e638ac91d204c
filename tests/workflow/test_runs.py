"""Whole runs on the tiny scene: what they leave, how they fail, how one stage is redone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from splatsmith.verify import verified

pytestmark = pytest.mark.slow
STAGES = {"scene": "prepare_scene", "gaussians": "train_3dgs", "renders": "render_views", "report": "report"}


def record(project, folder: str) -> dict:
    return json.loads((project.folder / "results/tiny" / folder / "stage.json").read_text(encoding="utf-8"))


def jobs(log: str) -> list[str]:
    """The rules whose jobs ended well, targets left out."""
    lines = [line for line in log.splitlines() if line.startswith("Finished jobid:")]
    rules = [line.split("(Rule: ")[1].rstrip(")") for line in lines]
    return [rule for rule in rules if rule not in ("all", "prepare", "train", "render", "report")]


@pytest.mark.parametrize("folder", STAGES)
def test_every_job_leaves_its_record_log_and_benchmark(finished, folder):
    stage = STAGES[folder]
    told = record(finished, folder)
    assert told["stage"] == stage
    assert told["status"] == (
        "degraded" if folder == "scene" else "ok"
    )  # so few photos are a poor scene, and it says so
    assert len(told["code"]) == 16
    assert told["backend"] in (None, "cpu")
    assert (finished.folder / f"logs/tiny/{stage}.log").exists()
    measured = (finished.folder / f"results/tiny/benchmarks/{stage}.jsonl").read_text()
    assert float(json.loads(measured)["s"]) > 0


def test_settings_reach_the_stages(finished):
    assert record(finished, "gaussians")["config"]["steps"] == 10
    assert record(finished, "renders")["config"]["turntable_frames"] == 4


def test_results_are_as_their_manifests_list_them(finished):
    found = {folder.folder.name: folder.problems for folder in verified(finished.folder / "results")}
    segmented = ("raw", "consistent", "sparse-id", "objects", "no-core", "red-core", "evaluation")
    completed = ("views", "proxy", "truncated", "aligned", "refined", "composed", "composed_evaluation")
    assert found == dict.fromkeys(("scene", "gaussians", "renders", *segmented, *completed), ())


def test_no_temporary_file_is_left(finished):
    assert list((finished.folder / "results").rglob("*.tmp*")) == []


def test_redoing_a_stage_ends_there_when_its_result_is_the_same(project):
    """The two halves of ./run redo train. What the stage says is seen at once, and kept in its log."""
    before = (project.folder / "results/tiny/gaussians/point_cloud.ply").read_bytes()
    answer = project.snakemake("train", "--forcerun", "train_3dgs")
    assert jobs(answer.stdout) == ["train_3dgs"]
    log = (project.folder / "logs/tiny/train_3dgs.log").read_text()
    assert "train tiny 10/10 steps" in log
    assert log.strip() in answer.stdout
    assert (project.folder / "results/tiny/gaussians/point_cloud.ply").read_bytes() == before
    assert jobs(project.snakemake().stdout) == []


def test_a_run_that_was_killed_goes_on_to_the_same_result(project, tmp_path):
    """Snakemake and its job are killed in the middle of training, as by a power cut; docs/workflow.md has the rest."""
    project.edit("config/config.yaml", "steps: 10", "steps: 1000")
    project.edit("workflow/scripts/train_3dgs.py", "threads=args.threads", "threads=args.threads, checkpoint_seconds=0")
    shutil.copytree(project.folder, tmp_path / "undisturbed")
    command = [sys.executable, "-m", "snakemake", "train"]
    killed = subprocess.Popen(command, cwd=project.folder, start_new_session=True, stderr=subprocess.DEVNULL)
    checkpoint = project.folder / "results/tiny/.resume/train_3dgs/checkpoint.pt"
    while not checkpoint.exists():  # written every 100 steps from now on: most of the run is still to come
        assert killed.poll() is None
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert checkpoint.exists()
    assert record(project, "gaussians")["status"] == "failed"
    assert "--unlock" in project.snakemake("train").stdout
    assert project.snakemake("train", "--unlock").returncode == 0
    results = []
    for folder in (project.folder, tmp_path / "undisturbed"):
        answer = type(project)(folder).snakemake("train")
        assert answer.returncode == 0, answer.stdout
        assert ("resuming from step" in answer.stdout) == (folder == project.folder)
        results.append((folder / "results/tiny/gaussians/point_cloud.ply").read_bytes())
    assert results[0] == results[1]


def test_a_wrong_photo_is_a_message_and_leaves_no_result(project):
    photo = project.folder / "resources/tiny/images/0.png"
    photo.write_bytes(photo.read_bytes()[:100])
    answer = project.snakemake()
    assert answer.returncode != 0
    assert "0.png" in (project.folder / "logs/tiny/prepare_scene.log").read_text()
    assert "0.png" in answer.stdout
    assert "Traceback" not in answer.stdout
    assert record(project, "scene")["status"] == "failed"
    assert "0.png" in record(project, "scene")["reason"]
    assert not (project.folder / "results/tiny/scene/manifest.json").exists()


def test_a_scene_that_fails_does_not_stop_the_others(project):
    shutil.copytree(project.folder / "resources/tiny", project.folder / "resources/broken")
    photo = project.folder / "resources/broken/images/0.png"
    photo.write_bytes(photo.read_bytes()[:100])
    project.edit("config/config.yaml", "scenes:", "scenes:\n  broken: {path: resources/broken}")
    (project.folder / "results/tiny/report/index.html").unlink()
    answer = project.snakemake()
    assert answer.returncode != 0
    assert jobs(answer.stdout) == ["write_report"]


def test_results_may_lie_elsewhere(project, tmp_path):
    """Another working directory without a config of its own: the project's counts, and its scenes."""
    (tmp_path / "else where").mkdir()
    answer = project.snakemake("prepare", "--directory", str(tmp_path / "else where"))
    assert answer.returncode == 0, answer.stdout
    assert (tmp_path / "else where/results/tiny/scene/manifest.json").exists()
    assert not (tmp_path / "else where/config").exists()
