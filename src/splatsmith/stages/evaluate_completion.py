"""How good completed objects are in views that were held out, before and after; and their shape, where that is known.

metrics.json    figures of each object, on average and by view, of its surface, and of the whole scene
contact.jpg     a few views of each object: the photo's part that shows it, the object as it was observed, as completed
manifest.json   {relative path: sha256} of all of these, written last

Where the truth is known, its masks and surface points are the measure; else the scene's own consistent masks. An object
whose completion failed is measured as the scene keeps it: as it was observed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.background import background_rgb
from splatsmith.base.errors import InputError
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.scenes.cameras import View
from splatsmith.stages.record import Outputs, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome
    from splatsmith.complete.evaluation.appearance import Sight
    from splatsmith.complete.evaluation.geometry import TrueSurface
    from splatsmith.complete.evaluation.measure import Drawing, Measured, Pair
    from splatsmith.gaussians import Gaussians
    from splatsmith.models.lpips import Lpips
    from splatsmith.report.contact import Row
    from splatsmith.scenes.label_maps import Legend
    from splatsmith.scenes.prepared import PreparedScene
    from splatsmith.segment3d.evaluation.ground_truth import Truth
    from splatsmith.segment3d.evaluation.protocols import Masks
    from splatsmith.segment3d.evaluation.three_d import SurfacePoints

Channel = Annotated[float, Field(ge=0, le=1)]
SLIVER = 20
"""Pixels. A view that shows less of an object is not asked for it."""
MOST_ROWS = 4
"""Views of each object in the contact sheet."""
WIDTH = 320
"""Of its columns, in pixels."""
MARGIN = 0.25
"""Around an object in the contact sheet, in its longer sides."""


class Config(BaseModel):
    """Where the truth is, and how pictures are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    truth: str | None = None
    """Folder of the true masks in the scene's folder; null: test_mask, ground_truth/object_mask or object_mask."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    background: Literal["black", "white"] | tuple[Channel, Channel, Channel] = "black"
    """Colour behind the whole scene; objects alone stand on white."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""
    source: Path
    """Folder of the scene as it was captured, which may hold the truth."""
    masks: Path
    """Folder of the consistent masks."""
    objects: Path
    """Folder of the objects."""
    composed: Path
    """Folder of the scene with all completed objects."""
    refined: tuple[Path, ...]
    """Folders `completion/{object}/refined`."""
    models: Path
    """Folder of the models' weights."""


@dataclass(frozen=True, eq=False)
class _Completed:
    """An object before and after."""

    name: str
    true_name: str | None
    """What the truth calls it; None where that does not know it."""
    pair: "Pair"
    outcome: "Outcome"
    """Of its last stage."""
    sights: "Mapping[str, Callable[[], Sight]]"
    """By the name of each measured view that shows it: what gives what it shows."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of the truth."""

    folder: str | None
    """Of the masks, relative to the scene's."""
    truth: "Truth | None"
    points: "SurfacePoints | None"

    def called(self, name: str, family: Sequence[int], legend: "Legend") -> str | None:
        """What the truth calls the object `name`: by name or prompt, `_` and `-` being alike; None: it knows none."""
        from splatsmith.segment3d.evaluation.selection import named_ids

        if self.truth is None:
            return None
        names = list(self.truth.names.values())
        known = {ids: called for called, ids in named_ids(legend, names).items()}
        alike = {called.replace("_", "-"): called for called in names}
        return known.get(frozenset(family)) or alike.get(name.replace("_", "-"))


