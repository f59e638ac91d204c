"""Files that are either complete or absent: written under a temporary name, synced, then renamed."""

import hashlib
import json
import os
import re
import secrets
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_TEMPORARY = re.compile(rf"\..*\.{_HOST}-(\d+)-[0-9a-f]{{8}}\.tmp(\..*)?", re.DOTALL)
"""Name of a temporary of this machine, with the number of the process that writes it."""


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed to `path`, on failure removed.

    The temporary name keeps the suffix, since many writers choose their format by it. Parent folders are made.
    What killed processes left in the folder is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = path.with_name(f".{path.stem}.{_HOST}-{os.getpid()}-{secrets.token_hex(4)}.tmp{path.suffix}")
    temporary.touch(exist_ok=False)  # with the mode that any new file gets
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8 with Unix line ends on every platform."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | os.PathLike, value: object) -> None:
    """Write `value` to `path` atomically as readable JSON. Raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_of(path: str | os.PathLike) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@cache
def _sweep(folder: Path) -> None:
    """Remove the temporaries of processes that are no more; once per process and folder, whose listing may be long."""
    import psutil

    for entry in os.scandir(folder):
        match = _TEMPORARY.fullmatch(entry.name)
        if match and not psutil.pid_exists(int(match[1])):
            Path(entry).unlink(missing_ok=True)
