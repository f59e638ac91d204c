"""`manifest.json`: the SHA-256 of every file in a folder of results, by its path from there.

It is written last and removed first: while it is absent, the results are not there.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from splatsmith.base import files

MANIFEST_NAME = "manifest.json"


def remove_manifest(folder: Path) -> None:
    """Declare the results in `folder` to be not there, before the first of them changes."""
    (folder / MANIFEST_NAME).unlink(missing_ok=True)


def write_manifest(folder: Path, names: Iterable[str]) -> None:
    """List files of `folder`, all written by now, by their paths from there with forward slashes."""
    files.write_json(folder / MANIFEST_NAME, {name: files.sha256_of(folder / name) for name in sorted(names)})


def read_manifest(folder: Path) -> dict[str, str]:
    """Digests by path. Raises OSError where there is no manifest to be read, ValueError where it is not one."""
    listed = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    if not isinstance(listed, dict) or not all(isinstance(digest, str) for digest in listed.values()):
        raise ValueError("not paths with their digests")
    return listed


def fault(folder: Path, name: str, manifest: dict[str, str]) -> str | None:
    """What is wrong with a file of `folder`, in words; None where it is as it was written."""
    path = folder / name
    if not path.is_file():
        return "the file is missing"
    return None if files.sha256_of(path) == manifest.get(name) else "its bytes are not those that the manifest lists"
