"""Put completed objects back into their scene.

point_cloud.ply   the scene: what belongs to no completed object, its bytes and order as they were, then those objects.
                  Columns: `label`, and `provenance` (0 given or generated, 1 observed, 2 mirrored, 3 from the hull)
legend.json       names of the labels
contact.jpg       before and after: the scene from where each object is seen best, objects alone from where nobody stood
metrics.json      how each object's completion ended, Gaussians before and after, leftovers removed, PSNR in the photos
manifest.json     {relative path: sha256} of all of these, written last

An object whose completion failed stays as it was observed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.background import background_rgb
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.base.progress import Progress
from splatsmith.scenes.cameras import View
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome
    from splatsmith.complete.compose import Composed
    from splatsmith.edit.drawing import Drawing
    from splatsmith.gaussians import Gaussians
    from splatsmith.scenes.label_maps import Legend
    from splatsmith.scenes.prepared import PreparedScene

Channel = Annotated[float, Field(ge=0, le=1)]
SHOWN = 4
"""Objects in the contact sheet, or views where no object was completed."""
TURNS = (120, 240)
"""Degrees that further cameras of the contact sheet have gone round an object from where it is seen best."""


class Config(BaseModel):
    """How scenes are drawn before and after."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    background: Literal["black", "white"] | tuple[Channel, Channel, Channel] = "black"
    """Colour behind everything."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""
    masks: Path
    """Folder of the consistent masks."""
    objects: Path
    """Folder of the objects."""
    refined: tuple[Path, ...] = ()
    """Folders `completion/{object}/refined`, in any order."""


@dataclass(frozen=True, eq=False)
class _Task:
    """What is put together of what, and how it is drawn."""

    scene: "PreparedScene"
    masks: Path
    legend: "Legend"
    before: "Gaussians"
    """The scene with the column `label`."""
    outcomes: "Mapping[str, Outcome]"
    """How the completion of each object went, by name, in the order of their labels."""
    drawing: "Drawing"
    label: str

    def family(self, name: str) -> tuple[int, ...]:
        """Labels of an object and its parts; none where the segmentation has not found it."""
        return self.legend.family(self.legend.paths[name]) if name in self.legend.paths else ()


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Compose the scene; `threads` (all, if None) does not change the result.

    Raises InputError where an input is missing or damaged.
    """

    from splatsmith.base.outcome import NAME
    from splatsmith.render.choice import settled
    from splatsmith.scenes.label_maps import LEGEND_NAME, write_legend

    folder, refined = outputs.folder, sorted(inputs.refined)
    remove_manifest(folder)
    sources = [place / "manifest.json" for place in (inputs.scene, inputs.masks, inputs.objects)]
    sources += [place / name for place in refined for name in (NAME, "refined.ply")]
    with record(outputs.stage_json, stage="compose_scene", config=config, inputs=sources) as rec:
        rec.backend = settled(config.backend, threads)
        task, objects = _read(config, inputs, rec)
        result = _write_scene(task, objects, inputs.objects / "point_cloud.ply", folder)
        write_legend(folder / LEGEND_NAME, task.legend)
        told = _figures(task, result)
        files.write_json(folder / "metrics.json", told)
        _write_contact_sheet(task, result.gaussians, told, folder / "contact.jpg")
        write_manifest(folder, ["point_cloud.ply", LEGEND_NAME, "metrics.json", "contact.jpg"])
        rec.metrics |= {"gaussians": told["gaussians"], "psnr_db": told["psnr_db"], "completed": len(objects)}
        failed = {name: outcome for name, outcome in task.outcomes.items() if not outcome.usable}
        if failed:
            rec.status = "degraded"
            rec.reason = "; ".join(f"{name} stays as it was: {outcome.reason}" for name, outcome in failed.items())
            print(f"{task.label}: {rec.reason}")
        counts = told["gaussians"]
        print(f"{task.label}: {len(objects)} of {len(task.outcomes)} objects completed, ", end="")
        print(f"{counts['before']:,} Gaussians -> {counts['after']:,}", flush=True)


def _read(config: Config, inputs: Inputs, rec: Record) -> "tuple[_Task, dict[str, Gaussians]]":
    """All that there is, and the objects whose completion is usable, by name."""
    from splatsmith.base.outcome import read_outcome
    from splatsmith.complete.provenance import read_proxy
    from splatsmith.complete.subject import read_labelled
    from splatsmith.edit.drawing import Drawing
    from splatsmith.scenes.label_maps import LEGEND_NAME, MOST_ID, read_legend
    from splatsmith.scenes.prepared import read_prepared

    legend = read_legend(inputs.objects / LEGEND_NAME)
    places = {place.absolute().parent.name: place for place in inputs.refined}
    names = sorted(places, key=lambda name: (legend.paths.get(name, MOST_ID + 1), name))
    outcomes = {name: read_outcome(places[name]) for name in names}
    usable = [name for name in names if outcomes[name].usable]
    objects = {name: read_proxy(places[name] / "refined.ply", "refine_proxy") for name in usable}
    before = read_labelled(inputs.objects / "point_cloud.ply")
    drawing = Drawing(rec.backend, background_rgb(config.background), config.antialiased)
    label = f"compose {inputs.scene.absolute().parent.name}"
    return _Task(read_prepared(inputs.scene), inputs.masks, legend, before, outcomes, drawing, label), objects


