"""What every benchmark shares: where results go and what is written beside the figures."""

import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def save(name: str, *, seeds: list[int], rows: list[dict], summary: dict, **more: object) -> Path:
    """Write `benchmarks/results/NAME.json` with the machine and the commit that the figures come from, and print it."""
    result = {"machine": machine(), "commit": commit(), "seeds": seeds, "summary": summary, "rows": rows, **more}
    text = json.dumps(result, indent=2) + "\n"
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(text, encoding="utf-8")
    return path


def machine() -> dict:
    """The processor, cores and, where there is one, the GPU; no names of hosts."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    found = {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
    try:
        import torch

        found["torch"] = torch.__version__
        if torch.cuda.is_available():
            found["gpu"] = torch.cuda.get_device_name(0)
    except ImportError:
        pass
    return found


def commit() -> str:
    """The commit that is checked out, with '+' where files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        dirty = git("status", "--porcelain", "--", "src", "workflow", "Snakefile", "benchmarks/*.py")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
