"""The pipeline on a real Slurm: what jobs ask for, what a failure and a cancellation leave, what a rerun does."""

import importlib.util
import re
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from splatsmith.verify import verified

pytestmark = [pytest.mark.slow, pytest.mark.slurm]
THROUGH_SLURM = ("--workflow-profile", "slurm")


@dataclass(frozen=True)
class Run:
    """What a run said and how it ended."""

    said: str
    status: int


@pytest.fixture(scope="module")
def disturbed(cluster, fresh):
    """The first run. A stage fails at its first attempt; the edit red-core is cancelled at work, at both attempts."""
    hold, said, cancelled = fresh.folder / "hold", fresh.folder / "said.txt", set()
    hold.touch()
    with open(said, "w") as log:
        command = [sys.executable, "-m", "snakemake", *THROUGH_SLURM]
        process = subprocess.Popen(command, cwd=fresh.folder, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            for job in cluster.jobs("red-core"):
                if job.number not in cancelled and (fresh.folder / f"held by {job.number}").exists():
                    cluster.cancel(job)
                    cancelled.add(job.number)
            time.sleep(1)
    hold.unlink()
    return Run(said.read_text(), process.returncode)


@pytest.fixture(scope="module")
def mended(cluster, fresh, disturbed):
    """The second run, undisturbed: the work that its jobs were submitted for."""
    before = len(cluster.jobs())
    answer = fresh.snakemake(*THROUGH_SLURM)
    assert answer.returncode == 0, answer.stdout
    return [job.work for job in cluster.jobs()[before:]]


def states(cluster, work: str) -> list[str]:
    return [job.facts["JobState"] for job in cluster.jobs(work)]


def test_a_stage_is_a_job_and_so_is_a_group(cluster, mended):
    for work in ("prepare_scene", "train_3dgs", "rule_objects", "write_report"):
        assert states(cluster, work) == ["COMPLETED"], work


@pytest.mark.parametrize(
    ("work", "asked"),
    [
        ("prepare_scene", ("gpu", "8", "8000M", "02:00:00", None)),
        ("train_3dgs", ("gpu", "8", "16000M", "12:00:00", "gres:gpu:toy:1")),
        ("rule_objects", ("gpu", "8", "16000M", "11:00:00", None)),
        ("write_report", ("cpu", "1", "2000M", "00:30:00", None)),
    ],
)
def test_a_job_asks_for_what_its_rule_and_the_profile_say(cluster, mended, work, asked):
    """Jobs of a group ask for the most that one of them needs, and for their time together."""
    facts = cluster.jobs(work)[-1].facts
    keys = ("Partition", "CPUs/Task", "MinMemoryNode", "TimeLimit", "TresPerJob")
    assert tuple(facts.get(key) for key in keys) == asked
    assert facts["Account"] == "myproject"


def test_a_job_sees_the_gpu_that_slurm_gave_it(fresh, disturbed):
    log = (fresh.folder / "logs/tiny/train_3dgs.log").read_text()
    assert re.search(r"GPUs of this job: [01]$", log, re.MULTILINE)


def test_a_job_that_failed_is_tried_again(cluster, disturbed):
    assert states(cluster, "render_views") == ["FAILED", "COMPLETED"]
    assert "fails once" in disturbed.said  # from its log, for the job was elsewhere


def test_a_job_that_was_cancelled_is_tried_again_and_reported(cluster, disturbed):
    assert disturbed.status != 0
    assert states(cluster, "red-core")[:2] == ["CANCELLED", "CANCELLED"]
    assert disturbed.said.count("'CANCELLED'") == 2


def test_a_rerun_finishes_what_is_missing_and_nothing_else(fresh, mended):
    assert mended == ["rule_edit_scene_wildcards_tiny_red-core", "rule_write_report_wildcards_tiny"]
    assert fresh.would_run(*THROUGH_SLURM) == {}


def test_results_are_as_their_manifests_list_them(fresh, mended):
    problems = {folder.folder.name: folder.problems for folder in verified(fresh.folder / "results")}
    assert len(problems) == 9
    assert set(problems.values()) == {()}


def test_the_generic_profile_reaches_slurm_too(cluster, fresh, mended):
    if importlib.util.find_spec("snakemake_executor_plugin_cluster_generic") is None:
        pytest.skip("snakemake-executor-plugin-cluster-generic is not installed")
    words = ("--workflow-profile", "generic", "report", "--forcerun", "write_report")
    answer = fresh.snakemake(*words)
    assert answer.returncode == 0, answer.stdout
    (job,) = [job for job in cluster.jobs() if job.work == "write_report"]
    assert (job.facts["JobState"], job.facts["MinMemoryNode"]) == ("COMPLETED", "2000M")
