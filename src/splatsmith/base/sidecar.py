"""Columns that belong to the rows of a PLY, in an .npz beside it that tells which PLY by the hash of its bytes.

Labels and scores stay out of the PLY itself, so that every viewer loads it; and a label never lands on a row of
another file, since a sidecar whose PLY has changed is refused.
"""

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem

KEY = "ply_sha256"
FAULTS = (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What numpy raises over files that are no sound .npz."""
REDO = "redo the stage that made it"


def write_sidecar(path: str | os.PathLike, ply: str | os.PathLike, **columns: np.ndarray) -> None:
    """Write columns, each (N, ...) for the N rows of the file `ply`, atomically."""
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **columns, **{KEY: np.array(files.sha256_of(ply))})


def read_sidecar(path: str | os.PathLike, ply: str | os.PathLike, names: Sequence[str]) -> tuple[np.ndarray, ...]:
    """The columns `names` that `write_sidecar` wrote. Raises InputError where they are missing, damaged, or of another
    PLY than `ply`."""
    where = str(path)
    try:
        with open(path, "rb") as file, _npz(file) as stored:
            key, columns = str(stored[KEY]), tuple(stored[name] for name in names)
    except FAULTS as error:
        got = "no such file" if isinstance(error, FileNotFoundError) else str(error) or type(error).__name__
        expected = f"an .npz with {', '.join(names)} and {KEY}"
        raise InputError(Problem("a sidecar file is missing or damaged", where, REDO, expected, got)) from None
    found = files.sha256_of(ply) if Path(ply).is_file() else "no such file"
    if key != found:
        fix = f"{REDO}, or put back the PLY that it was made for"
        expected, got = f"a PLY with SHA-256 {key[:12]}...", f"{ply} with {found[:12]}"
        raise InputError(Problem("the rows described here are those of another PLY", where, fix, expected, got))
    return columns


def _npz(file: BinaryIO) -> np.lib.npyio.NpzFile:
    if not zipfile.is_zipfile(file):
        raise ValueError("a file of another kind")  # numpy would take it for a pickle
    file.seek(0)
    return np.load(file, allow_pickle=False)