def main(config: Config, inputs: Inputs, outputs: Outputs, *, device: str = "auto", threads: int | None = None) -> None:
    """Measure the objects. `device`: where models run; `threads` (all, if None) does not change the figures.

    Raises InputError where an input is missing or damaged.
    """

    from splatsmith.complete.evaluation.measure import Drawing, Pair, by_state, mean_of, measured, scene_figures
    from splatsmith.complete.subject import read_labelled
    from splatsmith.gaussians.ply import read_ply
    from splatsmith.render.choice import settled
    from splatsmith.scenes.prepared import read_prepared

    folder, label = outputs.folder, f"evaluate {outputs.folder.absolute().parent.name}: completed"
    remove_manifest(folder)
    with record(outputs.stage_json, stage="evaluate_completion", config=config, inputs=_sources(config, inputs)) as rec:
        rec.backend = settled(config.backend, threads)
        lpips, remark = _lpips(inputs.models, device)
        drawing = Drawing(rec.backend, config.antialiased, lpips)
        scene = read_prepared(inputs.scene)
        views = scene.test_views or scene.train_views or scene.views
        known = _known(inputs.source, config.truth, scene, views)
        trained = read_labelled(inputs.objects / "point_cloud.ply")
        objects = [_completed(inputs, place, trained, known, views) for place in inputs.refined]
        found = [
            measured(one.pair, one.sights, _surface(one, known), scene.views, drawing, f"{label}: {one.name}")
            for one in objects
        ]
        scenes = Pair(trained, read_ply(inputs.composed / "point_cloud.ply"))
        colour = background_rgb(config.background)
        figures = {
            "mean": by_state(mean_of(one.mean for one in found if one.mean)),
            "scene": scene_figures(scenes, views, colour, drawing, f"{label}: the scene"),
        }
        rec.reason = "; ".join(filter(None, [remark, *_remarks(scene, objects)]))
        rec.metrics |= figures
        told = {
            "reason": rec.reason,
            "truth": {"masks": known.folder, "points": known.points is not None},
            "views": "held-out" if scene.test_views else "training",
            "objects": {one.name: _told(one, its) for one, its in zip(objects, found, strict=True)},
        }
        files.write_json(folder / "metrics.json", told | figures)
        rows = [row for one, its in zip(objects, found, strict=True) for row in _rows(one, its, drawing)]
        write_manifest(folder, ["metrics.json", *_write_contact_sheet(folder, rows)])
        for one, its in zip(objects, found, strict=True):
            print(f"{label}: {one.name}: {_in_words(its)}", flush=True)


def _sources(config: Config, inputs: Inputs) -> list[Path]:
    """The files that the figures depend on, as far as they are there; whoever reads them tells what is wrong."""
    from splatsmith.scenes.truth import find_truth

    places = (inputs.scene, inputs.masks, inputs.objects, inputs.composed, *inputs.refined)
    try:
        found = find_truth(inputs.source, config.truth)
    except InputError:
        found = None
    weights = sorted((inputs.models / "lpips").glob("*"))
    return [*(place / "manifest.json" for place in places), *(found.files if found else []), *weights]


def _lpips(models: Path, device: str) -> "tuple[Lpips | None, str]":
    """What measures LPIPS; or None, and what to say of it. Raises InputError where its folder is no good."""
    from splatsmith.models.checkpoints import find_checkpoint

    if not (models / "lpips").is_dir():
        return None, "no LPIPS: its weights are not there (`splatsmith doctor` tells where to get them)"
    checkpoint = find_checkpoint("lpips", models)
    from splatsmith.models.lpips import Lpips
    from splatsmith.models.placement import placed

    return Lpips(checkpoint, device=placed(device).device), ""


def _known(source: Path, folder: str | None, scene: "PreparedScene", views: Sequence[View]) -> _Known:
    from splatsmith.scenes.layout import find_layout
    from splatsmith.scenes.truth import find_truth
    from splatsmith.segment3d.evaluation.ground_truth import read_surface_points, read_truth

    found = find_truth(source, folder)
    if found is None:
        return _Known(None, None, None)
    truth = read_truth(found, scene, views)
    placed = find_layout(source).kind != "photos"  # else the world frame is not that of the truth
    points = read_surface_points(found, truth) if placed else None
    return _Known(found.folder.relative_to(source).as_posix(), truth, points)


def _completed(inputs: Inputs, refined: Path, trained: "Gaussians", known: _Known, views: Sequence[View]) -> _Completed:
    """An object that the segmentation has not found is there all the same, with no Gaussians."""
    import torch

    from splatsmith.base.outcome import read_outcome
    from splatsmith.complete.evaluation.measure import Pair
    from splatsmith.gaussians.ops import select
    from splatsmith.gaussians.ply import read_ply
    from splatsmith.scenes.label_maps import LEGEND_NAME, read_legend

    name, legend = refined.absolute().parent.name, read_legend(inputs.objects / LEGEND_NAME)
    family = legend.family(legend.paths[name]) if name in legend.paths else ()
    before = select(trained, torch.isin(trained.extra["label"].long(), torch.tensor(family, dtype=torch.long)))
    outcome = read_outcome(refined)
    pair = Pair(before, read_ply(refined / "refined.ply") if outcome.usable else before)
    called = known.called(name, family, legend)
    masks = partial(_true_masks, known.truth.masks, called) if called else partial(_own_masks, inputs.masks, family)
    return _Completed(name, called, pair, outcome, _sights(masks, views))


