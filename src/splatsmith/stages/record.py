"""`stage.json`: what a stage did, with what, and how it went. Written whether it succeeds or not.

The file is no declared output of the workflow, which deletes those when a job fails: it outlives the failure that it
describes.
While the stage runs, and after a kill, it says `failed` with the reason that the stage never finished.
"""

import math
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from splatsmith import __version__
from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of, write_json
from splatsmith.base.memory import peak_memory_bytes

Status = Literal["ok", "degraded", "ambiguous", "failed"]
PACKAGES = ("torch", "numpy", "numba", "gsplat", "pycolmap", "opencv-python-headless")
"""What can change a stage's result beside our own code."""


@dataclass(frozen=True)
class Outputs:
    """Where most stages write: the files that the stage's module or its package lists, below `folder`."""

    folder: Path

    @property
    def stage_json(self) -> Path:
        """What the stage did."""
        return self.folder / "stage.json"


@dataclass
class Record:
    """What `stage.json` holds. A stage fills in `metrics`, and `status` with its `reason` where it is not "ok"."""

    stage: str
    status: Status = "ok"
    reason: str = ""
    code: str | None = None  # digest of the stage's sources as the workflow accepted them; None when run by hand
    versions: dict[str, str] = field(default_factory=dict)
    config: dict = field(default_factory=dict)
    arguments: dict[str, str | None] = field(default_factory=dict)  # what the caller named, as it was written
    inputs: dict[str, str | None] = field(default_factory=dict)  # path: sha256, None where there was no such file
    seed: int | None = None
    backend: str | None = None  # the one that ran, never "auto"
    seconds: float = 0.0
    peak_memory_mb: float = 0.0  # of the whole process
    peak_gpu_memory_mb: float | None = None
    metrics: dict[str, object] = field(default_factory=dict)


@contextmanager
def record(
    path: str | os.PathLike,
    *,
    stage: str,
    config: BaseModel,
    inputs: Iterable[str | os.PathLike] = (),
    seed: int | None = None,
    backend: str | None = None,
) -> Iterator[Record]:
    """Run a stage's body under a Record that is written to `path` as JSON at the end, whatever the end is.

    `inputs` are the files that the stage reads; they are hashed first. An exception is recorded and passes through.
    """
    entry = Record(
        stage=stage,
        code=os.environ.get("SPLATSMITH_CODE"),
        versions=_versions(),
        config=config.model_dump(mode="json"),
        inputs={Path(file).as_posix(): sha256_of(file) if Path(file).is_file() else None for file in inputs},
        seed=seed,
        backend=backend,
    )
    write_json(path, asdict(entry) | {"status": "failed", "reason": "the stage was killed or is still running"})
    started = time.monotonic()
    try:
        yield entry
    except BaseException as error:
        entry.status = "failed"
        entry.reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        entry.seconds = round(time.monotonic() - started, 3)
        entry.peak_memory_mb = round(peak_memory_bytes() / 2**20, 1)
        entry.peak_gpu_memory_mb = _peak_gpu_memory_mb()
        write_json(path, _plain(asdict(entry)))


def _versions() -> dict[str, str]:
    found = {"splatsmith": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _peak_gpu_memory_mb() -> float | None:
    torch = sys.modules.get("torch")  # a stage that never imported it used no GPU
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return round(torch.cuda.max_memory_allocated() / 2**20, 1)


def _plain(value: object) -> object:
    """`value` as JSON takes it: array scalars as numbers, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
