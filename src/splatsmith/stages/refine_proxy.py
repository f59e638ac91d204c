"""Give an aligned proxy the colours of the photos; where no photo shows it, colours that go with those.

refined.ply     the proxy, all columns but its colours as they were
contact.jpg     the object before and after beside its photos, and from sides that may have none
metrics.json    how many Gaussians were observed and how many carried along; how far off the photos, before and after;
                gain and bias of every photo
outcome.json    how it went
manifest.json   {relative path: sha256} of all of these, written last

Where no photo shows the proxy, or an earlier stage failed, the outcome is "failed", and there is nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.background import background_rgb
from splatsmith.stages.completion import for_object
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome
    from splatsmith.complete.refine import Refined
    from splatsmith.complete.subject import Subject
    from splatsmith.complete.windows import Window
    from splatsmith.gaussians import Gaussians

Channel = Annotated[float, Field(ge=0, le=1)]
PICTURES = 4
"""Photos in the contact sheet."""
TURNS = (90, 180, 270)
"""Degrees that further cameras of the contact sheet have gone round the object from where it is seen best."""


class Config(BaseModel):
    """How colours are learnt."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    steps: Annotated[int, Field(ge=1)] = 400
    """Steps of learning, each on one photo."""
    sh_degree: Literal[0, 1] = 1
    """1: colours may depend on the direction where photos from enough sides show them; 0: nowhere."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Determines the order of the photos."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    background: Literal["black", "white"] | tuple[Channel, Channel, Channel] = "black"
    """Colour behind the object in the contact sheet."""
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
    aligned: Path
    """Folder of the aligned proxy."""


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Refine the proxy of `inputs.object`; `threads` (all, if None) does not change the result.

    Raises InputError where an input is missing or damaged.
    """

    from splatsmith.base.outcome import NAME, read_outcome
    from splatsmith.complete.provenance import read_proxy
    from splatsmith.complete.subject import read_subject
    from splatsmith.render.choice import settled

    label = f"refine {inputs.scene.absolute().parent.name}: {inputs.object}"
    sources = [place / "manifest.json" for place in (inputs.scene, inputs.masks, inputs.objects)]
    sources += [inputs.aligned / name for name in (NAME, "aligned.ply")]
    with record(outputs.stage_json, stage="refine_proxy", config=config, inputs=sources, seed=config.seed) as rec:
        rec.arguments = {"object": inputs.object}
        rec.backend = settled(config.backend, threads)
        aligned = read_outcome(inputs.aligned)

        def work() -> "tuple[Outcome, Sequence[str]]":
            subject = read_subject(inputs.scene, inputs.masks, inputs.objects, inputs.object)
            proxy = read_proxy(inputs.aligned / "aligned.ply", "align_proxy")
            names = _refine(config, subject, proxy, outputs.folder, rec, label)
            return _outcome(aligned), names

        for_object(outputs.folder, rec, label, work, after={"align_proxy": aligned})


def _outcome(aligned: "Outcome") -> "Outcome":
    """Colours that fit do not make up for a doubtful pose."""
    reason = f"align_proxy: {aligned.reason}" if aligned.reason else ""
    return aligned.model_copy(update={"reason": reason})


def _refine(
    config: Config, subject: "Subject", proxy: "Gaussians", folder: Path, rec: Record, label: str
) -> Sequence[str]:
    """Write everything; returns the names of the files."""
    from splatsmith.base.outcome import Unusable
    from splatsmith.complete.refine import Settings, refined
    from splatsmith.complete.windows import windows
    from splatsmith.gaussians.ply import write_ply
    from splatsmith.render.choice import device_of

    device = device_of(rec.backend)
    parts = windows(subject, device)
    if not parts:
        raise Unusable("no photo shows it")
    proxy = proxy.map(lambda column: column.to(device))
    settings = Settings(config.steps, config.sh_degree, config.seed, rec.backend, config.antialiased)
    result = refined(proxy, parts, settings, label)
    write_ply(folder / "refined.ply", result.gaussians, antialiased=config.antialiased)
    told = {"object": subject.name, **_figures(proxy, result, parts, settings)}
    files.write_json(folder / "metrics.json", told)
    _write_contact_sheet(config, folder / "contact.jpg", proxy, result.gaussians, subject, parts, told, rec)
    rec.metrics |= {key: told[key] for key in ("gaussians", "loss", "psnr_db")}
    return "refined.ply", "metrics.json", "contact.jpg"


