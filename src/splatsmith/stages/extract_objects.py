"""Objects from soft scores: hard labels, one PLY for each object, the rest, and an atlas that says which is which.

labels.npz              labels (N,) uint16, 0 for the rest; ply_sha256 of the PLY whose rows they label
point_cloud.ply         all N Gaussians in their order, with the labels as an extra column `label`
<object>/gaussians.ply  an object with its parts, in the same order, as every viewer reads it
<object>/<part>/...     a part
rest.ply                what belongs to no object; with the objects, every Gaussian once
legend.json             names of the labels
atlas.jpg, atlas.json   for each label its picture, name, colour, size, place, and whether it can be trusted
manifest.json           {relative path: sha256} of all of these, written last
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.stages.record import Outputs, Status, record

if TYPE_CHECKING:
    from splatsmith.gaussians import Gaussians
    from splatsmith.scenes.cameras import View
    from splatsmith.scenes.label_maps import Legend
    from splatsmith.segment3d.atlas import Plate
    from splatsmith.segment3d.labels import Tree
    from splatsmith.segment3d.scores import Scores

MOST_TOLD = 5
"""Objects that `stage.json` names with what is wrong with them; the atlas has them all."""


class Config(BaseModel):
    """When a Gaussian belongs to an object."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """A Gaussian is an object's if more than this share of it is: higher for clean edges, lower for full objects."""
    clean: bool = True
    """Drop specks that float around an object, and add what no view saw inside of it."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    segmentation: Path
    """Folder with `point_cloud.ply`, `scores.npz` and `legend.json` of one method."""
    scene: Path
    """Folder of the prepared scene."""
    masks: Path
    """Folder with the consistent label map `<view>.png` of every view, and `views.json`."""


def main(config: Config, inputs: Inputs, outputs: Outputs) -> None:
    """Cut the scene up. Raises InputError where an input is missing, damaged, or of another scene."""
    from splatsmith.gaussians.ply import header_comments, read_ply
    from splatsmith.scenes.label_maps import LEGEND_NAME, read_legend, write_legend
    from splatsmith.scenes.prepared import read_prepared
    from splatsmith.segment3d.atlas import plates
    from splatsmith.segment3d.labels import check_known, tree_of
    from splatsmith.segment3d.scores import read_scores
    from splatsmith.segment3d.sightings import sightings, witnesses

    folder, source = outputs.folder, inputs.segmentation
    label = f"extract objects {folder.absolute().parent.name}"
    remove_manifest(folder)
    sources = [place / "manifest.json" for place in (source, inputs.scene, inputs.masks)]
    with record(outputs.stage_json, stage="extract_objects", config=config, inputs=sources) as rec:
        scene, legend = read_prepared(inputs.scene), read_legend(source / LEGEND_NAME)
        gaussians = read_ply(source / "point_cloud.ply")
        scores = read_scores(source / "scores.npz", source / "point_cloud.ply")
        check_known(scores, legend, str(source / "scores.npz"))
        tree = tree_of(legend)
        labels = _labels(config, gaussians, scores, tree)
        seen = sightings(inputs.masks, witnesses(inputs.masks, scene.views), legend)
        atlas = plates(legend, tree, gaussians.means.double().numpy(), labels, scores, seen)
        comments = header_comments(source / "point_cloud.ply")
        written = _write_gaussians(folder, gaussians, labels, tree, atlas, comments)
        write_legend(folder / LEGEND_NAME, legend)
        rest = int((labels == 0).sum())
        counts = {"gaussians": len(gaussians), "rest": rest}
        told = {**config.model_dump(), **counts, "objects": [asdict(plate) for plate in atlas]}
        files.write_json(folder / "atlas.json", told)
        _draw_atlas(folder / "atlas.jpg", atlas, scene.views, inputs.masks, legend)
        write_manifest(folder, [*written, LEGEND_NAME, "atlas.json", "atlas.jpg"])
        rec.metrics |= {**counts, "objects": {plate.path: plate.count for plate in atlas}}
        rec.status, rec.reason = _verdict(atlas)
        print(f"{label}: {len(atlas)} objects and parts, {rest:,} of {len(gaussians):,} Gaussians are the rest")
        if rec.reason:
            print(f"{label}: {rec.reason}")


def _labels(config: Config, gaussians: "Gaussians", scores: "Scores", tree: "Tree") -> np.ndarray:
    """(N,) uint16."""
    from splatsmith.segment3d.cleaning import cleaned, cloud_of
    from splatsmith.segment3d.labels import hard_labels

    labels = hard_labels(scores, tree, config.min_share)
    return cleaned(cloud_of(gaussians), labels, scores.seen, tree) if config.clean else labels


def _write_gaussians(
    folder: Path,
    gaussians: "Gaussians",
    labels: np.ndarray,
    tree: "Tree",
    atlas: "Sequence[Plate]",
    comments: Sequence[str],
) -> list[str]:
    """Write labels and PLYs with the source's `comments`, remove those of objects that are no more; returns the names
    written."""
    from dataclasses import replace

    import torch

    from splatsmith.gaussians.ops import select
    from splatsmith.gaussians.ply import ANTIALIASED, write_ply
    from splatsmith.segment3d.labels import REST, write_labels

    plain, antialiased = replace(gaussians, extra={}), ANTIALIASED in comments
    rows = {plate.ply: tree.within(labels, plate.id) for plate in atlas if plate.ply} | {"rest.ply": labels == REST}
    for stale in set(folder.rglob("gaussians.ply")) - {folder / name for name in rows}:
        stale.unlink()
        if not any(stale.parent.iterdir()):
            stale.parent.rmdir()
    for name, mask in rows.items():
        write_ply(folder / name, select(plain, torch.from_numpy(mask)), comments, antialiased=antialiased)
    labelled = replace(gaussians, extra={**gaussians.extra, "label": torch.from_numpy(labels)})
    write_ply(folder / "point_cloud.ply", labelled, comments, antialiased=antialiased)
    write_labels(folder / "labels.npz", labels, folder / "point_cloud.ply")
    return [*rows, "point_cloud.ply", "labels.npz"]


def _draw_atlas(path: Path, atlas: "Sequence[Plate]", views: "Sequence[View]", masks: Path, legend: "Legend") -> None:

    from splatsmith.report.tiles import Tile, tile_sheet
    from splatsmith.scenes.pictures import write_jpeg

    named = {view.name: view for view in views}
    tiles = []
    for plate in atlas:
        size = " x ".join(f"{length:.3g}" for length in plate.size or ()) or "no size"
        lines = (f"id {plate.id}, {plate.count:,} Gaussians", size, "" if plate.status == "ok" else plate.status)
        picture = _portrait(plate, named[plate.view], masks, legend) if plate.view else None
        tiles.append(Tile(plate.colour, picture, plate.path, lines))
    write_jpeg(path, tile_sheet(tiles))


def _portrait(plate: "Plate", view: "View", masks: Path, legend: "Legend") -> np.ndarray:
    from splatsmith.scenes.prepared import read_image
    from splatsmith.segment3d.sightings import portrait, read_map

    mask = np.isin(read_map(masks, view), legend.family(plate.id))
    return portrait(read_image(view), mask, plate.view_box, plate.colour)


def _verdict(atlas: "Sequence[Plate]") -> tuple[Status, str]:
    """How it went, for `stage.json`: an object without Gaussians spoils the result, one that few views show may."""
    if not atlas:
        return "degraded", "the legend names no objects, so everything is the rest"
    flagged = sorted((plate for plate in atlas if plate.reason), key=lambda plate: plate.status)
    told = [f"{plate.path}: {plate.reason}" for plate in flagged[:MOST_TOLD]]
    more = [f"{len(flagged) - MOST_TOLD} more in atlas.json"] if len(flagged) > MOST_TOLD else []
    return "degraded" if any(plate.status == "empty" for plate in flagged) else "ok", "; ".join(told + more)