def _true_masks(truth: "Masks", name: str, view: View) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool each: the object, and all objects."""
    nothing, given = np.zeros((view.camera.height, view.camera.width), bool), truth.get(view.name, {})
    return given.get(name, nothing), np.any([nothing, *given.values()], axis=0)


def _own_masks(folder: Path, family: Sequence[int], view: View) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool each: the object, and all objects."""
    from splatsmith.scenes.label_maps import read_label_map

    labels = read_label_map(folder / f"{view.name}.png", (view.camera.width, view.camera.height))
    return np.isin(labels, family), labels > 0


def _sights(
    masks: Callable[[View], tuple[np.ndarray, np.ndarray]], views: Sequence[View]
) -> "dict[str, Callable[[], Sight]]":
    from splatsmith.complete.evaluation.appearance import Sight
    from splatsmith.scenes.prepared import read_image

    def sight(view: View) -> Sight:
        mask, objects = masks(view)
        return Sight(view, read_image(view), mask, objects & ~mask)

    return {view.name: partial(sight, view) for view in views if masks(view)[0].sum() >= SLIVER}


def _surface(one: _Completed, known: _Known) -> "TrueSurface | None":
    from splatsmith.complete.evaluation.geometry import NEIGHBOURS, TrueSurface

    if known.points is None or one.true_name is None:
        return None
    (id,) = (id for id, name in known.truth.names.items() if name == one.true_name)
    points = known.points.xyz[known.points.ids == id]
    return TrueSurface(points) if len(points) > NEIGHBOURS else None


def _told(one: _Completed, found: "Measured") -> dict:
    """An object in metrics.json."""
    masks = "true" if one.true_name else "consistent"
    return {"status": one.outcome.status, "reason": one.outcome.reason, "masks": masks, **found.as_dict()}


def _remarks(scene: "PreparedScene", objects: Sequence[_Completed]) -> list[str]:
    """What a reader of the figures must know."""
    from splatsmith.scenes.problems import shortened

    remarks = [] if scene.test_views else ["no views are held out: training views are measured, which flatters"]
    for words, names in (
        (
            "measured by the scene's own masks, for want of the truth",
            [one.name for one in objects if not one.true_name],
        ),
        ("in no measured view", [one.name for one in objects if not one.sights]),
        ("not completed, and measured as observed", [one.name for one in objects if not one.outcome.usable]),
    ):
        remarks += [f"{words}: {shortened(names)}"] if names else []
    return remarks


def _rows(one: _Completed, found: "Measured", drawing: "Drawing") -> "list[Row]":
    """An object in the contact sheet: some of its views, from the worst to the best."""
    from splatsmith.report.colours import as_bytes
    from splatsmith.report.contact import Row, spread

    names, rows = list(found.views), []
    for name in (names[i] for i in spread([after.psnr_db for _, after in found.views.values()], MOST_ROWS)):
        sight, (before, after) = one.sights[name](), found.views[name]
        drawn = (drawing.picture(some, sight.view).image.cpu().numpy() for some in one.pair.both)
        counted = (np.where(sight.others[..., None], 1, image) for image in (sight.on_white().numpy(), *drawn))
        pictures = [_enlarged(as_bytes(image)[_around(sight.mask)]) for image in counted]
        figures = f"PSNR {before.psnr_db:.1f} -> {after.psnr_db:.1f} dB, IoU {before.iou:.2f} -> {after.iou:.2f}"
        rows.append(Row(f"{one.name}: {name}", figures, pictures))
    return rows


def _write_contact_sheet(folder: Path, rows: "Sequence[Row]") -> list[str]:
    """Its name, where there is anything to show."""

    from splatsmith.report.contact import contact_sheet
    from splatsmith.scenes.pictures import write_jpeg

    if not rows:
        (folder / "contact.jpg").unlink(missing_ok=True)
        return []
    sheet = contact_sheet(("photo", "observed", "completed"), rows, width=WIDTH)
    write_jpeg(folder / "contact.jpg", sheet)
    return ["contact.jpg"]


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the box around a mask (H, W), not empty, with a margin."""
    ranges = [np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    margin = int(MARGIN * max(last - first + 1 for first, last in ranges)) + 1
    return tuple(slice(max(0, first - margin), last + 1 + margin) for first, last in ranges)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) as many times as large as fits a column of the contact sheet, at least once."""
    times = max(1, WIDTH // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _in_words(found: "Measured") -> str:
    if found.mean is None:
        return "no measured view shows it"
    before, after = found.mean
    words = f"PSNR {before.psnr_db:.2f} -> {after.psnr_db:.2f} dB, IoU {before.iou:.3f} -> {after.iou:.3f}"
    was, is_now = found.surfaces or (None, None)
    return words + (f", chamfer {was.chamfer:.4f} -> {is_now.chamfer:.4f}" if was and is_now else "")
