"""The command line: exit codes, help, and what `show` tells of a PLY."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith import __version__, cli, doctor
from splatsmith.base.files import write_bytes
from splatsmith.base.manifest import write_manifest
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import write_ply

DEMO = Path(__file__).resolve().parent.parent / "resources" / "demo"


def leave(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["splatsmith", *words])
    with pytest.raises(SystemExit) as left:
        cli.entry()
    out, err = capsys.readouterr()
    return left.value.code, out, err


@pytest.fixture
def splatsmith(monkeypatch, capsys):
    """Runs the command line; returns exit code, standard output and error."""
    return lambda *words: leave(monkeypatch, capsys, *map(str, words))


@pytest.fixture
def ply(tmp_path):
    """Five Gaussians on the x axis with a label each."""
    n = 5
    gaussians = Gaussians(
        means=torch.stack([torch.arange(n) * 1.0, torch.zeros(n), torch.zeros(n)], dim=1),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1),
        log_scales=torch.tensor([0.01, 0.1, 0.2]).log().repeat(n, 1),
        logit_opacities=torch.full((n,), 2.0),
        sh=torch.zeros(n, 4, 3),
        extra={"label": torch.arange(n, dtype=torch.int32)},
    )
    path = tmp_path / "five gaussians.ply"
    write_ply(path, gaussians, comments=["made by a test"])
    return path


@pytest.mark.parametrize("words", [[], ["paint"], ["show"], ["check", "a", "b"], ["withhold", "a"]], ids=str)
def test_a_command_line_that_is_not_understood_is_2(splatsmith, words):
    code, _, err = splatsmith(*words)
    assert code == 2
    assert "usage: splatsmith" in err


@pytest.mark.parametrize("words", [[], ["doctor"], ["check"], ["show"], ["verify"], ["withhold"]], ids=str)
def test_help(splatsmith, words):
    code, out, _ = splatsmith(*words, "--help")
    assert code == 0
    assert len(out.splitlines()) > 4


def test_help_shows_how_to_call_it(splatsmith):
    out = splatsmith("--help")[1]
    examples = [line.split("  ")[1].split()[1:] for line in out.splitlines() if line.startswith("  splatsmith ")]
    assert [words[0] for words in examples] == ["doctor", "check", "show", "verify", "withhold"]
    for words in examples:
        cli._parser().parse_args(words)


def test_version(splatsmith):
    assert splatsmith("--version")[1] == f"splatsmith {__version__}\n"


def test_doctor_is_1_where_something_is_missing(splatsmith, monkeypatch):
    good, bad = doctor.Finding("disk", "ok", "free"), doctor.Finding("gpu", "problem", "broken", "mend it")
    monkeypatch.setattr(doctor, "findings", lambda folder, models, tools: iter([good]))
    assert splatsmith("doctor")[0] == 0
    monkeypatch.setattr(doctor, "findings", lambda folder, models, tools: iter([good, bad]))
    code, out, _ = splatsmith("doctor")
    assert code == 1
    assert "[FAIL] gpu" in out
    assert "-> mend it" in out


@pytest.mark.parametrize(("words", "expected"), [([], "models"), (["--models", "/data/weights"], "/data/weights")])
def test_doctor_looks_for_models_where_it_is_told(splatsmith, monkeypatch, words, expected):
    asked = []
    monkeypatch.setattr(doctor, "findings", lambda folder, models, tools: asked.append(models) or iter([]))
    assert splatsmith("doctor", *words)[0] == 0
    assert asked == [Path(expected)]


def test_doctor_looks_for_tools_where_the_configuration_says(splatsmith, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(doctor, "findings", lambda folder, models, tools: asked.append(tools) or iter([]))
    config = tmp_path / "mine.yaml"
    config.write_text("scenes: {}\ntools: {trellis: {python: /opt/bin/python, repo: /opt/trellis}}\n")
    assert splatsmith("doctor", "--config", config)[0] == 0
    assert asked[0]["trellis"].repo == "/opt/trellis"
    config.write_text("tools: {treelis: {}}\n")
    code, _, err = splatsmith("doctor", "--config", config)
    assert (code, "treelis" in err) == (1, True)


def test_check_is_1_and_names_the_problems(splatsmith, tmp_path):
    code, out, _ = splatsmith("check", tmp_path)
    assert code == 1
    assert "the folder holds no scene" in out
    assert "1 to mend" in out
    assert list(tmp_path.iterdir()) == []


def test_check_of_the_demo_is_0(splatsmith):
    code, out, _ = splatsmith("check", DEMO)
    assert code == 0
    assert "no problems" in out
    assert "70 views train" in splatsmith("check", DEMO, "--split", "split.yml")[1]


def test_show_tells_what_a_ply_holds(splatsmith, ply):
    code, out, _ = splatsmith("show", ply)
    assert code == 0
    for words in ("5 Gaussians, SH degree 1", "0 .. 4", "label: int32 (5,)", "made by a test"):
        assert words in out
    rows = {line[:18].strip(): line[18:].split() for line in out.splitlines()}
    assert rows["opacity"] == ["0.881"] * 5
    assert rows["longest axis"] == ["0.2"] * 5
    assert rows["shortest axis"] == ["0.01"] * 5


def test_show_draws_a_picture(splatsmith, ply, tmp_path):
    from splatsmith.scenes.pictures import read_picture

    picture = tmp_path / "picture.png"
    assert splatsmith("show", ply, "--picture", picture)[0] == 0
    image = read_picture(picture)
    assert image.shape == (384, 4 * 384, 3)
    quarters = np.split(image, 4, axis=1)
    assert all(quarter.max() > 50 for quarter in quarters)  # grey Gaussians are seen from every side
    assert all(quarter[:20].max() == 0 for quarter in quarters)  # with room around them


def test_show_takes_an_empty_ply(splatsmith, tmp_path):
    empty = {name: torch.zeros(0, count) for name, count in (("means", 3), ("quats", 4), ("log_scales", 3))}
    path = tmp_path / "empty.ply"
    write_ply(path, Gaussians(**empty, logit_opacities=torch.zeros(0), sh=torch.zeros(0, 1, 3)))
    code, out, _ = splatsmith("show", path, "--picture", tmp_path / "empty.png")
    assert code == 0
    assert "0 Gaussians, SH degree 0" in out


def test_show_of_something_else_is_1_and_a_message(splatsmith, tmp_path):
    path = tmp_path / "photo.ply"
    path.write_bytes(b"\x89PNG")
    code, out, err = splatsmith("show", path)
    assert code == 1
    assert out == ""
    assert "this is not a PLY file" in err
    assert "Traceback" not in err


def test_verify_is_0_until_something_is_damaged(splatsmith, tmp_path):
    (tmp_path / "fox" / "scene").mkdir(parents=True)
    write_bytes(tmp_path / "fox" / "scene" / "a", b"a")
    write_manifest(tmp_path / "fox" / "scene", ["a"])
    code, out, _ = splatsmith("verify", tmp_path)
    assert (code, out) == (0, f"{tmp_path}/fox/scene: 1 files, as written\n")
    (tmp_path / "fox" / "scene" / "a").write_bytes(b"b")
    code, out, _ = splatsmith("verify", tmp_path)
    assert code == 1
    assert "1 of them missing or damaged\nproblem: a result is missing or damaged" in out


def test_withhold_writes_a_split_that_check_accepts(splatsmith, tmp_path):
    file = tmp_path / "split.yml"
    code, out, _ = splatsmith("withhold", DEMO, "--share", "6/7", "--anchor", "frame_010", "--output", file)
    assert (code, out) == (0, f"{file}: 11 views train, 69 are held out\n")
    assert "11 views train, 69 are held out" in splatsmith("check", DEMO, "--split", file)[1]
    assert splatsmith("withhold", DEMO, "--share", "6/7", "--output", file)[0] == 1


@pytest.mark.parametrize("share", ["0", "1", "7/6", "1/0", "-1/2", "much", "nan"])
def test_a_share_is_a_fraction(splatsmith, share):
    code, _, err = splatsmith("withhold", DEMO, f"--share={share}")
    assert code == 2
    assert "a fraction between 0 and 1" in err


def test_the_module_runs():
    answer = subprocess.run([sys.executable, "-m", "splatsmith.cli", "--version"], capture_output=True, text=True)
    assert answer.stdout == f"splatsmith {__version__}\n"
