"""What a scene's results say, read from their folder for a page: checked, and with every number as it was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splatsmith.report.listed import Document, Listed, parsed, read_bytes, read_json, unusable
from splatsmith.report.places import STAGES, named
from splatsmith.report.segmented import Segmented, read_segmented
from splatsmith.scenes.prepared import PreparedScene, read_prepared
from splatsmith.scenes.verdict import Verdict


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
    of: str = ""
    """Which of the stage's results: a method, an edit; nothing where there is but one."""
    status: str
    reason: str = ""
    code: str | None = None
    versions: dict[str, str] = {}
    config: dict = {}
    arguments: dict[str, str | None] = {}
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
    renders: Listed
    segmented: Segmented


def read_results(folder: Path) -> Results:
    """Read `results/{scene}`. Raises InputError that names the file and the stage to redo."""
    scene = read_prepared(folder / "scene")
    renders = Listed.at(folder / "renders", "render_views")
    metrics = renders.json(Metrics, "metrics.json")
    strangers = {view.name for view in metrics.views} - {view.name for view in scene.views}
    if strangers:
        got = f"views that the scene does not have: {', '.join(sorted(strangers))}"
        raise unusable(renders.folder / "metrics.json", "render_views", got)
    curve = folder / "gaussians" / "metrics.jsonl"
    rows = read_bytes(curve, "train_3dgs").splitlines()
    return Results(
        name=folder.absolute().name,
        scene=scene,
        verdict=read_json(Verdict, folder / "scene" / "verdict.json", "prepare_scene"),
        curve=[parsed(dict, row, curve, "train_3dgs") for row in rows],
        metrics=metrics,
        stages=_stages(folder),
        renders=renders,
        segmented=read_segmented(folder),
    )


def _stages(folder: Path) -> list[StageRecord]:
    found = []
    for stage, pattern in STAGES.items():
        for path in sorted(folder.glob(f"{pattern}/stage.json")):
            of = named(path.parent.relative_to(folder).as_posix(), pattern)
            found.append(read_json(StageRecord, path, stage).model_copy(update={"of": of}))
    return found