def _write_scene(task: _Task, objects: "Mapping[str, Gaussians]", source: Path, folder: Path) -> "Composed":
    from splatsmith.complete.compose import composed
    from splatsmith.gaussians.ply import ANTIALIASED, header_comments, write_ply
    from splatsmith.scenes.orientation import up_axis

    by_label = {task.legend.paths[name]: gaussians for name, gaussians in objects.items()}
    result = composed(task.before, task.legend, by_label, up_axis(task.scene.views))
    comments = header_comments(source)
    write_ply(folder / "point_cloud.ply", result.gaussians, comments, antialiased=ANTIALIASED in comments)
    return result


def _figures(task: _Task, result: "Composed") -> dict:
    """What `metrics.json` holds."""
    views = _errors(task, result.gaussians)
    objects = {}
    for name, outcome in task.outcomes.items():
        counts = {"before": task.before, "after": result.gaussians}
        shown = [view[name] for view in views.values() if name in view]
        objects[name] = {
            **outcome.model_dump(mode="json"),
            "gaussians": {when: int(_member(task, some, name).sum()) for when, some in counts.items()},
            "leftovers_removed": result.leftovers.get(task.legend.paths.get(name), 0),
            "psnr_db": _mean(shown),
        }
    return {
        "gaussians": {"before": len(task.before), "after": len(result.gaussians)},
        "psnr_db": _mean([view["all"] for view in views.values()]),
        "objects": objects,
        "views": {name: view["all"] for name, view in views.items()},
    }


def _member(task: _Task, gaussians: "Gaussians", name: str) -> np.ndarray:
    """(N,) bool. The Gaussians of an object and its parts."""
    return np.isin(gaussians.extra["label"].numpy(), task.family(name))


def _mean(figures: Sequence[dict[str, float]]) -> dict[str, float] | None:
    """Means of PSNRs before and after; None where there are none."""
    if not figures:
        return None
    return {when: round(float(np.mean([figure[when] for figure in figures])), 3) for when in ("before", "after")}


def _errors(task: _Task, after: "Gaussians") -> dict[str, dict[str, dict[str, float]]]:
    """For every training view PSNR in dB, before and after: of `all` of it, and of each object's pixels by its name."""
    from splatsmith.scenes.label_maps import read_label_map
    from splatsmith.scenes.prepared import read_image

    found = {}
    views = task.scene.train_views or task.scene.views
    scenes = {"before": task.drawing.ready(task.before), "after": task.drawing.ready(after)}
    with Progress(f"{task.label}: look at it", len(views), "views") as bar:
        for view in views:
            photo = read_image(view).astype(np.float32) / 255
            labels = read_label_map(task.masks / f"{view.name}.png", (view.camera.width, view.camera.height))
            pixels = {name: np.isin(labels, task.family(name)) for name in task.outcomes}
            pixels = {"all": np.ones(labels.shape, bool)} | {name: mask for name, mask in pixels.items() if mask.any()}
            found[view.name] = {name: {} for name in pixels}
            for when, scene in scenes.items():
                image = task.drawing.picture(scene, view).image.clamp(0, 1).cpu().numpy()
                for name, mask in pixels.items():
                    found[view.name][name][when] = _psnr(image[mask], photo[mask])
            bar.advance()
    return found


def _psnr(image: np.ndarray, photo: np.ndarray) -> float:
    return round(float(-10 * np.log10(max(np.square(image - photo, dtype=np.float64).mean(), 1e-10))), 3)


def _write_contact_sheet(task: _Task, after: "Gaussians", told: dict, path: Path) -> None:

    from splatsmith.gaussians.ops import select
    from splatsmith.report.colours import as_bytes
    from splatsmith.report.contact import Row, contact_sheet
    from splatsmith.scenes.pictures import write_jpeg

    scenes = [task.drawing.ready(some) for some in (task.before, after)]
    labelled = [select(some, some.extra["label"].long() > 0) for some in scenes]
    rows = []
    for name, view in _looks(task, after):
        psnr = told["views"].get(name)
        figures = f"{psnr['before']:.1f} -> {psnr['after']:.1f} dB" if psnr else "no photo; objects alone"
        drawn = [task.drawing.picture(some, view) for some in (scenes if psnr else labelled)]
        rows.append(Row(name, figures, [as_bytes(one.image.cpu().numpy()) for one in drawn]))
    write_jpeg(path, contact_sheet(("before", "after"), rows, width=400))


def _looks(task: _Task, after: "Gaussians") -> list[tuple[str, View]]:
    """Views with their names: for each completed object where it is seen best, and that gone round it."""
    import math

    import torch

    from splatsmith.complete.turned import extent, turned
    from splatsmith.gaussians.ops import select
    from splatsmith.scenes.orientation import up_axis

    views = task.scene.train_views or task.scene.views
    names = [name for name, outcome in task.outcomes.items() if outcome.usable][:SHOWN]
    up, found = up_axis(task.scene.views), []
    for name in names:
        center = extent(select(after, torch.from_numpy(_member(task, after, name))))[0]
        best = _best(task, name, views)
        found.append((best.name, best))
        found += [(f"{name}, {turn}° round it", turned(best, center, up, math.radians(turn))) for turn in TURNS]
    evenly = np.linspace(0, len(views) - 1, min(SHOWN, len(views))).round().astype(int)
    return found or [(views[i].name, views[i]) for i in evenly]


def _best(task: _Task, name: str, views: Sequence[View]) -> View:
    """The view with the most pixels of an object."""
    from splatsmith.scenes.label_maps import read_label_map

    family = task.family(name)
    pixels = [int(np.isin(read_label_map(task.masks / f"{view.name}.png"), family).sum()) for view in views]
    return views[int(np.argmax(pixels))]
