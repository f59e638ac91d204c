"""How kernels are compiled, and where the machine code is kept between runs."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numba

FASTMATH = {"contract", "reassoc", "arcp", "nsz", "afn"}
"""Everything but "nnan" and "ninf": comparisons with NaN and infinity must keep their meaning."""

OPTIONS = {
    "nogil": True,  # kernels are serial; threads call them on ranges of their own
    "error_model": "numpy",  # else the test for division by zero keeps every loop from being vectorised
    "fastmath": FASTMATH,
}


def kernel(function: Callable) -> Callable:
    """Compile a function that Python calls, on its first call, and keep the machine code for later runs.

    numba looks for a changed source in the kernel's own file only, not in the files of what it calls. So the code is
    kept under a digest of all our sources. Without a writable folder the code lives as long as the process.
    """
    if CACHE is None:
        return numba.njit(**OPTIONS)(function)
    users_choice = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CACHE)  # read while decorating only
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = users_choice


def inlined(function: Callable) -> Callable:
    """Compile a function that kernels call, into each of them."""
    return numba.njit(forceinline=True, **OPTIONS)(function)


def _cache_folder() -> Path | None:
    """NUMBA_CACHE_DIR, else beside the sources, else the user's cache; None if none of them can be written."""
    here = Path(__file__).resolve().parent
    users = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    chosen = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else [here / "__pycache__", users / "splatsmith"]
    digest = hashlib.sha256()
    for source in [*sorted(here.glob("*.py")), here.parent / "constants.py"]:
        digest.update(source.read_bytes())
    for folder in chosen:
        kept = folder / f"kernels-{digest.hexdigest()[:12]}"
        if folder.is_absolute() and _can_write(kept):
            return kept
    return None


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


CACHE = _cache_folder()
