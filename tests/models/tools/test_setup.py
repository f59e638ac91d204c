"""A tool runs only where all that it needs is there and its licence allows it; what is missing is told at once."""

import subprocess
import sys

import pytest

from splatsmith import doctor
from splatsmith.base.errors import InputError
from splatsmith.models.tools.catalogue import TOOLS
from splatsmith.models.tools.setup import find_tool, survey_tools


def told(place, **options) -> list:
    with pytest.raises(InputError) as error:
        place.find(**options)
    return list(error.value.problems)


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_is_there_is_found_without_a_word(set_up, name, capsys):
    place = set_up(name)
    found = place.find()
    assert (found.known.name, found.repo, found.weights) == (name, place.repo, place.weights)
    assert str(found.python) == sys.executable  # the link of a virtual environment, not what it leads to
    assert found.commit.startswith(TOOLS[name].commits)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", TOOLS)
def test_everything_that_is_missing_is_told_at_once(tmp_path, set_up, name):
    place = set_up(name).with_settings(python=str(tmp_path / "python"), repo=str(tmp_path / "elsewhere"))
    problems = told(type(place)(name, place.tools, tmp_path / "no models"))
    whats = ["the interpreter of", "the checkout of", "the weights of"]
    assert [problem.what.partition(" `")[0] for problem in problems] == whats
    assert TOOLS[name].url in problems[1].fix
    assert TOOLS[name].weights in problems[2].fix
    assert all("docs/tools.md" in problem.fix for problem in problems)


def test_a_file_that_the_checkout_or_the_weights_lack_is_named(set_up):
    place = set_up("trellis")
    (place.repo / "dinov2" / "hubconf.py").unlink()
    (place.weights / "pipeline.json").unlink()
    assert [problem.got for problem in told(place)] == ["no dinov2/hubconf.py", "no pipeline.json"]


def test_pickled_weights_of_mast3r_are_none(set_up):
    place = set_up("mast3r")
    (place.weights / "model.safetensors").rename(place.weights / "model.pth")
    assert told(place)[0].got == "no model.safetensors"


def test_a_tool_that_nothing_is_said_of(tmp_path):
    with pytest.raises(InputError) as error:
        find_tool("sam3d", {}, tmp_path, ())
    assert str(error.value).splitlines()[:2] == ["nothing says where `sam3d` is", "  where:    config: tools.sam3d"]


def test_a_licence_that_forbids_commercial_use_has_to_be_accepted_by_name(set_up):
    (problem,) = told(set_up("mast3r"), accepted=("trellis",))
    assert problem.where == "config: models.accept_licences"
    assert "CC BY-NC-SA" in problem.got
    assert "`mast3r`" in problem.fix


# The commit


def test_another_commit_is_told_of_and_refused_where_that_is_asked_for(set_up, fakes, capsys):
    place = set_up("trellis")
    known = place.find().commit
    (place.repo / "splats.py").write_text("")
    fakes.git(place.repo, "commit", "--quiet", "--all", "--message", "other")
    other = fakes.git(place.repo, "rev-parse", "HEAD").strip()
    assert place.find().commit == other
    assert f"got:      {other}" in capsys.readouterr().err
    (problem,) = told(place.with_settings(strict=True))
    assert (problem.expected, problem.got) == (known[:7], other)
    assert f"checkout --recurse-submodules {known[:7]}" in problem.fix


def test_changed_files_make_it_another_commit_and_further_files_do_not(set_up):
    place = set_up("trellis").with_settings(strict=True)
    (place.repo / "compiled.so").write_text("")
    commit = place.find().commit
    (place.repo / "splats.py").write_text("")
    assert told(place)[0].got == commit + "+"


def test_a_folder_within_another_checkout_is_none(set_up, fakes):
    place = set_up("trellis")
    inner = place.repo / "copied"
    fakes.write(inner, fakes.REPOS["trellis"])
    (problem,) = told(place.with_settings(repo=str(inner), strict=True))
    assert problem.got == "no git checkout"


# The doctor


def test_the_doctor_tells_of_every_tool(set_up, tmp_path, monkeypatch):
    place = set_up("mast3r")
    states = {one.name: one.state for one in survey_tools(place.tools, place.models_dir)}
    assert states == {"trellis": "note", "sam3d": "note", "mast3r": "ok"}
    answer = subprocess.CompletedProcess([], 0, '{"gpus": [], "cuda": null, "gsplat": null, "nvcc": null}', "")
    with monkeypatch.context() as patch:
        patch.setattr(doctor, "_gpu", lambda: iter(()))
        patch.setattr(doctor.subprocess, "run", lambda *_, **__: answer)
        found = {one.subject: one for one in doctor.findings(tmp_path, place.models_dir, place.tools)}
    assert found.keys() >= TOOLS.keys()
    assert TOOLS["trellis"].licence in found["trellis"].detail


def test_the_doctor_tells_what_is_wrong_with_one(set_up):
    place = set_up("trellis")

    def state(place) -> tuple[str, str]:
        one = next(survey_tools(place.tools, place.models_dir))
        return one.state, one.detail

    (place.repo / "splats.py").write_text("")
    assert state(place)[0] == "note"
    assert "not at a commit that is known to fit" in state(place)[1]
    assert state(place.with_settings(strict=True))[0] == "problem"
    (place.weights / "pipeline.json").unlink()
    assert state(place)[0] == "problem"
    assert "no pipeline.json" in state(place)[1]


def test_looking_for_tools_imports_nothing_heavy():
    code = (
        "import sys, splatsmith.models.tools.setup, splatsmith.models.tools.contract, splatsmith.models.matchers;"
        "heavy = {'torch', 'numba', 'cv2', 'scipy', 'transformers', 'trellis'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
