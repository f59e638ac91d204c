"""Stage associate_masks: the masks that each view has of its own in, label maps that agree in all views out.

The files are those of segment2d/consistent.py. Every view gets a label map, a held-out one and one without masks too:
these are drawn from what the other views' masks say of the Gaussians, and `views.json` tells which. Nothing is measured
on them: evaluation has a truth of its own.

Where the source tells what its masks show, they are taken as they are; else they are held against each other by the
Gaussians that they cover.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base.errors import InputError, Problem
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.scenes.label_maps import Legend
    from splatsmith.scenes.prepared import PreparedScene
    from splatsmith.segment2d.association import Consistent, Given
    from splatsmith.segment2d.masks import RawMasks
    from splatsmith.segment2d.store import StoredMasks


class Config(BaseModel):
    """How masks of several views become one object."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""
    min_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Overlap in 3D from which two masks count for being one object: lower joins more, higher parts more."""
    trust: bool = True
    """Believe the source where it says which masks of different views are one object; else it is found out in 3D."""
    repair: bool = False
    """Repair masks from all other views even where the source says what they show; others are always repaired."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""
    masks: Path
    """Folder of the raw masks of all views."""
    gaussians: Path
    """PLY of trained Gaussians, in the scene's world frame."""


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Make the masks agree; `threads` (all, if None) does not change the result.

    Raises InputError where an input is missing or damaged, or no view that trains has a mask.
    """

    from splatsmith.gaussians.ply import read_ply
    from splatsmith.render.choice import settled
    from splatsmith.render.cpu import get_threads
    from splatsmith.scenes.prepared import read_prepared
    from splatsmith.segment2d.association import Projector, associate
    from splatsmith.segment2d.consistent import write_consistent
    from splatsmith.segment2d.store import read_raw

    folder, label = outputs.folder, f"associate {outputs.folder.absolute().parent.parent.name}"
    (folder / "manifest.json").unlink(missing_ok=True)
    sources = [inputs.scene / "manifest.json", inputs.masks / "manifest.json", inputs.gaussians]
    with record(outputs.stage_json, stage="associate_masks", config=config, inputs=sources) as rec:
        scene, stored = read_prepared(inputs.scene), read_raw(inputs.masks)
        given = _given(scene, stored)
        rec.backend = settled(config.backend, threads)
        projector = Projector.of(read_ply(inputs.gaussians), rec.backend, config.antialiased)
        counts = f"{sum(len(one.masks.masks) for one in given)} masks in {len(given)} views"
        print(f"{label}: {counts}, backend {rec.backend}", flush=True)
        legend, maps = associate(
            projector,
            given,
            objects=stored.raw.objects,
            rest=stored.raw.rest,
            min_iou=config.min_iou,
            trust=config.trust,
            repair=config.repair,
            label=label,
        )
        write_consistent(folder, scene, legend, maps, label=f"{label}: writing", threads=threads or get_threads())
        _tell(rec, stored.raw, legend, maps, label)


def _given(scene: "PreparedScene", stored: "StoredMasks") -> list["Given"]:
    """All views with their masks. Raises InputError where they are of other views, or there are none to begin with."""
    from splatsmith.segment2d.association import Given
    from splatsmith.segment2d.store import REDO

    if absent := sorted({view.name for view in scene.views} - stored.raw.views.keys()):
        raise InputError(Problem("the masks are of other views", str(stored.folder), REDO, got=f"none of {absent[0]}"))
    train = {view.name for view in scene.train_views or scene.views}
    given = [Given(view, stored.of_view(view.name), view.name in train) for view in scene.views]
    for one in given:
        (height, width), camera = one.masks.labels.shape, one.view.camera
        if (width, height) != (camera.width, camera.height):
            where, expected = str(stored.folder / f"{one.view.name}.png"), f"{camera.width}x{camera.height} pixels"
            raise InputError(Problem("the masks are of other views", where, REDO, expected, f"{width}x{height}"))
    if not any(one.votes for one in given):
        why = "; ".join(f"{name}: {reason}" for name, reason in stored.raw.missing.items())
        fix = why or "choose another source of masks, or other prompts"
        raise InputError(Problem("no view that trains has a mask", str(stored.folder), fix))
    return given


def _tell(rec: Record, raw: "RawMasks", legend: "Legend", maps: Mapping[str, "Consistent"], label: str) -> None:
    """Put into the record, and print, what came out."""
    parts = sum(entry.parent is not None for entry in legend.entries)
    origins = [map.origin for map in maps.values()]
    rec.metrics |= {"objects": len(legend.entries) - parts, "parts": parts, "views": len(maps)}
    rec.metrics |= {origin: origins.count(origin) for origin in ("given", "repaired", "rendered")}
    rec.metrics |= {word: sum(getattr(map, word) for map in maps.values()) for word in ("divided", "dropped")}
    if raw.missing:
        rec.status = "degraded"
        rec.reason = "; ".join(f"{name} was not found: {reason}" for name, reason in raw.missing.items())
    print(f"{label}: {', '.join(f'{count} {what}' for what, count in rec.metrics.items())}")
    if rec.reason:
        print(f"{label}: {rec.reason}")
