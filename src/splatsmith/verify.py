"""Whether results are still what the stages wrote, and which stage to redo where they are not.

Snakemake never looks into results: one that a full disk, a copy or a hand has damaged goes unnoticed by it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import MANIFEST_NAME, fault, read_manifest


@dataclass(frozen=True)
class Verified:
    """One folder of results."""

    folder: Path
    files: int
    """That its manifest lists."""
    problems: tuple[Problem, ...]
    """One for each file that is missing or damaged."""

    def __str__(self) -> str:
        count = f"{self.folder}: {self.files} files"
        if not self.problems:
            return f"{count}, as written"
        told = (f"problem: {problem}" for problem in self.problems)
        return "\n".join([f"{count}, {len(self.problems)} of them missing or damaged", *told])


def verified(results: Path) -> Iterator[Verified]:
    """Every folder at or below `results` that has a manifest, each of its files hashed again.

    Raises InputError where there is none.
    """
    manifests = sorted(path for path in results.rglob(MANIFEST_NAME) if not _hidden(path.relative_to(results)))
    if not manifests:
        fix = "name the folder of the results, e.g. results or results/demo"
        raise InputError(Problem("there are no results", str(results), fix, f"a {MANIFEST_NAME} at or below it"))
    yield from (_verify(path.parent) for path in manifests)


def _verify(folder: Path) -> Verified:
    fix = _redo(folder)
    try:
        listed = read_manifest(folder)
    except (OSError, ValueError) as error:
        where = str(folder / MANIFEST_NAME)
        return Verified(folder, 0, (Problem("the manifest cannot be read", where, fix, got=str(error)),))
    found = ((name, fault(folder, name, listed)) for name in listed)
    what = "a result is missing or damaged"
    return Verified(
        folder, len(listed), tuple(Problem(what, str(folder / name), fix, got=got) for name, got in found if got)
    )


def _redo(folder: Path) -> str:
    """How to make the folder again: by the stage that its record names, for the scene above it."""
    try:
        stage = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["stage"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"redo the stage that writes {folder.name}/: ./run redo STAGE"
    scene = next((parent.name for parent in folder.absolute().parents if (parent / "scene").is_dir()), "")
    return f"./run redo {stage} {scene}".strip()


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
