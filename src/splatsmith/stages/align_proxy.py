"""Find where a proxy stands in the scene: rotation, a scale for each of its axes, and translation.

aligned.ply     the proxy in the scene's coordinates, with all its columns
pose.json       T_world_proxy and its nine numbers, the aligner, the gates, other hypotheses, the ambiguity gap
matches/*.png   photo and drawing of a view beside each other, with lines between matched points
contact.jpg     the proxy where it stands, to be looked at
outcome.json    how it went
manifest.json   {relative path: sha256} of all of these, written last

Where no pose fits, the outcome is "failed"; the files are there all the same, to see why.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.models.tools.settings import Tool
from splatsmith.stages.completion import for_object
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome
    from splatsmith.complete.align.aligned import Aligned
    from splatsmith.complete.align.body import Body
    from splatsmith.complete.align.evidence import Evidence
    from splatsmith.complete.observations import Observation
    from splatsmith.complete.subject import Subject
    from splatsmith.gaussians import Gaussians
    from splatsmith.models.matching import Matcher

PICTURES = 6
"""Views in the contact sheet, and pictures of matches."""


class Config(BaseModel):
    """How the pose is found."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    aligner: Literal["geo9", "scorp"] = "geo9"
    """geo9: outlines, colours, depths and matches, checked at every step. scorp: as SCORP was released."""
    matcher: Literal["sift", "mast3r", "matchanything", "none"] = "sift"
    """Finds the same points in a photo and in a picture of the proxy; geo9 can do without."""
    num_iterations: Annotated[int, Field(ge=1)] = 6
    """Iterations of scorp."""
    opt_shape_iterations: tuple[Annotated[int, Field(ge=0)], ...] = (3, 4)
    """Those of them, from 0, that fit a general affine map."""
    seed: int = 0
    """Of everything that is drawn at random."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models that run on a GPU where there is one."""
        return (self.matcher,) if self.matcher in ("mast3r", "matchanything") else ()


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
    truncated: Path
    """Folder of the truncated proxy."""
    pose_override: Path | None = None
    """YAML with a pose given by hand."""
    models: Path = Path("models")
    """Folder of the models' weights."""


def main(
    config: Config,
    inputs: Inputs,
    outputs: Outputs,
    *,
    threads: int | None = None,
    device: str = "auto",
    tools: Mapping[str, Tool] | None = None,
    accepted: Collection[str] = (),
) -> None:
    """Align the proxy of `inputs.object`; `threads` (all, if None) does not change the result.

    device: where models run. tools, accepted: as of `models.matchers.matcher_of`. Raises InputError where an input is
    missing or damaged.
    """

    from splatsmith.base.outcome import read_outcome
    from splatsmith.complete.align.override import read_override
    from splatsmith.complete.subject import read_subject
    from splatsmith.models.matchers import matcher_of
    from splatsmith.render.choice import settled

    label = f"align {inputs.scene.absolute().parent.name}: {inputs.object}"
    sources = [place / "manifest.json" for place in (inputs.scene, inputs.masks, inputs.objects)]
    sources += [inputs.views / "views.json", inputs.truncated / "truncated.ply", inputs.truncated / "proxy.json"]
    sources += [inputs.pose_override] if inputs.pose_override else []
    with record(outputs.stage_json, stage="align_proxy", config=config, inputs=sources, seed=config.seed) as rec:
        rec.arguments = {"object": inputs.object}
        rec.backend = settled(config.backend, threads)
        override = read_override(inputs.pose_override) if inputs.pose_override else None
        after = {"select_views": read_outcome(inputs.views), "truncate_proxy": read_outcome(inputs.truncated)}

        def work() -> "tuple[Outcome, Sequence[str]]":
            found = {"models_dir": inputs.models, "device": device, "tools": tools or {}, "accepted": accepted}
            matcher = None
            if config.matcher != "none":
                matcher = matcher_of(config.matcher, **found, folder=outputs.folder / "tool")
            subject = read_subject(inputs.scene, inputs.masks, inputs.objects, inputs.object)
            given = _Given(subject, *_read_proxy(inputs.truncated), _chosen(inputs.views), override, matcher)
            return _align(config, given, outputs.folder, rec, label)

        for_object(outputs.folder, rec, label, work, after=after)


@dataclass(frozen=True, eq=False)
class _Given:
    """What `_align` works with."""

    subject: "Subject"
    proxy: "Gaussians"
    told: dict
    """proxy.json."""
    chosen: list[str]
    """Names of the chosen views, the best first."""
    override: "object | None"
    matcher: "Matcher | None"


