"""Jobs that share a machine's GPUs never share one of them. Numbers stand for devices: nothing here opens one."""

import subprocess
import sys
import time
from itertools import combinations

import pytest

from splatsmith.base import gpu_lease

USE = """
import os, sys, time
begun = time.time()
time.sleep(float(sys.argv[1]))
print(os.environ.get("CUDA_VISIBLE_DEVICES"), begun, time.time())
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a job that holds `count` of the devices for some seconds."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")

    def job(count: int, seconds: float) -> subprocess.Popen:
        command = ["-m", "splatsmith.base.gpu_lease", str(count), sys.executable, "-c", USE, str(seconds)]
        return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return job


def test_no_device_is_used_twice_at_once(start):
    jobs = [start(count, 0.3) for count in (1, 1, 2, 1, 2, 1)]
    uses = []
    for job in jobs:
        named, begun, ended = job.communicate()[0].split()
        assert job.returncode == 0
        uses += [(device, float(begun), float(ended)) for device in named.split(",")]
    assert {device for device, *_ in uses} == {"3", "5"}
    assert len(uses) == 8
    for (one, a, b), (other, c, d) in combinations(uses, 2):
        assert one != other or b <= c or d <= a


def test_a_killed_job_frees_its_device(start):
    killed = start(2, 60)
    time.sleep(0.5)
    killed.kill()
    killed.communicate()
    assert start(2, 0).communicate(timeout=20)[0].startswith("3,5")


def test_more_than_there_are_is_refused(start):
    job = start(3, 0)
    assert "the machine has too few GPUs" in job.communicate()[1]
    assert job.returncode == 1


def test_a_job_that_wants_none_waits_for_none(start, monkeypatch):
    holder = start(2, 60)
    assert start(0, 0).communicate(timeout=20)[0].startswith("3,5 ")  # as it was
    holder.kill()
    holder.communicate()


def test_who_names_no_device_gets_none(start, monkeypatch):
    """`CUDA_VISIBLE_DEVICES=""` hides them all: the stage says what it makes of that."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_lease.devices() == []
    assert start(1, 0).communicate(timeout=20)[0].startswith(" ")


def test_without_named_devices_those_of_the_machine_count(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_lease.devices() == []
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    smi.chmod(0o755)
    assert gpu_lease.devices() == ["0", "1"]


def test_the_exit_code_is_the_command_s(start):
    command = [sys.executable, "-m", "splatsmith.base.gpu_lease", "1", sys.executable, "-c", "raise SystemExit(7)"]
    assert subprocess.run(command).returncode == 7
