"""What a scene's results say, read from their folder for a page: checked, and with every number as it was written."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.pictures import read_picture
from splatsmith.scenes.prepared import PreparedScene, read_prepared
from splatsmith.scenes.verdict import Verdict

STAGES = {"prepare_scene": "scene", "train_3dgs": "gaussians", "render_views": "renders"}
"""Stages in the order in which they run, and their folders."""
Parsed = TypeVar("Parsed")


class Document(BaseModel):
    """What the page needs of a JSON file; further keys are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Figures(Document):
    """How close renders are to their photos."""

    psnr_db: float
    ssim: float


class DrawnView(Figures):
    """One view in `renders/metrics.json`."""

    name: str
    render: str
    """Path of the picture below `renders/`."""
    depth: str
    depths: tuple[float, float] | None
    """Depth of the brightest and of the darkest colour, in scene units."""


class Turntable(Document):
    """The video."""

    kind: Literal["circle", "swing", "pan"]
    span_deg: float
    width: int
    height: int
    frames: int
    fps: float


class Metrics(Document):
    """`renders/metrics.json`."""

    kind: Literal["test", "train"]
    reason: str
    gaussians: int
    sh_degree: int
    mean: Figures
    views: tuple[DrawnView, ...]
    turntable: Turntable


class StageRecord(Document):
    """A `stage.json`."""

    stage: str
    status: str
    reason: str = ""
    code: str | None = None
    versions: dict[str, str] = {}
    config: dict = {}
    inputs: dict[str, str | None] = {}
    seed: int | None = None
    backend: str | None = None
    seconds: float | None = None
    peak_memory_mb: float | None = None
    peak_gpu_memory_mb: float | None = None


@dataclass(frozen=True, eq=False)
class Results:
    """All that the page shows."""

    name: str
    scene: PreparedScene
    verdict: Verdict
    curve: list[dict]
    """Rows of `gaussians/metrics.jsonl`; none where the scene came trained."""
    metrics: Metrics
    stages: list[StageRecord]
    """Of the stages that left a `stage.json`, in their order."""
    renders: "Renders"


@dataclass(frozen=True, eq=False)
class Renders:
    """The folder `renders/`. Only files are given out that are as the manifest lists them, or InputError is raised."""

    folder: Path
    manifest: dict[str, str]

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        data = _bytes(self.folder / name, "render_views")
        if hashlib.sha256(data).hexdigest() != self.manifest.get(name):
            raise _unusable(self.folder / name, "render_views", "its bytes are not those that the manifest lists")
        return data

    def picture(self, name: str) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        self.read(name)
        return read_picture(self.folder / name)


def read_results(folder: Path) -> Results:
    """Read `results/{scene}`. Raises InputError that names the file and the stage to redo."""
    scene = read_prepared(folder / "scene")
    manifest = folder / "renders" / "manifest.json"
    renders = Renders(manifest.parent, _json(dict[str, str], manifest, "render_views"))
    metrics_json, metrics_jsonl = renders.folder / "metrics.json", folder / "gaussians" / "metrics.jsonl"
    metrics = _parsed(Metrics, renders.read("metrics.json"), metrics_json, "render_views")
    strangers = {view.name for view in metrics.views} - {view.name for view in scene.views}
    if strangers:
        got = f"views that the scene does not have: {', '.join(sorted(strangers))}"
        raise _unusable(metrics_json, "render_views", got)
    rows = _bytes(metrics_jsonl, "train_3dgs").splitlines()
    records = {stage: folder / place / "stage.json" for stage, place in STAGES.items()}
    return Results(
        name=folder.absolute().name,
        scene=scene,
        verdict=_json(Verdict, folder / "scene" / "verdict.json", "prepare_scene"),
        curve=[_parsed(dict, row, metrics_jsonl, "train_3dgs") for row in rows],
        metrics=metrics,
        stages=[_json(StageRecord, path, stage) for stage, path in records.items() if path.exists()],
        renders=renders,
    )


def _json(kind: type[Parsed], path: Path, stage: str) -> Parsed:
    return _parsed(kind, _bytes(path, stage), path, stage)


def _parsed(kind: type[Parsed], text: bytes, path: Path, stage: str) -> Parsed:
    try:
        return TypeAdapter(kind).validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unusable(path, stage, f"{place}: {first['msg']}" if place else first["msg"]) from None


def _bytes(path: Path, stage: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _unusable(path, stage, "no such file") from None
    except OSError as error:
        raise _unusable(path, stage, str(error)) from None


def _unusable(path: Path, stage: str, got: str) -> InputError:
    fix = f"redo the stage {stage}: ./run redo {stage}"
    return InputError(Problem("a result that the report shows is missing or damaged", str(path), fix, got=got))
