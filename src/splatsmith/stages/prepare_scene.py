"""Stage prepare_scene: a captured scene folder in, a prepared scene out (its files: scenes/prepared.py).

Photos become undistorted pictures of their pinhole cameras, in the input's world frame. A photo that is one already,
and small enough, is copied byte for byte; any other is undistorted, shrunk by area averaging and written as PNG, its
alpha composited on white. Photos without cameras get them from structure from motion, in an arbitrary world frame.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.cores import usable_cores
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import remove_manifest
from splatsmith.base.progress import Progress
from splatsmith.scenes import split as splits
from splatsmith.scenes.split import Split, read_split
from splatsmith.stages.record import record

if TYPE_CHECKING:
    from splatsmith.scenes.cameras import View
    from splatsmith.scenes.capture import Capture
    from splatsmith.scenes.check import Inspection


class Config(BaseModel):
    """How photos are prepared."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_side: Annotated[int, Field(ge=16)] | None = 1600
    """Longest side of the prepared pictures in pixels; larger photos are shrunk. null keeps every size."""
    images: str = "images"
    """Folder of the photos in the scene folder, e.g. images_4 for the same photos at a quarter of the size."""
    test_every: Literal[0] | Annotated[int, Field(ge=2)] = 8
    """Without a split file, every n-th view in the order of names is held out, beginning with the first; 0: none."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Scene folder in any layout of scenes/layout.py."""
    split: Path | None = None
    """File that says which photos train and which are held out; None: as the cameras' file or `test_every` tells."""


@dataclass(frozen=True)
class Outputs:
    """Where the stage writes: a prepared scene and `stage.json`."""

    folder: Path

    @property
    def stage_json(self) -> Path:
        """What the stage did."""
        return self.folder / "stage.json"


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Prepare the scene. `threads` (one for each core, if None) does not change the result.

    Raises InputError with every problem of the folder at once, before anything but `stage.json` is written.
    """
    from splatsmith.scenes.check import inspect_scene
    from splatsmith.scenes.origins import Origin
    from splatsmith.scenes.prepared import PreparedScene, write_prepared
    from splatsmith.scenes.verdict import judge

    threads = threads or usable_cores()
    folder, label = outputs.folder, f"prepare {outputs.folder.absolute().parent.name}"
    remove_manifest(folder)
    sources = _sources(inputs.scene, config.images) + ([inputs.split] if inputs.split else [])
    with record(outputs.stage_json, stage="prepare_scene", config=config, inputs=sources, seed=0) as rec:
        rec.arguments = {"scene": inputs.scene.as_posix(), "split": inputs.split and inputs.split.as_posix()}
        lists = read_split(inputs.split) if inputs.split else None
        found = inspect_scene(inputs.scene, lists, str(inputs.split), config.images, config.test_every, threads)
        if found.problems:
            raise InputError(*found.problems)
        capture, split = _with_cameras(found, config, folder, label, threads)
        verdict = judge(capture, found.layout)
        views = _develop(capture, folder / "images", config.max_side, label, threads)
        trained = _copy_trained(found.layout.trained, folder / "trained.ply")
        origins = {shot.name: Origin.of_shot(shot) for shot in capture.shots}
        write_prepared(folder, PreparedScene(views, capture.points, split, trained, origins), verdict.as_dict())
        print(f"{label}: {verdict}", flush=True)
        rec.metrics |= {"views": verdict.views, "points": verdict.points, "registered_share": verdict.registered_share}
        if verdict.verdict == "poor":
            rec.status, rec.reason = "degraded", "; ".join(verdict.advice)


def _sources(scene: Path, images: str) -> list[Path]:
    from splatsmith.scenes.layout import input_files

    try:
        return input_files(scene, images)
    except InputError:
        return []  # the inspection tells what is wrong


def _with_cameras(
    found: "Inspection", config: Config, folder: Path, label: str, threads: int
) -> "tuple[Capture, Split]":
    """The capture and its split; for photos alone, after finding their cameras."""
    from splatsmith.scenes.photos import reconstruct

    if found.capture is not None:
        return found.capture, found.split
    work = folder / ".sfm"
    shutil.rmtree(work, ignore_errors=True)  # of a killed run
    try:
        capture = reconstruct(found.layout.photos, work, label, threads)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    names = [shot.name for shot in capture.shots]
    split = splits.every_nth(names, config.test_every) if found.split is None else found.split.among(names)
    if not split.train:
        fix = "let other photos train, or take more"
        raise InputError(Problem("no photo that trains could be placed", str(found.layout.photos), fix))
    return capture, split


def _develop(capture: "Capture", folder: Path, max_side: int | None, label: str, threads: int) -> "tuple[View, ...]":
    from splatsmith.scenes.develop import develop

    views = []
    with ThreadPoolExecutor(threads) as pool, Progress(label, len(capture.shots), "photos") as bar:
        for view in pool.map(lambda shot: develop(shot, folder, max_side), capture.shots):
            views.append(view)
            bar.advance()
    return tuple(views)


def _copy_trained(trained: Path | None, target: Path) -> Path | None:
    if trained is None:
        target.unlink(missing_ok=True)
        return None
    with files.atomic_path(target) as temporary:
        shutil.copyfile(trained, temporary)
    return target
