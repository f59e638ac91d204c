"""Whether this machine can run the pipeline, and what to do where it cannot."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from splatsmith.base.cores import usable_cores
from splatsmith.models.checkpoints import survey
from splatsmith.models.libraries import EXTRA, TRANSFORMERS, broken_torchvision
from splatsmith.models.tools.settings import Tool
from splatsmith.models.tools.setup import survey_tools

PYTHONS = ((3, 11), (3, 13))
"""First and last version that works."""
PACKAGES = ("torch", "numba", "numpy", "scipy", "pycolmap", "opencv-python-headless", "plyfile", "snakemake")
MIN_FREE_GB = 5
MIN_MEMORY_GB = 4
COLUMN = 16
"""Letters that the names of subjects take."""

_GPU_PROBE = """
import importlib.util, json, shutil, torch
found = {"cuda": torch.version.cuda, "gpus": [], "gsplat": None, "nvcc": shutil.which("nvcc")}
if torch.cuda.is_available():
    for i in range(torch.cuda.device_count()):
        p = torch.cuda.get_device_properties(i)
        found["gpus"].append(f"{p.name}, {p.total_memory / 2**30:.0f} GiB")
if importlib.util.find_spec("gsplat"):
    import gsplat
    found["gsplat"] = gsplat.__version__
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Finding:
    """One thing looked at. A "problem" stops something from working; a "note" is worth knowing."""

    subject: str
    state: Literal["ok", "note", "problem"]
    detail: str
    fix: str | None = None

    def __str__(self) -> str:
        sign = {"ok": " ok ", "note": "note", "problem": "FAIL"}[self.state]
        fix = "" if self.fix is None else f"\n{'':<{7 + COLUMN}}-> {self.fix}"
        return f"[{sign}] {self.subject:<{COLUMN}}{self.detail}{fix}"


def findings(folder: Path, models: Path, tools: Mapping[str, Tool] | None = None) -> Iterator[Finding]:
    """Everything that `splatsmith doctor` looks at, one after the other.

    Results would go to `folder`; foundation models are looked for in `models`, tools where `tools` of the configuration
    says. No tool is started.
    """
    yield _python()
    yield from (_package(name) for name in PACKAGES)
    yield _threads()
    yield _memory()
    yield _compiled_code()
    yield from _gpu()
    yield _video()
    yield _disk(folder)
    yield from _model_libraries()
    yield from _models(models)
    yield from _tools(tools or {}, models)


def _python() -> Finding:
    first, last = (".".join(map(str, version)) for version in PYTHONS)
    good = PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    fix = None if good else f"install Python {first} to {last}, remove .venv, start ./run again"
    return Finding("python", "ok" if good else "problem", f"{platform.python_version()} at {sys.executable}", fix)