def _align(config: Config, given: _Given, folder: Path, rec: Record, label: str) -> "tuple[Outcome, Sequence[str]]":
    from splatsmith.complete.align.body import body_of
    from splatsmith.complete.align.evidence import evidence_of
    from splatsmith.gaussians.ply import write_ply
    from splatsmith.gaussians.transforms import affine

    subject = given.subject
    body = body_of(given.proxy, config.seed)
    seen = subject.observations(subject.views, backend=rec.backend, antialiased=config.antialiased)
    evidence = evidence_of(seen, given.chosen)
    aligned, how = _found(config, given, body, evidence, seen, rec.backend, label)
    write_ply(folder / "aligned.ply", affine(given.proxy, aligned.T), antialiased=config.antialiased)
    facts = {"object": subject.name, "aligner": how, "matcher": config.matcher}
    facts |= {"status": aligned.outcome.status, "reason": aligned.outcome.reason}
    files.write_json(folder / "pose.json", facts | aligned.as_dict(body))
    names = ["aligned.ply", "pose.json", "contact.jpg", *_write_pictures(folder, aligned, body, evidence, rec.backend)]
    rec.metrics |= {"aligner": how, "iou": aligned.fit.iou, "score": aligned.fit.score, "gap": aligned.gap}
    rec.metrics |= {gate.name: gate.value for gate in aligned.gates}
    return aligned.outcome, names


def _found(
    config: Config,
    given: _Given,
    body: "Body",
    evidence: "Evidence",
    seen: "Sequence[Observation]",
    backend: Literal["cpu", "gsplat"],
    label: str,
) -> "tuple[Aligned, str]":
    """The pose, and how it was found."""
    from splatsmith.complete.align.aligned import by_geo9, improved, locked, verified
    from splatsmith.complete.align.geo9 import Drawing
    from splatsmith.complete.align.pose import similarity
    from splatsmith.scenes.orientation import up_axis

    drawing = Drawing(body, evidence, backend)
    if given.override is not None:
        pose = body.of_body(given.override.pose)
        if given.override.locked:
            return locked(drawing, given.matcher, pose), "override, locked"
        return improved(drawing, given.matcher, pose, stretch=True), "override, polished"
    if given.told.get("aligned"):
        pose = body.of_body(similarity(np.eye(3), 1.0, np.zeros(3)))
        if given.told["kind"] == "visual_hull_sym":
            return verified(drawing, given.matcher, pose), "none, the proxy was made where it stands"
        return improved(drawing, given.matcher, pose, stretch=False), "the generator's pose, polished"
    match config.aligner:
        case "geo9":
            up = given.told.get("up")
            ups = None if up is None else np.array(up, float), up_axis(given.subject.views)
            return by_geo9(drawing, given.matcher, *ups, seed=config.seed, label=label), "geo9"
        case "scorp":
            return _by_scorp(config, given, drawing, seen, label), "scorp"


def _by_scorp(config: Config, given: _Given, drawing, seen: "Sequence[Observation]", label: str) -> "Aligned":
    from dataclasses import replace

    from splatsmith.base.outcome import Unusable
    from splatsmith.complete.align.aligned import affine_one
    from splatsmith.complete.align.scorp import scorp
    from splatsmith.complete.align.sights import sight_of
    from splatsmith.complete.align.start import start

    if given.matcher is None:
        raise Unusable("the aligner scorp needs a matcher")
    proxy, observed = (some.means.double().cpu().numpy() for some in (given.proxy, given.subject.observed))
    begin = start(proxy, observed, config.seed)
    begin = replace(begin, T=begin.T @ np.linalg.inv(drawing.body.T_body_proxy))
    T, pairs = scorp(
        drawing.body,
        begin,
        lambda i: sight_of(seen[i]) if seen[i].area else None,
        len(seen),
        given.matcher,
        iterations=config.num_iterations,
        shapes=config.opt_shape_iterations,
        backend=drawing.backend,
        seed=config.seed,
        label=label,
    )
    return affine_one(drawing, T, pairs)


def _read_proxy(folder: Path) -> "tuple[Gaussians, dict]":
    from splatsmith.gaussians.ply import read_ply

    return read_ply(folder / "truncated.ply"), _read_json(folder / "proxy.json", "truncate_proxy")


def _chosen(folder: Path) -> list[str]:
    return [entry["name"] for entry in _read_json(folder / "views.json", "select_views")["views"]]


def _read_json(path: Path, stage: str) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fix = f"redo the stage {stage}: ./run redo {stage}"
        raise InputError(Problem("a file of an earlier stage cannot be read", str(path), fix, got=str(error))) from None


def _write_pictures(
    folder: Path, aligned: "Aligned", body: "Body", evidence: "Evidence", backend: Literal["cpu", "gsplat"]
) -> list[str]:
    """Write the contact sheet and pictures of matches; returns the names of the latter."""

    from splatsmith.complete.align.drawn import place
    from splatsmith.complete.align.matches import picture
    from splatsmith.complete.align.sheet import sheet_of
    from splatsmith.scenes.pictures import write_jpeg, write_png

    T_world_body = aligned.T @ np.linalg.inv(body.T_body_proxy)
    placed = place(body.fine, T_world_body, backend)
    names = []
    for pairs in [some for some in aligned.pairs if len(some)][:PICTURES]:
        names.append(f"matches/{pairs.sight.name}.png")
        write_png(folder / names[-1], picture(pairs, placed))
    sheet = sheet_of(placed, [*evidence.held, *evidence.sights][:PICTURES])
    write_jpeg(folder / "contact.jpg", sheet)
    return names
