"""Stage segment_2d: which pixels of each view belong to what, as a source of masks says (files: segment2d/masks.py)."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from splatsmith.base.errors import InputError
from splatsmith.base.manifest import remove_manifest
from splatsmith.scenes.description import Object
from splatsmith.segment2d.mask_files import input_files
from splatsmith.segment2d.settings import SourceSettings
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.segment2d.masks import RawMasks


class Config(SourceSettings):
    """Where masks come from, and what draws the scene for it."""

    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""
    source: Path
    """Folder of the scene as it was captured: masks may lie in it."""
    objects: tuple[Object, ...]
    """What is wanted, of its description."""
    gaussians: Path | None
    """PLY of trained Gaussians; None where the source carries nothing through the scene."""
    models: Path
    """Folder of the models' weights."""


def has_work(config: Config, objects: Sequence[Object]) -> bool:
    """Whether there is something to segment: objects, and for `boxes` one that is shown; or everything."""
    if config.source == "boxes":
        return any(one.boxes or one.points for one in objects)
    return config.source in ("provided", "sam") or bool(objects)


def needs_gaussians(config: Config) -> bool:
    """Whether masks are carried from view to view through the trained scene."""
    return config.source not in ("provided", "grounded-sam2", "sam", "sam3")


def mask_files(config: Config, scene: Path) -> list[Path]:
    """The files of the scene folder that masks are read from. Raises InputError where they should be there."""
    return input_files(scene, config.provided.folder) if config.source == "provided" else []


def main(config: Config, inputs: Inputs, outputs: Outputs, *, device: str = "auto", threads: int | None = None) -> None:
    """Find the masks of all views. `device`: where models run; `threads` (all, if None) does not change the result.

    Raises InputError where an input is missing or damaged; an object that is not found stops no other.
    """

    from splatsmith.gaussians.ply import read_ply
    from splatsmith.models.checkpoints import find_checkpoints
    from splatsmith.render.choice import settled
    from splatsmith.scenes.prepared import read_prepared
    from splatsmith.scenes.prompts import objects_in_views
    from splatsmith.segment2d.masks import Request
    from splatsmith.segment2d.sources import source_of
    from splatsmith.segment2d.store import write_raw

    folder, label = outputs.folder, f"masks {outputs.folder.absolute().parents[1].name}"
    remove_manifest(folder)
    with record(outputs.stage_json, stage="segment_2d", config=config, inputs=_sources(config, inputs)) as rec:
        checkpoints = find_checkpoints(config.models, inputs.models)
        scene = read_prepared(inputs.scene)
        wanted = () if config.source == "sam" else inputs.objects  # everything, whatever it is
        objects = objects_in_views(wanted, scene, str(inputs.source / "description.yml"))
        rec.backend = settled(config.backend, threads)
        gaussians = read_ply(inputs.gaussians) if inputs.gaussians else None
        rec.metrics["models"] = {one.backend: one.sha256() for one in checkpoints}
        request = Request(scene, objects, gaussians, rec.backend)
        source = source_of(config, scene_folder=inputs.source, models_dir=inputs.models, device=device)
        print(f"{label}: {len(scene.views)} views, {len(objects)} objects, source {config.source}", flush=True)
        _tell(rec, write_raw(folder, request, config.source, source.find(request), label), label)


def read_objects(text: str) -> tuple[Object, ...]:
    """The objects of a description from their JSON."""
    return tuple(Object.model_validate(one) for one in json.loads(text))


def _sources(config: Config, inputs: Inputs) -> list[Path]:
    """The files that the masks depend on, as far as they are there; whoever reads them tells what is wrong."""
    from splatsmith.models.checkpoints import find_checkpoints

    found = [inputs.scene / "manifest.json", *([inputs.gaussians] if inputs.gaussians else [])]
    try:
        found += mask_files(config, inputs.source)
        found += [file for one in find_checkpoints(config.models, inputs.models) for file in one.files]
    except InputError:
        pass
    return found


def _tell(rec: Record, raw: "RawMasks", label: str) -> None:
    """Put down what was found, and say what was not."""
    flagged = [name for name, view in raw.views.items() if view.flags]
    masks = sum(len(view.masks) for view in raw.views.values())
    rec.metrics |= {"source": raw.source, "masks": masks, "views_with_flags": len(flagged), "missing": raw.missing}
    views = Counter(name for view in raw.views.values() for name in {mask.object for mask in view.masks})
    told = [f"`{name}` was not found: {why}" for name, why in raw.missing.items()]
    told += [
        f"`{one.name}` has a mask in one view only, too few to place it: show it in another one"
        for one in raw.objects
        if views[one.name] == 1
    ]
    for words in told:
        print(f"{label}: {words}", flush=True)
    if told:
        rec.status, rec.reason = "degraded", "; ".join(told)
    print(f"{label}: {masks} masks, {len(flagged)} of {len(raw.views)} views flagged", flush=True)