def _package(name: str) -> Finding:
    try:
        return Finding(name.split("-")[0], "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        fix = f"pip install -c constraints.txt {name}, or start ./run once"
        return Finding(name.split("-")[0], "problem", "not installed", fix)


def _threads() -> Finding:
    usable = usable_cores()
    limits = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS") if name in os.environ}
    detail = f"{usable} usable by this process" + "".join(f", {name}={value}" for name, value in limits.items())
    fewer = [name for name, value in limits.items() if value.isdigit() and int(value) < usable]
    fix = f"unset {' '.join(fewer)} to use them all" if fewer else None
    return Finding("threads", "note" if fewer else "ok", detail, fix)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    detail = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB available"
    if memory.available >= MIN_MEMORY_GB * 2**30:
        return Finding("memory", "ok", detail)
    return Finding("memory", "note", detail, "for larger scenes lower train.max_gaussians, or close other programs")


def _compiled_code() -> Finding:
    """numba keeps compiled kernels beside the sources or in the user's cache; with neither, each run compiles anew."""
    try:
        from splatsmith.render.cpu.compile import CACHE
    except (ImportError, OSError) as error:
        fix = "reinstall: remove .venv, start ./run"
        return Finding("kernels", "problem", f"the CPU rasterizer does not start: {error}", fix)
    if CACHE is not None:
        return Finding("kernels", "ok", f"compiled once, kept in {CACHE}")
    asked = os.environ.get("NUMBA_CACHE_DIR")
    detail = f"compiled in every run: cannot write {asked or 'beside the sources, nor in your cache folder'}"
    fix = "set NUMBA_CACHE_DIR to a folder that you may write to"
    return Finding("kernels", "problem" if asked else "note", detail, fix)


def _gpu() -> Iterator[Finding]:
    """Asked in a process of its own: a broken driver may hang or crash whoever touches it."""
    try:
        probe = subprocess.run([sys.executable, "-c", _GPU_PROBE], capture_output=True, text=True, timeout=120)
        found = json.loads(probe.stdout)
    except subprocess.TimeoutExpired:
        yield Finding(
            "gpu", "problem", "the driver does not answer", "see whether nvidia-smi does; restart the machine"
        )
        return
    except ValueError:
        last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("gpu", "problem", f"torch does not start: {last}", "reinstall torch: remove .venv, start ./run")
        return
    if not found["gpus"]:
        yield Finding("gpu", "note", *_why_no_gpu(found["cuda"]))
        return
    yield Finding("gpu", "ok", f"{'; '.join(found['gpus'])} (torch for CUDA {found['cuda']})")
    if found["gsplat"] is None:
        yield Finding("gsplat", "note", "not installed: the GPU is not used", "SPLATSMITH_EXTRAS=gpu ./run")
    elif found["nvcc"] is None and not os.environ.get("CUDA_HOME"):
        fix = "install the CUDA toolkit, unless your gsplat came with compiled kernels"
        yield Finding("gsplat", "note", f"{found['gsplat']}, but no nvcc to compile its kernels with", fix)
    else:
        yield Finding("gsplat", "ok", f"{found['gsplat']}; kernels are compiled at their first use")


def _why_no_gpu(cuda: str | None) -> tuple[str, str | None]:
    if shutil.which("nvidia-smi") is None:
        return "none: everything runs on the CPU", None
    if cuda is None:
        return (
            "there is one, but this torch is built for the CPU",
            "install a torch for CUDA into .venv (docs/workflow.md)",
        )
    return (
        f"there is one, but torch for CUDA {cuda} cannot use it",
        "update the driver, or install a torch that fits it",
    )


def _video() -> Finding:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return Finding("ffmpeg", "ok", get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        return Finding("ffmpeg", "problem", f"turntables cannot be made: {error}", "pip install imageio-ffmpeg")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 2**30
    if free >= MIN_FREE_GB:
        return Finding("disk", "ok", f"{free:.0f} GiB free for results")
    fix = "make room, or put results elsewhere: ./run --directory /path"
    return Finding("disk", "note", f"only {free:.1f} GiB free for results", fix)


def _model_libraries() -> Iterator[Finding]:
    """What runs foundation models. It comes with an extra, for nothing needs a model."""
    if (broken := broken_torchvision()) is not None:
        yield Finding("torchvision", "problem", f"{broken.got}: that breaks every model", broken.fix)
    fix = f"SPLATSMITH_EXTRAS={EXTRA} ./run"
    try:
        version = metadata.version("transformers")
    except metadata.PackageNotFoundError:
        yield Finding("transformers", "note", "not installed: no foundation model can run", fix)
        return
    if version.startswith(TRANSFORMERS):
        yield Finding("transformers", "ok", version)
    else:
        yield Finding("transformers", "problem", f"{version}, but the models need {TRANSFORMERS}*", fix)


def _models(folder: Path) -> Iterator[Finding]:
    """Models that are not there are no fault: none is needed. A folder of one that cannot be used is."""
    for model in survey(folder):
        state = "ok" if model.ready else "problem" if (folder / model.backend).exists() else "note"
        yield Finding(model.backend, state, model.detail, model.fix)


def _tools(tools: Mapping[str, Tool], models: Path) -> Iterator[Finding]:
    """As with models: only what is set up, and cannot be used, is a fault."""
    for tool in survey_tools(tools, models):
        yield Finding(tool.name, tool.state, tool.detail, tool.fix)
