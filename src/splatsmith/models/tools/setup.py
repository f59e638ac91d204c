"""Whether a tool is fit to run here: its licence, interpreter, checkout and weights. Runs nothing but git."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splatsmith.base.errors import InputError, Problem
from splatsmith.models.tools.catalogue import TOOLS, Known
from splatsmith.models.tools.settings import Tool

GUIDE = "docs/tools.md says how"
GIT_SECONDS = 60


@dataclass(frozen=True)
class Installed:
    """A tool that is there and may be run."""

    known: Known
    python: Path
    """Its interpreter, absolute; links are not followed, since a virtual environment is known by its link."""
    repo: Path
    weights: Path
    commit: str | None
    """Hex digits of the checkout's commit, `+` behind them if files of it were changed; None if it is no checkout."""
    timeout_s: float

    def facts(self) -> dict[str, str | None]:
        """What a stage records of it."""
        return {"tool": self.known.name, "commit": self.commit, "licence": self.known.licence}


@dataclass(frozen=True)
class Surveyed:
    """What `splatsmith doctor` says of one tool."""

    name: str
    state: Literal["ok", "note", "problem"]
    detail: str
    fix: str | None = None


def find_tool(name: str, tools: Mapping[str, Tool], models_dir: Path, accepted: Collection[str]) -> Installed:
    """The tool `name` of the configuration, its weights below `models_dir`, found complete.

    accepted: names of the tools whose licences the user accepts though they forbid commercial use. A checkout at an
    unknown commit is told of on stderr. Raises InputError with everything that is missing.
    """
    known = TOOLS[name]
    problems = [] if known.commercial or name in accepted else [_licence(known)]
    if name not in tools:
        raise InputError(*problems, _nowhere(known))
    looked = _look(known, tools[name], models_dir)
    problems += looked.missing
    if looked.odd is not None and tools[name].strict:
        problems.append(looked.odd)
    if problems:
        raise InputError(*problems)
    if looked.odd is not None:
        print(f"warning: {looked.odd}", file=sys.stderr, flush=True)
    return Installed(known, looked.python, looked.repo, looked.weights, looked.commit, tools[name].timeout_s)


def survey_tools(tools: Mapping[str, Tool], models_dir: Path) -> Iterator[Surveyed]:
    """Every tool of the catalogue: what is there and what is missing, in words. None is needed."""
    for name, known in TOOLS.items():
        if name not in tools:
            detail = f"not set up; {known.task} ({known.licence})"
            yield Surveyed(name, "note", detail, f"name it in the configuration: {GUIDE}")
            continue
        looked = _look(known, tools[name], models_dir)
        wrong = [*looked.missing, *([] if looked.odd is None else [looked.odd])]
        if not wrong:
            detail = f"{looked.commit[:7]} in {looked.repo} ({known.licence}); {known.task}"
            yield Surveyed(name, "ok", detail)
        else:
            state = "problem" if looked.missing or tools[name].strict else "note"
            yield Surveyed(name, state, f"{wrong[0].what}: {wrong[0].got} ({known.licence})", wrong[0].fix)


@dataclass(frozen=True)
class _Looked:
    """What is where the configuration says."""

    python: Path | None
    repo: Path
    weights: Path
    commit: str | None
    missing: tuple[Problem, ...]
    odd: Problem | None
    """That the checkout is at an unknown commit; None also where there is no checkout at all."""


def _look(known: Known, settings: Tool, models_dir: Path) -> _Looked:
    python = _executable(settings.python)
    repo = Path(os.path.abspath(Path(settings.repo).expanduser()))
    weights = Path(os.path.abspath(models_dir / known.name))
    commit = _commit(repo)
    missing = tuple(_missing(known, settings, python, repo, weights))
    odd = _odd_commit(known, repo, commit) if repo.is_dir() else None
    return _Looked(python, repo, weights, commit, missing, odd)


def _executable(python: str) -> Path | None:
    found = shutil.which(Path(python).expanduser())
    return None if found is None else Path(os.path.abspath(found))


def _missing(known: Known, settings: Tool, python: Path | None, repo: Path, weights: Path) -> list[Problem]:
    name, problems = known.name, []
    if python is None:
        where, got = f"config: tools.{name}.python", f"no program at {settings.python}"
        problems.append(Problem(f"the interpreter of `{name}` is not there", where, f"correct it; {GUIDE}", got=got))
    if lacking := _lacking(repo, known.repo_files):
        fix = f"git clone --recursive {known.url} {shlex.quote(str(repo))}; {GUIDE}"
        where = f"config: tools.{name}.repo: {repo}"
        problems.append(Problem(f"the checkout of `{name}` is not complete", where, fix, got=f"no {lacking}"))
    if lacking := _lacking(weights, known.weights_files):
        fix = f"fetch https://huggingface.co/{known.weights}; {GUIDE} and which files belong there"
        expected = ", ".join(known.weights_files)
        what = f"the weights of `{name}` are not there"
        problems.append(Problem(what, str(weights), fix, expected, got=f"no {lacking}"))
    return problems


def _lacking(folder: Path, files: tuple[str, ...]) -> str:
    return ", ".join(file for file in files if not (folder / file).exists()) if folder.is_dir() else "such folder"


def _licence(known: Known) -> Problem:
    return Problem(
        f"the licence of `{known.name}` forbids commercial use, and nobody has accepted it",
        "config: models.accept_licences",
        f"if you may use it, add `{known.name}` there",
        got=known.licence,
    )


def _nowhere(known: Known) -> Problem:
    fix = f"set it up ({known.needs}) and name its python and repo there; {GUIDE}"
    return Problem(f"nothing says where `{known.name}` is", f"config: tools.{known.name}", fix, got="no such entry")


def _odd_commit(known: Known, repo: Path, commit: str | None) -> Problem | None:
    if commit is not None and commit.startswith(known.commits) and not commit.endswith("+"):
        return None
    got = "no git checkout" if commit is None else commit
    fix = f"git -C {shlex.quote(str(repo))} checkout --recurse-submodules {known.commits[0]}, or see whether it works"
    what = f"the checkout of `{known.name}` is not at a commit that is known to fit"
    return Problem(what, f"config: tools.{known.name}.repo: {repo}", fix, " or ".join(known.commits), got)


def _commit(repo: Path) -> str | None:
    """As `Installed.commit`. Files that the checkout does not know, such as compiled ones, do not count."""
    head = _git(repo, "rev-parse", "--show-toplevel", "HEAD")
    if head is None or Path(head[0]) != repo.resolve():  # a plain folder within some other checkout is none
        return None
    changed = _git(repo, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty")
    return head[1] + ("+" if changed else "")


def _git(repo: Path, *words: str) -> list[str] | None:
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(repo), *words]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.splitlines() if answer.returncode == 0 else None
