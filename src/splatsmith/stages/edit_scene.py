"""One edit of a segmented scene that needs no diffusion: extract, remove, recolour, move, duplicate, swap.

point_cloud.ply     the scene after the edit; Gaussians that it is not about keep their bytes and their order. Columns:
                    `label`, and `observed` (1: a photo shows it; 0: it was always hidden, or was made up to fill a gap)
contact.jpg         a few views before and after
unseen/<view>.png   only where something left its place: 255 where the view now looks at what no photo has shown
outcome.json        how it went; where that is "failed", there is nothing else
metrics.json        the edit, rows changed, how local it is in those few views, the unseen share of every view
manifest.json       {relative path: sha256} of all of these, written last
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.background import background_rgb
from splatsmith.base.progress import Progress
from splatsmith.scenes.cameras import View
from splatsmith.scenes.edits import Move, PlainEdit, Remove, Swap
from splatsmith.stages.completion import for_object
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from torch import Tensor

    from splatsmith.base.outcome import Outcome
    from splatsmith.edit.drawing import Drawing
    from splatsmith.edit.fill import Sight
    from splatsmith.gaussians import Gaussians
    from splatsmith.gaussians.ops import Rows
    from splatsmith.scenes.prepared import PreparedScene

Channel = Annotated[float, Field(ge=0, le=1)]
PICTURES = 6
"""Views in the contact sheet."""
FILL_VIEWS = 24
"""Views that a gap is closed from."""
DONE = ("changed", "removed", "added")


class Config(BaseModel):
    """How scenes are drawn before and after an edit."""

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

    edit: PlainEdit
    scene: Path
    """Folder of the prepared scene."""
    gaussians: Path
    """PLY with labels: of the stage extract_objects, or of the edit that this one comes after."""
    legend: Path
    """Names of the labels."""


@dataclass(frozen=True, eq=False)
class _Change:
    """A scene before an edit and after it."""

    before: "Gaussians"
    rows: "Rows"
    """What became of it; `fresh` are Gaussians that were changed or added."""
    gone: "Tensor"
    """(N,) bool. Gaussians that are no more, or no more as they were."""

    @property
    def after(self) -> "Gaussians":
        """The scene after the edit."""
        return self.rows.gaussians


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Do `inputs.edit`; `threads` (all, if None) does not change the result.

    Where its target is not in the scene, or the edit that it comes after failed, the outcome is "failed", and other
    edits go on. Raises InputError where an input is missing or damaged.
    """

    from splatsmith.base.outcome import NAME, read_outcome
    from splatsmith.render.choice import settled

    folder, base = outputs.folder, inputs.gaussians.parent
    label = f"edit {folder.absolute().parents[1].name}: {inputs.edit.name}"
    sources = [inputs.scene / "manifest.json", inputs.gaussians, inputs.legend]
    with record(outputs.stage_json, stage="edit_scene", config=config, inputs=sources) as rec:
        rec.config["edit"] = inputs.edit.model_dump(mode="json")
        rec.backend = settled(config.backend, threads)
        after = {f"edit {base.name}": read_outcome(base)} if (base / NAME).exists() else {}
        for_object(folder, rec, label, lambda: _do(config, inputs, folder, rec, label), after=after)


def _do(config: Config, inputs: Inputs, folder: Path, rec: Record, label: str) -> "tuple[Outcome, Sequence[str]]":
    """Edit, and write all files; returns their names too."""
    from splatsmith.base.outcome import Outcome, Unusable
    from splatsmith.edit.apply import selections
    from splatsmith.edit.drawing import Drawing
    from splatsmith.edit.selection import NothingSelectedError
    from splatsmith.gaussians.ply import read_ply, write_ply
    from splatsmith.scenes.label_maps import read_legend
    from splatsmith.scenes.prepared import read_prepared

    edit = inputs.edit
    scene, legend, gaussians = read_prepared(inputs.scene), read_legend(inputs.legend), read_ply(inputs.gaussians)
    drawing = Drawing(rec.backend, background_rgb(config.background), config.antialiased)
    try:
        chosen = selections(edit, gaussians, legend)
    except NothingSelectedError as error:
        raise Unusable(str(error)) from None
    change = _edited(drawing, edit, gaussians, chosen, scene, label)
    counts = {"target": int(chosen[0].sum()), **_counts(change)}
    write_ply(folder / "point_cloud.ply", change.after, antialiased=config.antialiased)
    unseen = _write_unseen(drawing, change, scene.views if _leaves_a_gap(edit) else (), folder / "unseen", label)
    local = _write_contact_sheet(drawing, change, _facing(scene, gaussians, chosen[0], PICTURES), folder)
    told = {"edit": rec.config["edit"], "gaussians": counts, "locality": local, "unseen_share": unseen}
    files.write_json(folder / "metrics.json", told)
    rec.metrics |= counts | local["mean"] | ({"unseen_share": float(np.mean([*unseen.values()]))} if unseen else {})
    print(f"{label}: {edit.method} {edit.target}: {_in_words(counts)}", flush=True)
    names = ["point_cloud.ply", "contact.jpg", "metrics.json", *(f"unseen/{name}.png" for name in unseen)]
    if isinstance(edit, Remove) and edit.fill and not counts["added"]:
        reason = "no flat surface was found around the gap, which stays open"
        return Outcome(status="degraded", reason=reason), names
    return Outcome(), names


