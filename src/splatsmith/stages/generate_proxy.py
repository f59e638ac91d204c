"""Make a whole object of one that photos show only in part, or take the one that the user has.

generated.ply   its Gaussians; column `provenance`: 0 given or generated, 1 observed, 2 mirrored, 3 from the hull
proxy.json      kind (user, visual_hull_sym, generative), whether it stands in the scene already, its up axis where that
                is known, and what else is to be said of it
mesh.ply        its surface as a mesh, where there is one
contact.jpg     the object in its best photo, what was observed of it, and the proxy; and both from its other sides
outcome.json    how it went
manifest.json   {relative path: sha256} of all of these, written last

Where nothing can be made, the outcome is "failed", and there is nothing else.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed_json
from splatsmith.models.tools.settings import Tool
from splatsmith.stages.completion import for_object
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome
    from splatsmith.complete.proxies import ChosenView, Proxy, ProxyGenerator, Request
    from splatsmith.gaussians import Gaussians
    from splatsmith.scenes.cameras import Camera

TURNS = (90, 180, 270)
"""Degrees that further cameras of the contact sheet have gone round the object from where it is seen best."""
SIDE = 320
"""Pixels of its pictures."""


class Config(BaseModel):
    """What makes the proxy."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: str = "hullsym"
    """hullsym: silhouettes, depth, what the object stands on and its symmetry; needs no model. user: a file, which any
    object with `complete: {file: ...}` takes anyway. trellis, sam3d: a generator in an environment of its own. Or the
    name that another package gives its own."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2)
    """Of the candidates that a generator makes, for trellis and sam3d."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models that run on a GPU where there is one."""
        return (self.kind,) if self.kind in ("trellis", "sam3d") else ()


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
    views: Path
    """Folder of the chosen views."""
    file: Path | None = None
    """A proxy that the user brings: a PLY of Gaussians, or a mesh."""
    models: Path = Path("models")
    """Folder of the models' weights."""


class _Chosen(BaseModel):
    """An entry of `views.json`; the rest of it is not needed here."""

    name: str
    picture: str


class _Views(BaseModel):
    """`views.json`."""

    views: tuple[_Chosen, ...]


def main(
    config: Config,
    inputs: Inputs,
    outputs: Outputs,
    *,
    threads: int | None = None,
    tools: Mapping[str, Tool] | None = None,
    accepted: Collection[str] = (),
) -> None:
    """Make a proxy of `inputs.object`; `threads` (all, if None) does not change it.

    tools, accepted: as of `models.tools.setup.find_tool`.

    Raises InputError where an input is missing or damaged, or there is no such generator.
    """

    from splatsmith.base.outcome import NAME, read_outcome
    from splatsmith.render.choice import settled

    label = f"proxy {inputs.scene.absolute().parent.name}: {inputs.object}"
    sources = [place / "manifest.json" for place in (inputs.scene, inputs.masks, inputs.objects)]
    sources += [inputs.views / NAME, *([inputs.file] if inputs.file else [])]
    with record(outputs.stage_json, stage="generate_proxy", config=config, inputs=sources) as rec:
        rec.arguments = {"object": inputs.object, "file": inputs.file.as_posix() if inputs.file else None}
        rec.backend = settled(config.backend, threads)
        generator = _generator(config, inputs, outputs.folder, tools or {}, accepted)
        views = read_outcome(inputs.views)
        after = {} if inputs.file else {"select_views": views}  # a file needs no views
        for_object(
            outputs.folder, rec, label, lambda: _generate(config, inputs, outputs.folder, generator, rec), after=after
        )


def _generator(
    config: Config, inputs: Inputs, folder: Path, tools: Mapping[str, Tool], accepted: Collection[str]
) -> "ProxyGenerator":
    """Raises InputError."""
    from splatsmith.complete.proxies.sources import foreign_generator

    if inputs.file is not None:
        from splatsmith.complete.proxies.user import UserFile

        return UserFile(inputs.file)
    match config.kind:
        case "hullsym":
            from splatsmith.complete.proxies.hullsym import HullSym

            return HullSym()
        case "user":
            fix = (
                f"write `complete: {{file: proxy.ply}}` for `{inputs.object}` in description.yml, or change proxy.kind"
            )
            raise InputError(Problem("there is no file with the proxy", f"--file, for {inputs.object}", fix))
        case "trellis" | "sam3d" as name:
            from splatsmith.complete.proxies.generative import Generative
            from splatsmith.models.tools.setup import find_tool

            tool = find_tool(name, tools, inputs.models, accepted)
            return Generative(tool, folder.with_name(f"{folder.name}-candidates"), config.seeds, lambda *_: 0.0)
        case other:
            return foreign_generator(other)


