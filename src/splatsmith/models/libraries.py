"""Whether the libraries that run 2D models are there and fit together, found out without importing any of them."""

import re
from importlib import metadata
from pathlib import Path

from splatsmith.base.errors import InputError, Problem

EXTRA = "models"
"""Of pyproject.toml: what brings the libraries."""
TRANSFORMERS = "5.23."
"""The minor version that the adapters are written for: names and return values changed between others."""


def require_libraries(backend: str) -> None:
    """Raises InputError where transformers is missing or of another version, or where torchvision breaks it."""
    fix = f"pip install -c constraints.txt 'splatsmith[{EXTRA}]', or SPLATSMITH_EXTRAS={EXTRA} ./run"
    for name in ("transformers", "safetensors"):
        if _version(name) is None:
            raise InputError(Problem(f"`{backend}` needs {name}", "installed packages", fix, got="not installed"))
    got = _version("transformers")
    if not got.startswith(TRANSFORMERS):
        what = f"`{backend}` needs another transformers"
        raise InputError(Problem(what, "installed packages", fix, expected=f"{TRANSFORMERS}*", got=got))
    if (broken := broken_torchvision()) is not None:
        raise InputError(broken)


def broken_torchvision() -> Problem | None:
    """What is wrong with an installed torchvision, None where it is absent or whole.

    Transformers uses torchvision wherever it is installed. One that does not fit the installed torch makes every
    import of a model fail with a message that names neither: on Linux, the wheel from PyPI beside a torch for the CPU.
    """
    torchvision, torch = _version("torchvision"), _version("torch")
    if torchvision is None or torch is None:
        return None
    needed = _made_for_torch()
    if needed is not None and torch.split("+")[0] != needed.split("+")[0]:
        got = f"torchvision {torchvision} is made for torch {needed}, installed is torch {torch}"
    elif _needs_cuda() and not _torch_has_cuda():
        got = f"torchvision {torchvision} is made for CUDA, the installed torch {torch} for the CPU"
    else:
        return None
    fix = "pip uninstall torchvision: nothing here needs it"
    return Problem("torchvision does not fit torch, and breaks every 2D model", "installed packages", fix, got=got)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _made_for_torch() -> str | None:
    """The exact torch version that the installed torchvision declares, None where it declares none."""
    for requirement in metadata.requires("torchvision") or []:
        if (match := re.match(r"torch\s*\(?==\s*([\w.+]+)", requirement)) is not None:
            return match[1]
    return None


def _needs_cuda() -> bool:
    """Whether torchvision's compiled part names the CUDA half of torch among the libraries that it loads."""
    return any(b"libc10_cuda" in file.read_bytes() for file in _installed("torchvision", "_C*.so"))


def _torch_has_cuda() -> bool:
    return bool(_installed("torch", "lib/libc10_cuda.so"))


def _installed(package: str, pattern: str) -> list[Path]:
    folder = Path(str(metadata.distribution(package).locate_file(package)))
    return sorted(folder.glob(pattern))
