"""Running a tool: a request and a response, both files in a job's folder; see `runners/answering.py` for their form.

Nothing that the tool says is believed: its response is checked field by field, its files must be plain ones within the
job's folder. It runs in a session of its own that is ended with everything in it: when the time is up, when this
process is interrupted, and when the tool itself has ended. Of our environment it gets what it needs, and no secrets.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed_json
from splatsmith.models.tools.runners.answering import SCHEMA
from splatsmith.models.tools.setup import Installed

PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "OMP_NUM_THREADS"),
    *("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF"),
    *("HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME", "TRITON_CACHE_DIR", "ATTN_BACKEND", "SPCONV_ALGO"),
)
"""Variables of our environment that a tool gets."""
GIVEN = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYTHONNOUSERSITE": "1",
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
}
"""Variables that it gets in any case: nothing is fetched, nothing of the user's own is imported, no pickle is run."""
RESPONSE_BYTES = 1 << 24
FILE_BYTES = 1 << 31
"""Most that a response, and a file of a tool, may take."""
LOG_LINES = 8
"""Of the end of the log, shown where a tool failed."""
ANSWER = "response.json"


class ToolFailed(InputError):
    """A tool that was fit to run gave nothing usable."""


@dataclass(frozen=True)
class Done:
    """What a tool made of one job."""

    file: Path
    """A plain file in the job's folder. What is in it, nobody has looked at yet."""
    facts: dict[str, Any]
    """What it says of it."""


@dataclass(frozen=True)
class Answer:
    """What a tool made of a request."""

    done: dict[str, Done]
    """By the names of the jobs."""
    failed: dict[str, str]
    """Jobs that it could not do or did not come to, and why."""
    versions: dict[str, str | None]
    """Modules of its environment, None for those that it lacks."""


class _Done(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str
    facts: dict[str, Any]


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[SCHEMA] = Field(alias="schema")
    status: Literal["ok", "error"]
    error: str
    versions: dict[str, str | None]
    done: dict[str, _Done]
    failed: dict[str, str]


def call(tool: Installed, jobs: Sequence[Mapping[str, Any]], folder: Path) -> Answer:
    """Let the tool do `jobs`, each with a `name` of its own and what its runner reads, in `folder`.

    The folder is made; `tool.log` in it is all that the tool printed. What was done before a crash, or before the time
    was up, counts. Raises ToolFailed if that is nothing, or if the answer is anything but what was agreed upon.
    """
    return _ask(tool, {"op": "run", "jobs": [dict(job) for job in jobs]}, folder)


def probe(tool: Installed, folder: Path) -> dict[str, str | None]:
    """The modules that the tool needs, with versions where its environment has them. Raises ToolFailed."""
    return _ask(tool, {"op": "probe", "jobs": []}, folder).versions


def wrong_file(tool: Installed, path: Path, got: str) -> ToolFailed:
    """The error for a file of `tool` that does not hold what it should."""
    return _failed(tool, f"wrote a file that cannot be used, {path.name} ({got})", path.with_name("tool.log"))


def _ask(tool: Installed, question: Mapping[str, Any], folder: Path) -> Answer:
    folder = Path(os.path.abspath(folder))
    folder.mkdir(parents=True, exist_ok=True)
    request, response, log = folder / "request.json", folder / ANSWER, folder / "tool.log"
    response.unlink(missing_ok=True)
    places = {"repo": str(tool.repo), "weights": str(tool.weights)}
    files.write_json(request, {"schema": SCHEMA, **places, **question})
    command = [str(tool.python), "-I", "-u", str(tool.known.runner), str(request), str(response)]
    code = _run(command, folder, log, tool.timeout_s)
    ending = f"ended with status {code}" if code is not None else f"took longer than {tool.timeout_s:g} s"
    if not response.is_file() or response.is_symlink():
        raise _failed(tool, f"{ending}, without a response", log)
    answer = _checked(tool, response)
    left_out = {job["name"] for job in question["jobs"]} - {*answer.done, *answer.failed}
    if left_out and not answer.done:
        raise _failed(tool, ending, log)
    return replace(answer, failed=answer.failed | dict.fromkeys(sorted(left_out), ending))


def _run(command: list[str], folder: Path, log: Path, timeout_s: float) -> int | None:
    """The exit status as a shell tells it; None if the time was up. Nothing of it is left running."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | GIVEN
    with open(log, "wb") as printed:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return code if code >= 0 else 128 - code


def _checked(tool: Installed, path: Path) -> Answer:
    folder, log = path.parent, path.with_name("tool.log")
    if path.stat().st_size > RESPONSE_BYTES:
        raise _failed(tool, f"gave a response of more than {RESPONSE_BYTES} bytes", log)
    try:
        response = typed_json(_Response, path.read_text(encoding="utf-8"), str(path))
    except (UnicodeDecodeError, InputError) as error:
        raise _failed(tool, f"gave a response that cannot be understood ({_first_line(error)})", log) from None
    if response.status == "error":
        raise _failed(tool, f"could not start: {response.error}", log)
    done = {name: Done(_owned(tool, folder, one.file), one.facts) for name, one in response.done.items()}
    return Answer(done, response.failed, response.versions)


def _owned(tool: Installed, folder: Path, name: str) -> Path:
    """The file that a tool names. Raises ToolFailed if it is none of its own."""
    path = folder / name
    if path.parent != folder or path.name in ("..", "") or path.is_symlink() or not path.is_file():
        raise _failed(tool, f"named a file that is none, or not in its folder: {name[:200]!r}", folder / "tool.log")
    if path.stat().st_size > FILE_BYTES:
        raise _failed(tool, f"wrote a file of more than {FILE_BYTES} bytes: {name}", folder / "tool.log")
    return path


def _failed(tool: Installed, what: str, log: Path) -> ToolFailed:
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LOG_LINES:]
    fix = "read the log; `splatsmith doctor` tells what the tool lacks"
    got = " | ".join(line.strip()[:200] for line in last) or "nothing printed"
    return ToolFailed(Problem(f"{tool.known.name} {what}", str(log), fix, got=got))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