def _leaves_a_gap(edit: PlainEdit) -> bool:
    """Whether what was behind the target comes to light, and the rest of the scene is still there."""
    return isinstance(edit, Remove | Move | Swap)


def _edited(
    drawing: "Drawing",
    edit: PlainEdit,
    gaussians: "Gaussians",
    chosen: "Sequence[Tensor]",
    scene: "PreparedScene",
    label: str,
) -> _Change:
    """What the edit makes of the scene, to which the column `observed` is added first."""
    import torch

    from splatsmith.edit.apply import applied
    from splatsmith.edit.fill import filled
    from splatsmith.edit.rows import touched
    from splatsmith.edit.unseen import observed, with_observed
    from splatsmith.scenes.orientation import up_axis

    photos = scene.train_views or scene.views
    before = with_observed(gaussians, observed(drawing.ready(gaussians), photos, drawing.backend, label).cpu())
    rows = applied(edit, before, chosen, torch.from_numpy(up_axis(scene.views)))
    if isinstance(edit, Remove) and edit.fill:
        views = _facing(scene, gaussians, chosen[0], FILL_VIEWS)
        scenes = drawing.ready(before), chosen[0], drawing.ready(rows.gaussians)
        rows = filled(rows, [_sight(drawing, *scenes, view) for view in views])
    return _Change(before, rows, touched(rows, len(before)))


def _counts(change: _Change) -> dict[str, int]:
    """Gaussians before and after, and what was done to them."""
    import torch

    rows, gone = change.rows, change.gone.nonzero()[:, 0]
    changed, fresh = int(torch.isin(rows.origin[rows.fresh], gone).sum()), int(rows.fresh.sum())
    done = {"changed": changed, "removed": len(gone) - changed, "added": fresh - changed}
    return {"before": len(change.before), **done, "after": len(change.after)}


def _facing(scene: "PreparedScene", gaussians: "Gaussians", rows: "Tensor", most: int) -> list[View]:
    """Views that look at the Gaussians of `rows` (N,) bool."""
    from splatsmith.edit.drawing import facing
    from splatsmith.edit.weights import centroid
    from splatsmith.gaussians.ops import select

    return facing(scene.views, centroid(select(gaussians, rows)).cpu().numpy(), most)


def _sight(drawing: "Drawing", before: "Gaussians", gone: "Tensor", after: "Gaussians", view: View) -> "Sight":
    from splatsmith.edit.fill import Sight
    from splatsmith.edit.unseen import known, unseen

    drawn = drawing.picture(after, view, depth=True)
    image, depth = drawn.image.clamp(0, 1).cpu().numpy(), drawn.expected_depth.cpu().numpy()
    return Sight(view, image, depth, known(drawing, after, view), unseen(drawing, before, gone, after, view))


def _write_unseen(
    drawing: "Drawing", change: _Change, views: Sequence[View], folder: Path, label: str
) -> dict[str, float]:
    """Write a mask for each view; returns the share of each that is unseen."""
    from splatsmith.edit.unseen import unseen
    from splatsmith.scenes.pictures import write_png

    shares = {}
    before, after = drawing.ready(change.before), drawing.ready(change.after)
    with Progress(f"{label}: unseen", len(views), "views") as bar:
        for view in views:
            mask = unseen(drawing, before, change.gone, after, view)
            write_png(folder / f"{view.name}.png", np.where(mask, np.uint8(255), np.uint8(0)))
            shares[view.name] = round(float(mask.mean()), 6)
            bar.advance()
    return shares


def _write_contact_sheet(drawing: "Drawing", change: _Change, views: Sequence[View], folder: Path) -> dict:
    """Write the views before and after; returns how local the change is in them."""

    from splatsmith.edit.locality import MADE, locality
    from splatsmith.report.colours import as_bytes, error_picture
    from splatsmith.report.contact import Row, contact_sheet
    from splatsmith.scenes.pictures import write_jpeg

    rows, told = [], {}
    scenes = ((drawing.ready(change.before), change.gone), (drawing.ready(change.after), change.rows.fresh))
    for view in views:
        before, after = (as_bytes(drawing.picture(scene, view).image.cpu().numpy()) for scene, _ in scenes)
        was, is_now = (drawing.shares(scene, marks[:, None], view)[..., 0] >= MADE for scene, marks in scenes)
        told[view.name] = locality(before, after, was | is_now)
        figures = f"changed beside the object: {100 * told[view.name]['changed_outside']:.2f} %"
        rows.append(Row(view.name, figures, (before, after, error_picture(before, after))))
    sheet = contact_sheet(("before", "after", "difference"), rows, width=400)
    write_jpeg(folder / "contact.jpg", sheet)
    entries = list(told.values())
    mean = {key: round(float(np.mean([entry[key] for entry in entries])), 6) for key in entries[0]}
    return {"mean": mean, "views": told}


def _in_words(counts: dict[str, int]) -> str:
    done = ", ".join(f"{count:,} {word}" for word, count in counts.items() if word in DONE and count)
    return f"{counts['before']:,} Gaussians -> {counts['after']:,} ({done})"