def _figures(proxy: "Gaussians", result: "Refined", parts: "Sequence[Window]", settings) -> dict:
    from splatsmith.complete.windows import psnrs

    drawing = {"backend": settings.backend, "antialiased": settings.antialiased}
    before, after = (psnrs(some, parts, **drawing) for some in (proxy, result.gaussians))
    total, observed = len(proxy), int(result.observed.sum())
    counts = {"all": total, "observed": observed, "directional": int(result.directional.sum())}
    views = {
        part.view.name: {
            "pixels": part.pixels,
            "psnr_db": {"before": round(was, 3), "after": round(is_now, 3)},
            "gain": [round(value, 4) for value in pair[0].tolist()],
            "bias": [round(value, 4) for value in pair[1].tolist()],
        }
        for part, was, is_now, pair in zip(parts, before, after, result.exposures, strict=True)
    }
    return {
        "gaussians": counts | {"carried": total - observed},
        "colours": result.kept,
        "loss": {name: round(loss, 6) for name, loss in result.losses.items()},
        "psnr_db": {"before": round(float(np.mean(before)), 3), "after": round(float(np.mean(after)), 3)},
        "views": views,
    }


def _write_contact_sheet(
    config: Config,
    path: Path,
    before: "Gaussians",
    after: "Gaussians",
    subject: "Subject",
    parts: "Sequence[Window]",
    told: dict,
    rec: Record,
) -> None:

    from splatsmith.complete.windows import picture
    from splatsmith.report.colours import as_bytes
    from splatsmith.report.contact import Row, contact_sheet
    from splatsmith.scenes.pictures import write_jpeg

    background = np.array(background_rgb(config.background), np.float32)
    drawing = {"background": background, "backend": rec.backend, "antialiased": config.antialiased}
    rows = []
    for part in [parts[i] for i in np.linspace(0, len(parts) - 1, min(PICTURES, len(parts))).round().astype(int)]:
        photo = np.where(part.mask.cpu().numpy()[..., None], part.photo.cpu().numpy(), background)
        drawn = [picture(some, part, **drawing) for some in (before, after)]
        psnr = told["views"][part.view.name]["psnr_db"]
        figures = f"{psnr['before']:.1f} -> {psnr['after']:.1f} dB"
        rows.append(Row(part.view.name, figures, [as_bytes(image) for image in (photo, *drawn)]))
    for turn, part in _turned(before, subject, parts):
        drawn = [picture(some, part, **drawing) for some in (before, after)]
        blank = np.broadcast_to(background, drawn[0].shape)
        rows.append(Row(f"{turn}° round it", "no photo", [as_bytes(image) for image in (blank, *drawn)]))
    write_jpeg(path, contact_sheet(("photo", "before", "after"), rows, width=300))


def _turned(proxy: "Gaussians", subject: "Subject", parts: "Sequence[Window]") -> "list[tuple[int, Window]]":
    """Windows whose cameras have gone round the object, by degrees, from the one with the most pixels of it."""
    import math
    from dataclasses import replace

    from splatsmith.complete.turned import extent, turned
    from splatsmith.scenes.orientation import up_axis

    best = max(parts, key=lambda part: part.pixels)
    center, up = extent(proxy)[0], up_axis(subject.scene.views)
    return [(turn, replace(best, view=turned(best.view, center, up, math.radians(turn)))) for turn in TURNS]
