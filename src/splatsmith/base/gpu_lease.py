"""Give each job GPUs of its own: python -m splatsmith.base.gpu_lease COUNT COMMAND...

Snakemake counts GPUs and never names one, so that two jobs on a machine with two would both take the first. Here a job
waits until COUNT devices are free, holds a lock on each, and becomes COMMAND with CUDA_VISIBLE_DEVICES set to them. The
locks are open files: they last as long as the process does, and a kill leaves nothing behind.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from io import TextIOWrapper
from pathlib import Path

from splatsmith.base.command import run
from splatsmith.base.errors import InputError, Problem

POLL_SECONDS = 0.5


def named_devices() -> list[str] | None:
    """The GPUs that this job's scheduler or user names, which may be none; None where nobody says anything."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if named is None else [device for device in named.split(",") if device]


def devices() -> list[str]:
    """The GPUs that this job may use: those that are named, else all of the machine."""
    if (named := named_devices()) is not None:
        return named
    try:
        query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return []


def lease(count: int, among: list[str]) -> dict[str, TextIOWrapper]:
    """Wait until `count` of the devices `among` are free, and lock them: open files by device, to be kept open.

    All or none, one waiting job after the other, so that two jobs that want two each cannot block one another.
    """
    scope = os.environ.get("SLURM_JOB_ID", "host")  # Slurm counts the devices of each allocation from 0
    folder = Path(tempfile.gettempdir(), f"splatsmith-gpus-{os.getuid()}-{scope}")
    folder.mkdir(mode=0o700, exist_ok=True)
    with open(folder / "gate", "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        while True:
            held: dict[str, TextIOWrapper] = {}
            for device in among:
                if len(held) < count and (lock := _locked(folder / device)):
                    held[device] = lock
            if len(held) == count:
                return held
            for lock in held.values():
                lock.close()
            time.sleep(POLL_SECONDS)


def _locked(path: Path) -> TextIOWrapper | None:
    file = open(path, "w")  # noqa: SIM115  kept open: closing it frees the device
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def main() -> None:
    """Become the command, with its devices. Raises InputError when the machine has fewer than it wants."""
    count, command = int(sys.argv[1]), sys.argv[2:]
    available = devices() if count else []
    if 0 < len(available) < count:
        fix = "ask for fewer: --resources gpu=..., or `backend: cpu`"
        raise InputError(Problem("the machine has too few GPUs", command[0], fix, f"{count}", f"{len(available)}"))
    if available:  # a machine without any leaves it to the stage to say so
        held = lease(count, available)
        for lock in held.values():
            os.set_inheritable(lock.fileno(), True)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(held)
    os.execvp(command[0], command)


if __name__ == "__main__":
    run(main)
