"""A real Slurm of one make-believe node, started for these tests and ended after them, and a project that knows it."""

import importlib.util
import re
import runpy
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools" / "slurm"
PROFILE = "profiles/slurm/profile.yaml"
ADAPTED = {
    "  # slurm_account: myproject": "  slurm_account: myproject",
    "# slurm-status-command: squeue": "slurm-status-command: squeue",
    "checks: 30": "checks: 10",
    "groups:\n": """\
set-resources:
  train_3dgs: {gpu: 1, gpu_model: toy}
  write_report: {slurm_partition: cpu}
groups:
  segment_2d: objects
  associate_masks: objects
  segment_3d: objects
  extract_objects: objects
  evaluate_segmentation: objects
""",
}
"""What its comments say to change in the profile; and stages in one job, which saves time here."""
MEDDLING = {
    "train_3dgs": "import os\nprint('GPUs of this job:', os.environ.get('CUDA_VISIBLE_DEVICES'))\n",
    "render_views": "if not Path('failed').exists():\n    Path('failed').touch()\n    raise SystemExit('fails once')\n",
    "edit_scene": """\
import os, time
while Path("hold").exists():
    Path("held by " + os.environ["SLURM_JOB_ID"]).touch()
    time.sleep(0.2)
""",
}
"""What some scripts do before their work."""


@dataclass(frozen=True)
class Job:
    """What Slurm knows of a job, waiting, running or ended."""

    number: int
    work: str
    """The rule with its wildcards, or the group, that it was submitted for."""
    facts: dict[str, str]
    """As `scontrol show jobs` calls them."""


class Cluster:
    """The Slurm on this machine."""

    def jobs(self, work: str = "") -> list[Job]:
        """Those whose work contains a word, oldest first."""
        shown = subprocess.run(["scontrol", "show", "jobs", "--oneliner"], capture_output=True, text=True).stdout
        facts = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in shown.splitlines() if "JobId=" in line]
        found = [Job(int(one["JobId"]), one.get("Comment", one["JobName"]), one) for one in facts]
        return sorted((job for job in found if work in job.work), key=lambda job: job.number)

    def cancel(self, job: Job) -> None:
        """End a job as its owner would."""
        subprocess.run(["scancel", str(job.number)], check=True)


@pytest.fixture(scope="session")
def cluster():
    """Skips, and says why, where none can be started."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("Snakemake's plugin for Slurm is not installed; ./run test-slurm does it")
    up = subprocess.run([TOOLS / "up.sh"], capture_output=True, text=True)
    if up.returncode == 77:
        pytest.skip(up.stderr.strip())
    assert up.returncode == 0, up.stdout + up.stderr
    yield Cluster()
    subprocess.run([TOOLS / "down.sh"], check=True)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A copy of the project that was never run, with the tiny scene of tests/workflow and one of its edits."""
    folder = tmp_path_factory.mktemp("slurm") / "a project"
    folder.mkdir()
    project = runpy.run_path(str(ROOT / "tests" / "workflow" / "conftest.py"))["copy_project"](folder)
    project.edit("resources/tiny/description.yml", "  - {name: no-core, target: core, method: remove}\n", "")
    for old, new in ADAPTED.items():
        project.edit(PROFILE, old, new)
    for stage, lines in MEDDLING.items():
        project.edit(f"workflow/scripts/{stage}.py", "def main()", f"{lines}\n\ndef main()")
    return project
