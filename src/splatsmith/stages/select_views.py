"""Choose the views that show an object best, for whoever makes a whole of it.

views.json          the chosen views, the best first: name, score, terms, crop x0 y0 x1 y1, picture
<rank>_<view>.png   each of them: the object cut out of the photo, RGBA
contact.jpg         the chosen views, to be looked at
metrics.json        the terms of all views that may be looked at
outcome.json        how it went
manifest.json       {relative path: sha256} of all of these, written last

Where no view shows the object, the outcome is "failed", and there is nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.stages.completion import for_object
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome
    from splatsmith.complete.observations import Observation
    from splatsmith.complete.selection import Crop, Pick, Terms
    from splatsmith.complete.subject import Subject

DIM = 0.35
"""Brightness of what is not the object, in the contact sheet."""


class Config(BaseModel):
    """Which views are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    count: Annotated[int, Field(ge=1)] = 3
    """Views to choose; SCORP's img_num."""
    min_area: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Least size of the object in a view, in pixels, as a share of the median over the views that show it."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
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
    object: str
    """Its name in the legend."""


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Choose views of `inputs.object`; `threads` (all, if None) does not change which.

    Raises InputError where an input is missing or damaged.
    """

    from splatsmith.complete.subject import read_subject
    from splatsmith.render.choice import settled

    label = f"views {inputs.scene.absolute().parent.name}: {inputs.object}"
    sources = [place / "manifest.json" for place in (inputs.scene, inputs.masks, inputs.objects)]
    with record(outputs.stage_json, stage="select_views", config=config, inputs=sources) as rec:
        rec.arguments = {"object": inputs.object}
        rec.backend = settled(config.backend, threads)

        def work() -> "tuple[Outcome, Sequence[str]]":
            subject = read_subject(inputs.scene, inputs.masks, inputs.objects, inputs.object)
            return _select(config, subject, outputs.folder, rec)

        for_object(outputs.folder, rec, label, work)


def _select(config: Config, subject: "Subject", folder: Path, rec: Record) -> "tuple[Outcome, Sequence[str]]":
    from splatsmith.base.outcome import Outcome, Unusable
    from splatsmith.complete.selection import chosen_views, crop_of, terms_of

    drawing = {"backend": rec.backend, "antialiased": config.antialiased}
    center = np.median(subject.observed.means.double().cpu().numpy(), axis=0)
    seen = {one.view.name: one for one in subject.observations(subject.views, **drawing)}
    terms = {name: terms_of(one, center) for name, one in seen.items()}
    picks = chosen_views(terms, config.count, config.min_area)
    if not picks:
        raise Unusable("no view shows it")
    crops = {pick.name: crop_of(seen[pick.name].photo(), seen[pick.name].mask) for pick in picks}
    entries = [_entry(rank, pick, terms[pick.name], crops[pick.name]) for rank, pick in enumerate(picks, 1)]
    files.write_json(folder / "views.json", {"views": entries})
    for entry in entries:
        _write_picture(folder / entry["picture"], crops[entry["name"]].rgba)
    _write_contact_sheet(folder, entries, seen, crops)
    told = {name: {"chosen": name in crops, **one.as_dict()} for name, one in terms.items()}
    files.write_json(folder / "metrics.json", {"object": subject.name, "views": told})
    shown = sum(one.area > 0 for one in terms.values())
    rec.metrics |= {"chosen": [pick.name for pick in picks], "views_that_show_it": shown}
    names = ["views.json", "contact.jpg", "metrics.json", *(entry["picture"] for entry in entries)]
    if len(picks) < config.count:
        return Outcome(status="degraded", reason=f"only {len(picks)} of {config.count} views could be chosen"), names
    return Outcome(), names


def _entry(rank: int, pick: "Pick", terms: "Terms", crop: "Crop") -> dict:
    """A chosen view in views.json."""
    return {
        "rank": rank,
        "name": pick.name,
        "score": round(pick.score, 4),
        "terms": terms.as_dict() | {"diversity": round(pick.diversity, 4)},
        "crop": list(crop.box),
        "picture": f"{rank}_{pick.name}.png",
    }


def _write_picture(path: Path, rgba: np.ndarray) -> None:
    from PIL import Image

    with files.atomic_path(path) as temporary:
        Image.fromarray(rgba).save(temporary, "PNG", compress_level=4)


def _write_contact_sheet(
    folder: Path, entries: Sequence[dict], seen: "Mapping[str, Observation]", crops: "Mapping[str, Crop]"
) -> None:
    """Each chosen view, all but the object dimmed, and what was cut out of it."""

    from splatsmith.report.contact import Row, contact_sheet
    from splatsmith.scenes.pictures import write_jpeg

    rows = []
    for entry in entries:
        one, rgba = seen[entry["name"]], crops[entry["name"]].rgba
        photo = one.photo()
        dimmed = np.where(one.mask[..., None], photo, (DIM * photo).astype(np.uint8))
        white = np.where(rgba[..., 3:] > 0, rgba[..., :3], np.uint8(255))
        figures = f"score {entry['score']:.2f}, {entry['terms']['area']:,} pixels"
        rows.append(Row(entry["name"], figures, (dimmed, white)))
    write_jpeg(folder / "contact.jpg", contact_sheet(("view", "cut out"), rows, width=400))
