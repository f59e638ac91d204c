"""Whatever a tool does, it ends, nothing of it goes on, and nothing that it says is believed unseen."""

import json
import os
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from splatsmith.models.tools import contract
from splatsmith.models.tools.catalogue import TOOLS
from splatsmith.models.tools.contract import ToolFailed, call, probe
from splatsmith.models.tools.setup import Installed

GOOD = {"schema": 1, "status": "ok", "error": "", "versions": {}, "done": {}, "failed": {}}


@pytest.fixture
def scripted(tmp_path):
    """A tool that is a script: `request`, a mapping, and `answer`, which writes the response, are at its hand."""

    def make(body: str, timeout_s: float = 60) -> Installed:
        head = """
            import json, os, subprocess, sys, time
            request = json.load(open(sys.argv[1]))
            def answer(value):
                open(sys.argv[2], "w").write(value if isinstance(value, str) else json.dumps(value))
        """
        runner = tmp_path / "runner.py"
        runner.write_text(textwrap.dedent(head) + textwrap.dedent(body))
        known = replace(TOOLS["trellis"], runner=runner)
        return Installed(known, Path(sys.executable), tmp_path / "repo", tmp_path / "weights", "abc", timeout_s)

    return make


def told(tool: Installed, folder: Path, jobs=({"name": "a"},)) -> str:
    with pytest.raises(ToolFailed) as error:
        call(tool, jobs, folder)
    return str(error.value)


def gone(pid: int) -> bool:
    """Whether a process has ended, within a few seconds."""
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_the_tool_is_asked_in_its_folder_and_its_files_are_handed_on(scripted, tmp_path):
    tool = scripted(
        f"""
        open("made.ply", "w").write(os.getcwd())
        answer({GOOD} | {{"done": {{"a": {{"file": "made.ply", "facts": request}}}}, "failed": {{"b": "too hard"}}}})
        """
    )
    answer = call(tool, [{"name": "a", "seed": 3}, {"name": "b"}], tmp_path / "new" / "job")
    assert answer.done["a"].file == tmp_path / "new" / "job" / "made.ply"
    assert answer.done["a"].file.read_text() == str(tmp_path / "new" / "job")
    asked = answer.done["a"].facts
    assert (asked["schema"], asked["op"], asked["jobs"][0]["seed"]) == (1, "run", 3)
    assert (asked["repo"], asked["weights"]) == (str(tmp_path / "repo"), str(tmp_path / "weights"))
    assert answer.failed == {"b": "too hard"}


def test_it_gets_what_it_needs_of_our_environment_and_no_secrets(scripted, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    shown = "{'env': dict(os.environ), 'path': sys.path}"
    tool = scripted(
        f"""
        open("f", "w")
        answer({GOOD} | {{"done": {{"a": {{"file": "f", "facts": {shown}}}}}}})
        """
    )
    facts = call(tool, [{"name": "a"}], tmp_path / "job").done["a"].facts
    environment = facts["env"]
    assert environment.keys() <= {*contract.PASSED_ON, *contract.GIVEN, "LC_CTYPE"}
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["HF_HUB_OFFLINE"] == environment["PYTHONNOUSERSITE"] == "1"
    assert "/somewhere" not in facts["path"]
    assert not any("splatsmith/models/tools" in folder for folder in facts["path"])


def test_a_crash_tells_the_status_and_the_end_of_the_log(scripted, tmp_path):
    message = told(scripted("print('Segmentation fault', flush=True); os._exit(139)"), tmp_path / "job")
    assert message.splitlines()[0] == "trellis ended with status 139, without a response"
    assert f"where:    {tmp_path / 'job' / 'tool.log'}" in message
    assert "got:      Segmentation fault" in message
    assert "status 139" in told(scripted("import signal; os.kill(os.getpid(), signal.SIGSEGV)"), tmp_path / "job")


def test_when_the_time_is_up_all_of_it_is_ended(scripted, tmp_path):
    tool = scripted(
        """
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open("pids", "w").write(f"{os.getpid()} {child.pid}")
        time.sleep(60)
        """,
        timeout_s=1.5,
    )
    assert told(tool, tmp_path / "job").startswith("trellis took longer than 1.5 s, without a response")
    pids = [int(pid) for pid in (tmp_path / "job" / "pids").read_text().split()]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_what_a_tool_leaves_running_is_ended_with_it(scripted, tmp_path):
    tool = scripted(
        f"""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open("f", "w").write(str(child.pid))
        answer({GOOD} | {{"done": {{"a": {{"file": "f", "facts": {{}}}}}}}})
        """
    )
    assert gone(int(call(tool, [{"name": "a"}], tmp_path / "job").done["a"].file.read_text()))


def test_an_interrupt_ends_the_tool(scripted, tmp_path, monkeypatch):
    def interrupted(self, timeout=None):
        if timeout is not None:
            started.append(self.pid)
            raise KeyboardInterrupt
        return wait(self)

    started, wait = [], subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call(scripted("time.sleep(60)"), [{"name": "a"}], tmp_path / "job")
    assert gone(started[0])


def test_an_earlier_answer_is_not_taken_for_a_new_one(scripted, tmp_path):
    good = scripted(f"open('f', 'w'); answer({GOOD} | {{'done': {{'a': {{'file': 'f', 'facts': {{}}}}}}}})")
    call(good, [{"name": "a"}], tmp_path / "job")
    assert "without a response" in told(scripted("pass"), tmp_path / "job")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("{", "cannot be understood"),
        ("[1]", "cannot be understood"),
        (json.dumps(GOOD | {"schema": 2}), "cannot be understood"),
        (json.dumps(GOOD | {"also": 1}), "cannot be understood (unknown key `also`)"),
        (json.dumps(GOOD | {"done": {"a": {"file": 3, "facts": {}}}}), "cannot be understood"),
        (json.dumps(GOOD | {"status": "error", "error": "no CUDA"}), "trellis could not start: no CUDA"),
        (json.dumps(GOOD), "trellis ended with status 0"),
    ],
)
def test_a_response_of_another_form_is_refused(scripted, tmp_path, response, expected):
    assert expected in told(scripted(f"answer({response!r})"), tmp_path / "job").splitlines()[0]


