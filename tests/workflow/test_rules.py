"""Every rule carries what it must, Snakemake's linter agrees, profiles keep results, errors are messages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from splatsmith.base.places import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    match[1]: match[2]
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for match in re.finditer(r"^rule (\w+):\n((?:    .*\n|\n)*)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
WORKERS = {name: body for name, body in RULES.items() if "    shell:" in body}
PROFILES = {path.parent.name: path for path in (ROOT / "profiles").glob("*/profile.yaml")}
ACCEPTED = {"Specify a conda environment or container for each rule."}
"""Lint messages that we do not follow: the project is one environment, made by ./run or from environment.yml. `conda:`
in each rule would install a copy of the project instead of running the one that the user has."""


def test_each_stage_has_a_rule():
    scripts = {re.search(r'"\$SCRIPTS"/(\w+)\.py', body)[1] for body in WORKERS.values()}
    assert scripts == set(FOLDERS)


@pytest.mark.parametrize("name", WORKERS)
def test_a_rule_carries_what_it_must(name):
    body = WORKERS[name]
    stage = re.search(r'"\$SCRIPTS"/(\w+)\.py', body)[1]
    for words in (
        *("input:", "threads:", "message:", "gpu=", "mem_mb=", "runtime=", "config="),
        f'code=code("{stage}")',
        f"logs/{{scene}}/{stage}",
        f"results/{{scene}}/benchmarks/{stage}",
        f'"results/{{scene}}/{FOLDERS[stage]}/',
        "SPLATSMITH_CODE={params.code}",
        "2>&1 | tee -i {log:q}",
    ):
        assert words in body, words
    for words in ("directory(", "retries:", "script:", "run:"):
        assert words not in body, words


@pytest.mark.parametrize("name", sorted(RULES.keys() - WORKERS.keys()))
def test_a_target_is_not_sent_to_a_cluster(name):
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    local = {
        rule for names in re.findall(r"^localrules:\n((?:    \w+,\n)+)", text, re.MULTILINE) for rule in names.split()
    }
    assert f"{name}," in local


@pytest.mark.slow
def test_snakemake_s_linter_agrees(finished):
    titles = set(re.findall(r"^    \* (.*):$", finished.snakemake("--lint").stdout, re.MULTILINE))
    assert titles == ACCEPTED


@pytest.mark.slow
def test_a_split_of_many_photos_does_not_lengthen_the_command(project):
    """The whole command is one argument of bash, and Linux takes at most 128 KiB."""
    names = ", ".join(f"photo_{i:05}" for i in range(20_000))
    project.edit("resources/tiny/split.yml", "train: [0, 1, 2, 3]", f"train: [{names}]")
    shown = project.snakemake("--dry-run", "--printshellcmds", "prepare").stdout
    command = next(line for line in shown.splitlines() if "prepare_scene.py" in line)
    assert "--split resources/tiny/split.yml" in command
    assert len(command) < 2000


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_agree_on_what_keeps_results(name):
    keys = ("rerun-triggers", "max-checksum-file-size", "rerun-incomplete", "keep-going")
    default, this = (yaml.safe_load(PROFILES[profile].read_text(encoding="utf-8")) for profile in ("default", name))
    assert {key: this[key] for key in keys} == {key: default[key] for key in keys}
    assert "code" not in this["rerun-triggers"]


@pytest.mark.parametrize("name", PROFILES)
def test_every_key_of_a_profile_has_its_reason(name):
    previous = ""
    for line in PROFILES[name].read_text(encoding="utf-8").splitlines():
        if re.match(r"[a-z]", line):  # after a comment, or in one block with a key that has one
            assert re.match(r"#|[a-z]|  ", previous), f"{name}: {line}"
        previous = line


def test_every_key_of_a_profile_is_known_to_snakemake():
    helped = subprocess.run([sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True).stdout
    for name, path in PROFILES.items():
        for key in yaml.safe_load(path.read_text(encoding="utf-8")):
            assert f"--{key}" in helped or key.startswith(("slurm-", "cluster-generic-")), f"{name}: {key}"


@pytest.mark.slow
def test_the_profile_for_several_gpus_is_accepted(finished):
    assert finished.would_run("--workflow-profile", "profiles/multigpu", "--resources", "gpu=8") == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("config/config.yaml", "steps: 10", "stesp: 10", "did you mean `steps`?"),
        ("config/config.yaml", "path: resources/tiny", "path: resources/none", "there is no such folder"),
        ("config/config.yaml", "tiny:", "Tiny Scene:", "config: scenes.Tiny Scene"),
        ("resources/tiny/split.yml", "test:", "tset:", "did you mean `test`?"),
    ],
    ids=["key", "folder", "name", "split"],
)
@pytest.mark.slow
def test_what_is_wrong_is_told_before_any_work(project, file, old, new, message):
    project.edit(file, old, new)
    answer = project.snakemake()
    assert answer.returncode != 0
    assert message in answer.stdout
    assert "Traceback" not in answer.stdout
    assert "Error in rule" not in answer.stdout
