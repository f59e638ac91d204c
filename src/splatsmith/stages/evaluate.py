"""How good segmentations are, where the truth is known: their masks of views, and their labels of Gaussians.

metrics.json    all figures, of each segmentation, object and view; or the reason why there are none
table.md        the means, to be read
contact.jpg     photo and truth, and for each segmentation its label map and where it is wrong
manifest.json   {relative path: sha256} of all of these, written last

Where there is no truth, there are no table and no pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.stages.record import Outputs, record

if TYPE_CHECKING:
    from splatsmith.scenes.cameras import View
    from splatsmith.scenes.prepared import PreparedScene
    from splatsmith.scenes.truth import TruthFiles
    from splatsmith.segment3d.evaluation.ground_truth import Truth
    from splatsmith.segment3d.evaluation.summary import Measured
    from splatsmith.segment3d.evaluation.three_d import SurfacePoints

MOST_ROWS = 12
"""Views in the contact sheet."""


class Config(BaseModel):
    """Where the truth is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    truth: str | None = None
    """Folder of the true masks in the scene's folder; null: test_mask, ground_truth/object_mask or object_mask."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""
    source: Path
    """Folder of the scene as it was captured, which may hold the truth."""
    segmentations: tuple[Path, ...]
    """Folders `segmentation/{method}`, with soft maps and scores."""


def main(config: Config, inputs: Inputs, outputs: Outputs) -> None:
    """Measure the segmentations. Raises InputError where an input is missing or damaged."""
    from splatsmith.scenes.prepared import read_prepared
    from splatsmith.scenes.truth import find_truth
    from splatsmith.segment3d.evaluation.ground_truth import read_truth
    from splatsmith.segment3d.evaluation.summary import markdown, percent

    folder, label = outputs.folder, f"evaluate {outputs.folder.absolute().parent.name}"
    remove_manifest(folder)
    manifests = [place / "manifest.json" for place in (inputs.scene, *inputs.segmentations)]
    sources = [*manifests, *_truth_files(inputs.source, config.truth)]
    with record(outputs.stage_json, stage="evaluate", config=config, inputs=sources) as rec:
        found = find_truth(inputs.source, config.truth)
        _require(manifests[1:])
        scene = read_prepared(inputs.scene)
        views = scene.test_views or scene.train_views or scene.views
        truth = read_truth(found, scene, views) if found else None
        if found is None or truth is None or not any(truth.masks.values()):
            rec.reason = "there is no truth to measure against" if found is None else "no measured view has any truth"
            _write(folder, {"reason": rec.reason, "truth": None, "methods": {}})
            print(f"{label}: {rec.reason}")
            return
        points = _surface_points(inputs.source, found, truth)
        methods = {place.name: _measured(place, truth, points, scene) for place in inputs.segmentations}
        rec.reason = "; ".join(_remarks(scene, methods))
        metrics = {"reason": rec.reason} | _metrics(found, inputs.source, truth, methods)
        _write(folder, metrics, markdown(methods), _contact_sheet(inputs.segmentations, truth, methods, views))
        for name, one in methods.items():
            mean = one.table[one.best_known, "soft"].mean
            rec.metrics[name] = {"numbers": one.best_known, "miou": mean.miou, "mbiou": mean.mbiou}
            print(f"{label}: {name}: mIoU {percent(mean.miou)} %, mBIoU {percent(mean.mbiou)} % ({one.best_known})")
        if rec.reason:
            print(f"{label}: {rec.reason}")


def _truth_files(source: Path, folder: str | None) -> list[Path]:
    from splatsmith.scenes.truth import find_truth

    try:
        found = find_truth(source, folder)
    except InputError:
        return []  # the stage tells what is wrong
    return found.files if found else []


def _require(manifests: Sequence[Path]) -> None:
    missing = [path for path in manifests if not path.is_file()]
    if missing:
        fix = "make it first, or redo its stage"
        raise InputError(*(Problem("there is no such segmentation", str(path), fix) for path in missing))


def _surface_points(source: Path, found: "TruthFiles", truth: "Truth") -> "SurfacePoints | None":
    """None also where the cameras come from photos alone: then the world frame is not that of the truth."""
    from splatsmith.scenes.layout import find_layout
    from splatsmith.segment3d.evaluation.ground_truth import read_surface_points

    return None if find_layout(source).kind == "photos" else read_surface_points(found, truth)


def _measured(place: Path, truth: "Truth", points: "SurfacePoints | None", scene: "PreparedScene") -> "Measured":
    from splatsmith.segment3d.evaluation.measure import measure

    return measure(place, truth, points, scene.views)


def _remarks(scene: "PreparedScene", methods: "Mapping[str, Measured]") -> list[str]:
    """What a reader of the figures must know."""
    from splatsmith.scenes.problems import shortened

    remarks = []
    if not scene.test_views:
        remarks.append("no views are held out: training views are measured, which flatters")
    for name, one in methods.items():
        unknown = sorted({pair.object for pair in one.table["named", "soft"].pairs if not pair.ids})
        if unknown:
            remarks.append(f"{name} knows no object of the name {shortened(unknown)}: by name it scores 0 there")
    return remarks


def _metrics(found: "TruthFiles", source: Path, truth: "Truth", methods: "Mapping[str, Measured]") -> dict:
    from splatsmith.segment3d.evaluation.summary import as_json
    from splatsmith.segment3d.evaluation.table import PROTOCOLS

    told = {
        "folder": found.folder.relative_to(source).as_posix(),
        "kind": found.kind,
        "objects": list(truth.names.values()),
        "views": sorted(truth.masks),
    }
    return {"truth": told, "protocols": PROTOCOLS, "methods": {name: as_json(one) for name, one in methods.items()}}


def _contact_sheet(
    segmentations: Sequence[Path], truth: "Truth", methods: "Mapping[str, Measured]", views: "Sequence[View]"
) -> np.ndarray:
    """(H, W, 3) uint8: a row for each of the views with truth, from the worst to the best of the first segmentation."""
    from splatsmith.report.contact import Row, contact_sheet, spread
    from splatsmith.scenes.prepared import read_image
    from splatsmith.segment3d.evaluation.pictures import error_picture, label_picture, painted

    shown = [view for view in views if truth.masks.get(view.name)]
    means = {name: _means_of_views(one) for name, one in methods.items()}
    first = next(iter(means.values()))
    rows = []
    for view in (shown[i] for i in spread([first[view.name] for view in shown], MOST_ROWS)):
        photo = read_image(view)
        true = painted(truth.masks[view.name], truth.names, photo.shape[:2])
        pictures = [photo, label_picture(photo, true)]
        for place in segmentations:
            labels = _label_map(place, methods[place.name], truth, view)
            pictures += [label_picture(photo, labels), error_picture(photo, true, labels)]
        figures = "   ".join(f"{name} {100 * mean[view.name]:.1f} %" for name, mean in means.items())
        rows.append(Row(view.name, f"mean IoU: {figures}", pictures))
    columns = [title for name in methods for title in (name, f"{name}: red missed, blue false")]
    return contact_sheet(("photo", "truth", *columns), rows, width=320)


def _means_of_views(one: "Measured") -> dict[str, float]:
    """The mean IoU of the objects in each view."""
    ious: dict[str, list[float]] = {}
    for pair in one.table[one.best_known, "soft"].pairs:
        ious.setdefault(pair.view, []).append(pair.iou)
    return {view: float(np.mean(values)) for view, values in ious.items()}


def _label_map(place: Path, one: "Measured", truth: "Truth", view: "View") -> np.ndarray:
    """(H, W) uint16: the likeliest object of each pixel, by its number in the truth."""
    from splatsmith.segment3d.evaluation.measure import read_prediction
    from splatsmith.segment3d.evaluation.pictures import painted

    shape = (view.camera.height, view.camera.width)
    prediction = read_prediction(place, view.name)
    if prediction is None:
        return np.zeros(shape, np.uint16)
    masks = {name: prediction.mask(ids, "argmax") for name, ids in one.ids.items()}
    return painted(masks, truth.names, shape)


def _write(folder: Path, metrics: dict, table: str | None = None, sheet: np.ndarray | None = None) -> None:
    """Write what there is, remove what an earlier run left, and list it."""

    files.write_json(folder / "metrics.json", metrics)
    for name in ("table.md", "contact.jpg"):
        (folder / name).unlink(missing_ok=True)
    if table is not None:
        files.write_text(folder / "table.md", table)
    if sheet is not None:
        from splatsmith.scenes.pictures import write_jpeg

        write_jpeg(folder / "contact.jpg", sheet)
    names = [name for name in ("contact.jpg", "metrics.json", "table.md") if (folder / name).exists()]
    write_manifest(folder, names)