@pytest.mark.parametrize(
    "name", ["../secret", "{absolute}", "sub/f", "link", "folder", "missing", "", ".", "..", "a\0b"]
)
def test_a_file_that_is_not_the_tool_s_own_is_refused(scripted, tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    name = name.replace("{absolute}", str(tmp_path / "secret"))
    tool = scripted(
        f"""
        os.makedirs("sub"); open("sub/f", "w"); os.mkdir("folder"); os.symlink("../secret", "link")
        answer({GOOD} | {{"done": {{"a": {{"file": {name!r}, "facts": {{}}}}}}}})
        """
    )
    assert "named a file that is none, or not in its folder" in told(tool, tmp_path / "job")


def test_what_is_too_large_is_refused(scripted, tmp_path, monkeypatch):
    tool = scripted(
        f"open('f', 'w').write('long'); answer({GOOD} | {{'done': {{'a': {{'file': 'f', 'facts': {{}}}}}}}})"
    )
    with monkeypatch.context() as patch:
        patch.setattr(contract, "FILE_BYTES", 3)
        assert "wrote a file of more than 3 bytes: f" in told(tool, tmp_path / "job")
    monkeypatch.setattr(contract, "RESPONSE_BYTES", 10)
    assert "gave a response of more than 10 bytes" in told(tool, tmp_path / "job2")


def test_what_was_done_before_a_crash_counts(scripted, tmp_path):
    tool = scripted(
        f"open('f', 'w'); answer({GOOD} | {{'done': {{'a': {{'file': 'f', 'facts': {{}}}}}}}}); os._exit(134)"
    )
    answer = call(tool, [{"name": "a"}, {"name": "b"}, {"name": "c"}], tmp_path / "job")
    assert list(answer.done) == ["a"]
    assert answer.failed == {"b": "ended with status 134", "c": "ended with status 134"}


# The runners, with stand-ins for the packages


@pytest.mark.parametrize("name", TOOLS)
def test_a_probe_tells_what_the_environment_has_and_starts_nothing(set_up, name, tmp_path):
    versions = probe(set_up(name).find(), tmp_path / "job")
    package = {"trellis": "trellis", "sam3d": "sam3d_objects", "mast3r": "mast3r"}[name]
    assert versions[package] == "found"
    assert versions["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert versions["PIL"] is not None
    assert None in versions.values()
    assert (tmp_path / "job" / "tool.log").read_text() == ""


def test_weights_that_do_not_fit_are_told(set_up, tmp_path):
    place = set_up("mast3r")
    (place.weights / "model.safetensors").write_text("of something else")
    message = told(place.find(), tmp_path / "job")
    assert message.splitlines()[0] == "mast3r could not start: RuntimeError: missing keys: head.weight"
    assert "Traceback" in (tmp_path / "job" / "tool.log").read_text()


def test_one_job_that_fails_does_not_keep_the_others_from_being_done(set_up, fakes, tmp_path):
    from PIL import Image

    Image.new("RGBA", (8, 8)).save(tmp_path / "view.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 255)).save(tmp_path / "opaque.png")
    jobs = [
        {"name": "bad", "images": [str(tmp_path / "view.png")], "seed": fakes.RAISE},
        {"name": "opaque", "images": [str(tmp_path / "opaque.png")], "seed": 1},
        {"name": "good", "images": [str(tmp_path / "view.png")], "seed": 1},
        {"name": "crash", "images": [str(tmp_path / "view.png")], "seed": fakes.CRASH},
    ]
    answer = call(set_up("trellis").find(), jobs, tmp_path / "job")
    assert list(answer.done) == ["good"]
    assert answer.failed["bad"] == "RuntimeError: CUDA out of memory"
    assert answer.failed["opaque"].startswith("ValueError: a picture without background")
    assert answer.failed["crash"] == "ended with status 139"


def test_a_tool_whose_caller_is_killed_ends_by_itself(set_up, fakes, tmp_path):
    place = set_up("trellis")
    from PIL import Image

    Image.new("RGBA", (8, 8)).save(tmp_path / "view.png")
    code = f"""
        import sys
        from dataclasses import replace
        from pathlib import Path
        from splatsmith.models.tools.contract import call
        from splatsmith.models.tools.setup import find_tool
        from splatsmith.models.tools.settings import Tool
        tools = {{"trellis": Tool(python=sys.executable, repo={str(place.repo)!r})}}
        tool = find_tool("trellis", tools, Path({str(place.models_dir)!r}), ())
        job = {{"name": "a", "images": [{str(tmp_path / "view.png")!r}], "seed": {fakes.HANG}}}
        call(tool, [job], Path({str(tmp_path / "job")!r}))
    """
    caller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stderr=subprocess.DEVNULL)
    pids = tmp_path / "job" / "pids.txt"
    deadline = time.monotonic() + 20
    while not (pids.exists() and pids.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    caller.kill()
    caller.wait()
    assert all(gone(int(pid)) for pid in pids.read_text().split())
    assert not os.path.exists(tmp_path / "job" / "response.json")