def _generate(
    config: Config, inputs: Inputs, folder: Path, generator: "ProxyGenerator", rec: Record
) -> "tuple[Outcome, Sequence[str]]":
    from splatsmith.base.outcome import Unusable
    from splatsmith.complete.proxies import Request
    from splatsmith.complete.subject import read_subject
    from splatsmith.gaussians.ply import write_ply

    subject = read_subject(inputs.scene, inputs.masks, inputs.objects, inputs.object)
    request = Request(subject, _chosen(inputs.views), rec.backend, config.antialiased)
    proxy = generator.generate(request)
    if not len(proxy.gaussians):
        raise Unusable("the proxy has no Gaussians")
    comments = [] if proxy.aligned else ["Frame: of the proxy, not of the scene"]
    write_ply(folder / "generated.ply", proxy.gaussians, comments, antialiased=config.antialiased)
    told = {"kind": proxy.kind, "aligned": proxy.aligned, "up": None if proxy.up is None else [*map(float, proxy.up)]}
    files.write_json(folder / "proxy.json", told | dict(proxy.facts))
    names = ["generated.ply", "proxy.json", "contact.jpg"]
    if proxy.surface is not None:
        _write_mesh(folder / "mesh.ply", proxy)
        names.append("mesh.ply")
    _write_contact_sheet(folder, request, proxy)
    rec.metrics |= {"kind": proxy.kind, "gaussians": len(proxy.gaussians), **_counts(proxy.gaussians)}
    return proxy.outcome, names


def _chosen(folder: Path) -> "list[ChosenView]":
    from splatsmith.complete.proxies import ChosenView

    path = folder / "views.json"
    if not path.is_file():  # none could be chosen
        return []
    chosen = typed_json(_Views, path.read_text(encoding="utf-8"), str(path)).views
    return [ChosenView(one.name, folder / one.picture) for one in chosen]


def _counts(gaussians: "Gaussians") -> dict[str, int]:
    """Gaussians by provenance."""
    provenance = gaussians.extra["provenance"].cpu().numpy()
    named = enumerate(("given", "observed", "mirrored", "hull"))
    return {name: int((provenance == value).sum()) for value, name in named if (provenance == value).any()}


def _write_mesh(path: Path, proxy: "Proxy") -> None:
    import trimesh

    surface = proxy.surface
    colours = np.round(255 * surface.colours).astype(np.uint8)
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, vertex_colors=colours, process=False)
    files.write_bytes(path, trimesh.exchange.ply.export_ply(mesh))


def _write_contact_sheet(folder: Path, request: "Request", proxy: "Proxy") -> None:
    """The proxy from all sides, and if it stands in the scene, what photos show and what was observed there."""

    from splatsmith.complete.turned import about, extent
    from splatsmith.report.contact import Row, contact_sheet
    from splatsmith.scenes.pictures import write_jpeg

    rows, shown = [], [one for one in request.observations if one.mask.any()] if proxy.aligned else []
    scenes = [request.subject.observed, proxy.gaussians] if shown else [proxy.gaussians]
    up = request.up if shown else np.array([0.0, 0.0, 1.0]) if proxy.up is None else np.asarray(proxy.up, float)
    middle, size = extent(scenes[0])
    if shown:
        best = max(shown, key=lambda one: one.area)
        first = best.view.center - middle
        photo = [_cut_out(best.photo(), best.mask)]
    else:
        level = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
        first, photo = level / np.linalg.norm(level) + 0.4 * up, []
    for degrees in (0, *TURNS):
        camera, pose = _camera(middle, size, up, about(up, math.radians(degrees)) @ first)
        drawn = [_drawn(scene, camera, pose, request) for scene in scenes]
        blank = [np.full_like(drawn[0], 255)] * len(photo)
        rows.append(Row(f"{degrees} degrees round it", "", [*(photo if degrees == 0 else blank), *drawn]))
    columns = ("photo", "observed", "proxy") if shown else ("proxy",)
    write_jpeg(folder / "contact.jpg", contact_sheet(columns, rows, width=SIDE))


def _camera(middle: np.ndarray, size: float, up: np.ndarray, side: np.ndarray) -> "tuple[Camera, np.ndarray]":
    """A camera that sees all of an object from `side` (3,), and its T_camera_world."""
    from splatsmith.report.turntable import look_along
    from splatsmith.scenes.cameras import Camera

    outwards = side / np.linalg.norm(side)
    if np.linalg.norm(np.cross(outwards, up)) < 0.05:  # from straight above: lean a little, so that there is an up
        outwards = outwards + 0.1 * np.eye(3)[np.argmin(np.abs(up))]
        outwards = outwards / np.linalg.norm(outwards)
    size = size or 1.0
    camera = Camera(SIDE, SIDE, 2.2 * SIDE, 2.2 * SIDE, SIDE / 2, SIDE / 2)
    return camera, look_along(middle + 3 * size * outwards, -outwards, up)


def _drawn(gaussians: "Gaussians", camera: "Camera", pose: np.ndarray, request: "Request") -> np.ndarray:
    """(SIDE, SIDE, 3) uint8, on white."""
    import torch

    from splatsmith.render import render_view
    from splatsmith.render.choice import device_of
    from splatsmith.report.colours import as_bytes

    ready = gaussians.map(lambda column: column.to(device_of(request.backend)))
    drawing = {"antialiased": request.antialiased, "backend": request.backend}
    with torch.no_grad():
        white = torch.ones(3, device=ready.means.device)
        return as_bytes(render_view(ready, camera, pose, background=white, **drawing).image.cpu().numpy())


def _cut_out(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8. The object on white, as large as the pictures beside it show it."""
    from PIL import Image

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = Image.fromarray(np.where(mask[inside][..., None], photo[inside], np.uint8(255)))
    factor = 0.6 * SIDE / max(cut.size)
    cut = cut.resize([max(1, round(length * factor)) for length in cut.size], Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", (SIDE, SIDE), "white")
    sheet.paste(cut, ((SIDE - cut.width) // 2, (SIDE - cut.height) // 2))
    return np.asarray(sheet)
