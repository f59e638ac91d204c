"""Where no Slurm can be had, the tools say so; what the profile names is there."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILE = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("tool", ["install.sh", "up.sh"])
def test_only_root_can_have_a_slurm_and_others_are_told(tmp_path, tool):
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    answer = subprocess.run([ROOT / "tools" / "slurm" / tool], env=environment, capture_output=True, text=True)
    assert answer.returncode == 77  # as a test that is skipped
    assert "root" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("says", "status", "word"),
    [
        ("JobId=7 JobName=a\n   JobState=RUNNING Reason=None", 0, "running"),
        ("JobId=7 JobName=a\n   JobState=COMPLETED Reason=None", 0, "success"),
        ("JobId=7 JobName=a\n   JobState=OUT_OF_MEMORY Reason=None", 0, "failed"),
        ("slurm_load_jobs error: Invalid job id specified", 1, "failed"),
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", 1, "running"),
    ],
    ids=["running", "completed", "out of memory", "forgotten", "no answer"],
)
def test_the_generic_profile_translates_what_slurm_says(tmp_path, says, status, word):
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\ncat <<END\n{says}\nEND\nexit {status}\n")
    (tmp_path / "scontrol").chmod(0o755)
    command = [ROOT / "profiles" / "generic" / "status.sh", "7"]
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout == f"{word}\n"


def test_the_profile_names_rules_that_exist():
    """In its groups, and in what it proposes in comments."""
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    proposed = re.findall(r"^#   (\w+): \{", PROFILE, re.MULTILINE)
    assert proposed
    for name in (*yaml.safe_load(PROFILE)["groups"], *proposed):
        assert f"rule {name}:" in rules, name
