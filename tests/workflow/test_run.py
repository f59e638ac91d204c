"""The script `run`: sets up once, and passes the right words on. A shell script that notes them stands for Python."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUB = """\
#!/usr/bin/env bash
[ "$1" = -V ] && echo "Python 3.12.1" && exit
echo "$@" >>"$NOTES"
case "$*" in *"$BREAKS"*) [ -z "$BREAKS" ] || exit 7 ;; esac
"""
INSTALL = "-m pip install --disable-pip-version-check -c constraints.txt -e .[dev]"


class House:
    """A copy of the project with a stub for the venv's Python."""

    def __init__(self, folder: Path):
        self.folder, self.notes = folder, folder / "notes"
        folder.mkdir()
        for name in ("run", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder / name)
        stub = folder / ".venv" / "bin" / "python"
        stub.parent.mkdir(parents=True)
        stub.write_text(STUB)
        stub.chmod(0o755)

    def __call__(self, *words: str, breaks: str = "", **environment: str) -> subprocess.CompletedProcess:
        self.notes.write_text("")
        environment = {"PATH": os.environ["PATH"], "NOTES": str(self.notes), "BREAKS": breaks} | environment
        return subprocess.run([str(self.folder / "run"), *words], env=environment, capture_output=True, text=True)

    def said(self) -> list[str]:
        return self.notes.read_text().splitlines()


@pytest.fixture
def run(tmp_path):
    """The script in a folder with a space in its name, set up already."""
    house = House(tmp_path / "a house")
    house("all")
    return house


def test_installs_once(tmp_path):
    run = House(tmp_path / "a house")
    assert run("all").returncode == 0
    assert run.said() == [INSTALL, "-m snakemake all"]
    assert run("all").returncode == 0
    assert run.said() == ["-m snakemake all"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_installs_again_when_dependencies_change(run, name):
    with open(run.folder / name, "a") as file:
        file.write("\n# newer\n")
    run("all")
    assert run.said()[0] == INSTALL


def test_installs_further_parts_when_asked(run):
    run("all", SPLATSMITH_EXTRAS="gpu")
    assert run.said()[0] == INSTALL.replace("[dev]", "[dev,gpu]")


def test_parts_once_installed_stay(run):
    """No second installation, which would need the network, and a new one names them again."""
    run("all", SPLATSMITH_EXTRAS="gpu")
    for extras in ("", "gpu"):
        run("all", SPLATSMITH_EXTRAS=extras)
        assert run.said() == ["-m snakemake all"]
    run("all", SPLATSMITH_EXTRAS="slurm,gpu")
    assert run.said()[0] == INSTALL.replace("[dev]", "[dev,gpu,slurm]")
    with open(run.folder / "pyproject.toml", "a") as file:
        file.write("\n# newer\n")
    run("all")
    assert run.said()[0] == INSTALL.replace("[dev]", "[dev,gpu,slurm]")


def test_a_failed_installation_is_tried_again(tmp_path):
    run = House(tmp_path / "a house")
    assert run("demo", breaks="pip install").returncode == 7
    assert run.said() == [INSTALL]
    assert run("test").returncode == 0
    assert run.said() == [INSTALL, "-m pytest"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ["-m snakemake"]),
        (["demo"], ["-m snakemake --configfile=config/demo.yaml"]),
        (["demo", "--cores", "1"], ["-m snakemake --configfile=config/demo.yaml --cores 1"]),
        (["test", "-m", "not slow"], ["-m pytest -m not slow"]),
        (["train", "-n"], ["-m snakemake train -n"]),
        (["splatsmith", "doctor"], ["-m splatsmith.cli doctor"]),
        (["redo", "train"], ["-m snakemake train --forcerun train_3dgs", "-m snakemake"]),
        (
            ["redo", "train_3dgs", "fox", "--cores", "1"],
            [
                "-m snakemake results/fox/gaussians/point_cloud.ply --forcerun train_3dgs --cores 1",
                "-m snakemake --cores 1",
            ],
        ),
        (["redo", "prepare"], ["-m snakemake prepare --forcerun prepare_scene", "-m snakemake"]),
        (["redo", "render", "-q"], ["-m snakemake render --forcerun render_views -q", "-m snakemake -q"]),
        (["redo", "associate"], ["-m snakemake masks --forcerun associate_masks", "-m snakemake"]),
        (["redo", "segment"], ["-m snakemake evaluate --forcerun segment_3d", "-m snakemake"]),
        (
            ["redo", "edit", "fox"],
            ["-m snakemake results/fox/report/index.html --forcerun edit_scene", "-m snakemake"],
        ),
        (["redo", "report"], ["-m snakemake report --forcerun write_report", "-m snakemake"]),
    ],
    ids=lambda words: " ".join(words) or "none",
)
def test_words(run, words, said):
    assert run(*words).returncode == 0
    assert run.said() == said


def test_redo_stops_when_the_stage_fails(run):
    assert run("redo", "train", breaks="--forcerun").returncode == 7
    assert run.said() == ["-m snakemake train --forcerun train_3dgs"]


@pytest.mark.parametrize("words", [["redo"], ["redo", "all"]], ids=" ".join)
def test_redo_names_the_stages(run, words):
    answer = run(*words)
    assert answer.returncode == 2
    assert "prepare|train|render|masks|associate|segment|objects|" in answer.stderr
    assert "edit|views|proxy|truncate|align|refine|compose|evaluate_completion|evaluate|report" in answer.stderr


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]], ids=str)
def test_says_what_it_can_do_without_setting_up(run, words):
    shutil.rmtree(run.folder / ".venv")
    answer = run(*words)
    assert answer.returncode == 0
    assert "./run demo" in answer.stdout
    assert run.said() == []


def test_demo_ends_by_naming_the_page(run, tmp_path):
    there = tmp_path / "else where"
    for where, words in (
        (run.folder, []),
        (there, ["--directory", "../else where"]),
        (there / "a", ["--directory=../else where/a", "-n"]),
        (there / "b", ["--cores", "1", "-d", str(there / "b")]),
    ):
        page = where / "results" / "demo" / "report" / "index.html"
        assert str(page) not in run("demo", *words).stdout
        page.parent.mkdir(parents=True)
        page.touch()
        assert run("demo", *words).stdout.splitlines()[-1] == f"The report page: {page}"


def test_without_a_suitable_python_it_says_what_to_install(run, tmp_path):
    shutil.rmtree(run.folder / ".venv")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "env", "cat", "cksum", "dirname", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # answers the question for its version as an older Python does
    old.chmod(0o755)
    answer = run("demo", PATH=str(tools))
    assert answer.returncode == 1
    assert "install 3.11, 3.12 or 3.13" in answer.stderr
    assert not (run.folder / ".venv").exists()


def test_ci_runs_the_tests():
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == 'exec "$(dirname "$0")/../run" test'
