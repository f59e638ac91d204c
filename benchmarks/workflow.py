"""What Snakemake itself costs: a start with nothing to do, and each job beside the stage's own work.

    python benchmarks/workflow.py [ROUNDS]

Runs the demo scene with next to no work in its stages, in a temporary folder. Of the wall time of a run from nothing,

    no-op        is spent with nothing to do as well
    a command    is what Snakemake itself measures of a job, from the start of its shell to the end
    a stage      is between the first and the last line of its `main`, as its stage.json says
    per job      is what remains of the run beside the no-op and all commands, divided by the jobs
    start        is what remains of the commands beside the stages: starting Python and importing, divided by the jobs
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, save

SETTINGS = {
    "scenes": {"demo": {"path": "resources/demo"}},
    "backend": "cpu",
    "train": {"preset": "draft", "steps": 1},
    "render": {"turntable_frames": 1},
    "masks": {"source": "provided", "provided": {"folder": "ground_truth/object_mask"}},
    "segment": {"methods": ["votes"]},
}


def snakemake(folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one run, its jobs included."""
    (folder / "settings.yaml").write_text(json.dumps(SETTINGS), encoding="utf-8")
    words = ["--configfile", str(folder / "settings.yaml"), "--directory", str(folder), "--snakefile", "Snakefile"]
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "snakemake", *words], cwd=ROOT, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def one_round() -> dict:
    """A run from nothing and one with nothing to do, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        full, full_cpu = snakemake(folder)
        noop, noop_cpu = snakemake(folder)
        results = folder / "results" / "demo"
        records = [json.loads(path.read_text()) for path in results.rglob("stage.json")]
        jobs, stages = len(records), sum(record["seconds"] for record in records)
        commands = sum(json.loads(path.read_text())["s"] for path in results.glob("benchmarks/*.jsonl"))
    return {
        "noop_s": round(noop, 3),
        "noop_cpu_s": round(noop_cpu, 3),
        "run_s": round(full, 3),
        "run_cpu_s": round(full_cpu, 3),
        "commands_s": round(commands, 3),
        "stages_s": round(stages, 3),
        "jobs": jobs,
        "per_job_s": round((full - noop - commands) / jobs, 3),
        "start_s": round((commands - stages) / jobs, 3),
    }


def main() -> None:
    """Several rounds, of which the median counts; the first compiles and warms caches and does not."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rows = [one_round() for _ in range(rounds + 1)][1:]
    summary = {
        key: statistics.median(row[key] for row in rows) for key in ("noop_s", "noop_cpu_s", "per_job_s", "start_s")
    }
    save("workflow", seeds=[0], rows=rows, summary=summary)


if __name__ == "__main__":
    main()
