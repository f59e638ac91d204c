"""Stage segment_3d: label maps that agree in, a soft score for every Gaussian out, by one method.

point_cloud.ply     the Gaussians that the scores speak of: the scene's, but for those cut along a boundary; with the
                    preset `paper` of gradiseg, Gaussians that were trained anew
scores.npz          the likeliest numbers of each Gaussian (segment3d/scores.py)
legend.json         what the numbers mean
maps/<view>.npz     soft maps of the held-out views, drawn from the segmentation (of all views, where none is held out)
metrics.json        what it took, and what it did to the scene's held-out PSNR
manifest.json       {relative path: sha256} of all of these, written last

Only the label maps of training views count. Thresholds come later, in extract_objects.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.background import background_rgb
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.base.progress import Progress
from splatsmith.segment3d.config import GradisegConfig, SparseIdConfig
from splatsmith.stages.record import Outputs, record

if TYPE_CHECKING:
    from torch import Tensor, device

    from splatsmith.gaussians import Gaussians
    from splatsmith.scenes.cameras import View
    from splatsmith.scenes.label_maps import Legend
    from splatsmith.scenes.prepared import PreparedScene
    from splatsmith.segment3d.methods import Lifted
    from splatsmith.segment3d.targets import Target
    from splatsmith.train.resume import Checkpoint

Method = Literal["votes", "sparse-id", "gradiseg"]
METHODS: tuple[Method, ...] = ("votes", "sparse-id", "gradiseg")
REDO = "redo the stage associate_masks: ./run redo associate"
BEST_PSNR_DB = 100.0


class Config(BaseModel):
    """How label maps are lifted into the scene."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = ("sparse-id",)
    """One or more, to be compared; the first one makes the objects. votes: weights of pixels, counted (FlashSplat).
    sparse-id: votes held together by neighbours and made nearly hard, boundaries cut. gradiseg: learnt identity codes
    with the modules of the paper."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""
    background: Literal["black", "white"] | tuple[float, float, float] = "black"
    """Colour behind everything, for the held-out PSNR; should be as in training."""
    sparse_id: SparseIdConfig = SparseIdConfig()
    """Settings of sparse-id."""
    gradiseg: GradisegConfig = GradisegConfig()
    """Settings of gradiseg."""

    @property
    def trains(self) -> bool:
        """Whether the first method trains the scene anew."""
        return self.methods[0] == "gradiseg" and self.gradiseg.preset == "paper"

    def only(self, method: Method) -> Self:
        """What one method reads: a change of another's settings does not change this."""
        defaults = type(self)()
        kept = {"sparse-id": "sparse_id", "gradiseg": "gradiseg"}
        others = {name: getattr(defaults, name) for owner, name in kept.items() if owner != method}
        return self.model_copy(update={"methods": (method,), **others})


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""
    gaussians: Path
    """PLY of trained Gaussians, in the scene's world frame. Where a method trains anew, what it is compared with."""
    masks: Path
    """Folder of label maps that agree."""


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Segment by the first of the configured methods; `threads` (all, if None) does not change the result.

    Raises InputError where an input is missing or damaged, or no training view shows any object.
    """

    from splatsmith.gaussians.ply import read_ply
    from splatsmith.render.choice import device_of, settled
    from splatsmith.scenes.label_maps import LEGEND_NAME, read_legend
    from splatsmith.scenes.prepared import read_prepared
    from splatsmith.train.resume import Checkpoint, run_key

    folder, method = outputs.folder, config.methods[0]
    label = f"segment {folder.absolute().parents[1].name} by {method}"
    remove_manifest(folder)
    sources = [inputs.scene / "manifest.json", inputs.gaussians, inputs.masks / "manifest.json"]
    seed = config.gradiseg.seed
    with record(outputs.stage_json, stage="segment_3d", config=config, inputs=sources, seed=seed) as rec:
        scene, legend = read_prepared(inputs.scene), read_legend(inputs.masks / LEGEND_NAME)
        rec.backend = settled(config.backend, threads)
        device = device_of(rec.backend)
        gaussians = read_ply(inputs.gaussians).map(lambda column: column.to(device))
        targets = _targets(scene, inputs.masks, legend, device)
        facts = {"config": config.model_dump(mode="json"), "inputs": list(rec.inputs.values()), "code": rec.code}
        checkpoint = Checkpoint(folder, run_key(**facts, versions=rec.versions, backend=rec.backend))
        counts = f"{len(gaussians):,} Gaussians, {len(targets)} views, {len(legend.entries)} numbers"
        print(f"{label}: {counts}, backend {rec.backend}", flush=True)
        if config.trains:
            lifted = _trained(config, scene, targets, legend, rec.backend, checkpoint, label)
        else:
            lifted = _lifted(config, scene, gaussians, list(targets.values()), legend, rec.backend, label)
        drawn = scene.test_views or scene.train_views
        rec.metrics |= {"method": method, "gaussians": len(lifted.gaussians), "cut": lifted.cut}
        rec.metrics |= _psnr_change(gaussians, lifted, drawn, config, rec.backend)
        _write(folder, lifted, legend, drawn, rec.metrics, config.antialiased, label)
        checkpoint.remove()
        print(f"{label}: {_told(rec.metrics, config)}", flush=True)


def _lifted(
    config: Config,
    scene: "PreparedScene",
    gaussians: "Gaussians",
    targets: "Sequence[Target]",
    legend: "Legend",
    backend: Literal["cpu", "gsplat"],
    label: str,
) -> "Lifted":
    from splatsmith.segment3d.methods import lift
    from splatsmith.segment3d.restore import restored

    drawing = {"antialiased": config.antialiased, "backend": backend}

    def repair(cut: "Gaussians", rows: "Tensor") -> "Gaussians":
        return restored(
            cut,
            rows,
            scene.train_views,
            background=background_rgb(config.background),
            **drawing,
            label=f"{label}: restore",
        )

    settings = {"gradiseg_config": config.gradiseg, "sparse_id_config": config.sparse_id}
    classes = 1 + len(legend.entries)
    return lift(config.methods[0], gaussians, targets, classes, **settings, **drawing, repair=repair, label=label)


def _trained(
    config: Config,
    scene: "PreparedScene",
    targets: "dict[str, Target]",
    legend: "Legend",
    backend: Literal["cpu", "gsplat"],
    checkpoint: "Checkpoint",
    label: str,
) -> "Lifted":
    from splatsmith.segment3d.methods import lift_while_training
    from splatsmith.train.estimate import estimate, explaining_out_of_memory

    drawing = {"antialiased": config.antialiased, "background": config.background, "backend": backend}
    training, classes = config.gradiseg.training(**drawing), 1 + len(legend.entries)
    going_on = {"checkpoint": checkpoint, "label": label}
    with explaining_out_of_memory(estimate(scene, training)):
        return lift_while_training(scene, targets, classes, config.gradiseg, training, **going_on)


def _write(
    folder: Path,
    lifted: "Lifted",
    legend: "Legend",
    views: "Sequence[View]",
    metrics: dict,
    antialiased: bool,
    label: str,
) -> None:
    from splatsmith.gaussians.ply import write_ply
    from splatsmith.scenes.label_maps import LEGEND_NAME, write_legend
    from splatsmith.segment3d.scores import Scores, write_scores
    from splatsmith.segment3d.targets import class_ids

    ids, ply = np.array(class_ids(legend)), folder / "point_cloud.ply"
    write_ply(ply, lifted.gaussians.map(lambda column: column.cpu()), antialiased=antialiased)
    write_scores(folder / "scores.npz", Scores.from_dense(lifted.pi, ids), ply)
    write_legend(folder / LEGEND_NAME, legend)
    _write_maps(folder / "maps", views, lifted, ids, label)
    files.write_json(folder / "metrics.json", metrics)
    maps = (f"maps/{view.name}.npz" for view in views)
    write_manifest(folder, [ply.name, "scores.npz", LEGEND_NAME, "metrics.json", *maps])


def _targets(scene: "PreparedScene", masks: Path, legend: "Legend", device: "device") -> "dict[str, Target]":
    """By their names, the training views whose label maps come from masks of their own."""
    from splatsmith.scenes.label_maps import read_label_map
    from splatsmith.segment3d.targets import class_ids, targets_of

    try:
        told = json.loads((masks / "views.json").read_text(encoding="utf-8"))
        views = [view for view in scene.train_views if told[view.name]["origin"] != "rendered"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            Problem("the label maps are incomplete", str(masks / "views.json"), REDO, got=repr(error))
        ) from None
    maps = {
        view.name: read_label_map(masks / f"{view.name}.png", (view.camera.width, view.camera.height)) for view in views
    }
    targets = targets_of(views, maps, class_ids(legend), rest_is_known=legend.rest == "background", device=device)
    if not any(len(target.present) for target in targets):
        fix = "look at masks/raw/contact.jpg, and give masks to more views"
        raise InputError(Problem("no training view shows any object", str(masks), fix))
    return dict(zip(maps, targets, strict=True))


def _write_maps(folder: Path, views: "Sequence[View]", lifted: "Lifted", ids: np.ndarray, label: str) -> None:
    """Soft maps of `views`; those of an earlier run are removed."""
    from splatsmith.scenes.label_maps import KEPT, write_soft_map
    from splatsmith.segment3d.targets import Camera

    with Progress(f"{label}: maps", len(views), "views") as bar:
        for view in views:
            probabilities = lifted.draw(Camera.of(view, lifted.pi.device)).detach()
            top = probabilities.topk(min(KEPT, len(ids)), dim=-1)
            write_soft_map(folder / f"{view.name}.npz", ids[top.indices.cpu().numpy()], top.values.cpu().numpy())
            bar.advance()
    for stale in set(folder.iterdir()) - {folder / f"{view.name}.npz" for view in views}:
        stale.unlink()


def _psnr_change(
    gaussians: "Gaussians", lifted: "Lifted", views: "Sequence[View]", config: Config, backend: str
) -> dict:
    """PSNR of `views` before and after; where no Gaussian was changed, they are one."""
    before = _psnr(gaussians, views, config, backend)
    after = before if lifted.gaussians is gaussians else _psnr(lifted.gaussians, views, config, backend)
    return {"psnr_before_db": round(before, 4), "psnr_db": round(after, 4), "psnr_change_db": round(after - before, 4)}


def _psnr_change(
    gaussians: "Gaussians", lifted: "Lifted", views: "Sequence[View]", config: Config, backend: str
) -> dict:
    """PSNR of `views` before and after; where no Gaussian was changed, they are one."""
    before = _psnr(gaussians, views, config, backend)
    after = before if lifted.gaussians is gaussians else _psnr(lifted.gaussians, views, config, backend)
    return {"psnr_before_db": round(before, 4), "psnr_db": round(after, 4), "psnr_change_db": round(after - before, 4)}


def _color(config: Config) -> tuple[float, float, float]:
    named = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}
    return config.background if isinstance(config.background, tuple) else named[config.background]


def _psnr(gaussians: "Gaussians", views: "Sequence[View]", config: Config, backend: str) -> float:
    import torch

    from splatsmith.render import render_view
    from splatsmith.scenes.prepared import read_image
    from splatsmith.train.losses import psnr

    drawing = {
        "background": gaussians.means.new_tensor(background_rgb(config.background)),
        "antialiased": config.antialiased,
        "backend": backend,
    }
    values = []
    for view in views:
        with torch.no_grad():
            image = render_view(gaussians, view.camera, view.T_camera_world, **drawing).image
        values.append(min(float(psnr(image, torch.from_numpy(read_image(view)).to(image) / 255)), BEST_PSNR_DB))
    return float(np.mean(values))


def _told(metrics: dict, config: Config) -> str:
    cut = f"{metrics['cut']:,} Gaussians cut along boundaries, held-out PSNR {metrics['psnr_change_db']:+.3f} dB"
    if config.trains:
        return f"trained {metrics['gaussians']:,} Gaussians anew, {cut} against those trained without codes"
    return cut if metrics["cut"] else "the scene is unchanged"
