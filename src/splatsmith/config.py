"""The workflow's configuration: one section per stage, which any scene may override key by key.

Light: it is read whenever Snakemake starts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.models.tools.settings import Tool
from splatsmith.scenes.description import Slug
from splatsmith.scenes.documents import read_yaml
from splatsmith.stages import (
    align_proxy,
    associate_masks,
    compose_scene,
    edit_scene,
    evaluate,
    evaluate_completion,
    extract_objects,
    generate_proxy,
    prepare_scene,
    refine_proxy,
    render_views,
    report,
    segment_2d,
    segment_3d,
    select_views,
    train_3dgs,
    truncate_proxy,
)

SECTIONS: dict[str, type[BaseModel]] = {
    "prepare": prepare_scene.Config,
    "train": train_3dgs.Config,
    "render": render_views.Config,
    "masks": segment_2d.Config,
    "associate": associate_masks.Config,
    "segment": segment_3d.Config,
    "objects": extract_objects.Config,
    "edit": edit_scene.Config,
    "views": select_views.Config,
    "proxy": generate_proxy.Config,
    "truncate": truncate_proxy.Config,
    "align": align_proxy.Config,
    "refine": refine_proxy.Config,
    "compose": compose_scene.Config,
    "evaluate_completion": evaluate_completion.Config,
    "evaluate": evaluate.Config,
    "report": report.Config,
}
"""The part of the configuration that each stage reads, by the name of its target."""

Section = dict[str, Any]
Tools = dict[Literal["trellis", "sam3d", "mast3r"], Tool]


class Sections(BaseModel):
    """Settings by stage, still untyped: what a scene overrides counts before what holds for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prepare: Section = {}
    """Settings of `prepare_scene`."""
    train: Section = {}
    """Settings of `train_3dgs`."""
    render: Section = {}
    """Settings of `render_views`."""
    masks: Section = {}
    """Settings of `segment_2d`."""
    associate: Section = {}
    """Settings of `associate_masks`."""
    segment: Section = {}
    """Settings of `segment_3d`."""
    objects: Section = {}
    """Settings of `extract_objects`."""
    edit: Section = {}
    """Settings of `edit_scene`."""
    views: Section = {}
    """Settings of `select_views`."""
    proxy: Section = {}
    """Settings of `generate_proxy`."""
    truncate: Section = {}
    """Settings of `truncate_proxy`."""
    align: Section = {}
    """Settings of `align_proxy`."""
    refine: Section = {}
    """Settings of `refine_proxy`."""
    compose: Section = {}
    """Settings of `compose_scene`."""
    evaluate_completion: Section = {}
    """Settings of `evaluate_completion`."""
    evaluate: Section = {}
    """Settings of `evaluate`."""
    report: Section = {}
    """Settings of `report`."""


class Scene(Sections):
    """One scene, and where it differs from the others."""

    path: str
    """Folder of the scene, relative to the working directory or, when it is not there, to the project."""
    split: str | None = None
    """File in the scene's folder that says which views are held out, instead of its `split.yml`."""
    description: str | None = None
    """File in the scene's folder that says what is wanted, instead of its `description.yml`."""


class Models(BaseModel):
    """Where models come from and where they run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dir: str = "models"
    """Folder of their weights, one sub-folder each; `splatsmith doctor --models DIR` says what it holds and lacks."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where they run; auto takes the GPU where torch can, and the log says which."""
    accept_licences: tuple[Literal["mast3r"], ...] = ()
    """Tools whose licences you accept though they forbid commercial use."""


class WorkflowConfig(Sections):
    """All that a user may configure."""

    scenes: dict[Slug, Scene]
    """The scenes to work on, by the names that their results get: small letters, digits, `-` and `_`."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer. `auto` takes gsplat where it is installed and there is a GPU, else cpu; the log says which."""
    models: Models = Models()
    """Foundation models, for the mask sources that run one."""
    tools: Tools = {}
    """Programs in environments of their own, by name: docs/tools.md."""
    pin_code: bool = False
    """Accept existing results though the code that made them has changed since, e.g. by an upgrade."""

    def section(self, name: str, scene: str) -> BaseModel:
        """The settings of one stage for one scene. Raises InputError that names the place of a wrong key."""
        common, own = getattr(self, name), getattr(self.scenes[scene], name)
        values = self._shared(name, scene) | merged(common, own)
        try:
            return typed(SECTIONS[name], values, f"config: scenes.{scene}.{name}")
        except InputError:
            typed(SECTIONS[name], common, f"config: {name}")  # where it is wrong already, that is the place
            raise

    def _shared(self, name: str, scene: str) -> Section:
        """What a section takes from elsewhere unless it says otherwise: pictures are drawn as they were trained."""
        shared: Section = {"backend": self.backend}
        if name != "train":
            train = self.section("train", scene)
            shared |= {"antialiased": train.antialiased}
            shared |= {} if train.background == "random" else {"background": train.background}
        return {key: value for key, value in shared.items() if key in SECTIONS[name].model_fields}


def read_config(raw: Mapping[str, Any]) -> WorkflowConfig:
    """The whole configuration, every section of every scene checked. Raises InputError."""
    config = typed(WorkflowConfig, dict(raw), "config")
    if not config.scenes:
        fix = "name at least one, e.g. `scenes: {fox: {path: scenes/fox}}`"
        raise InputError(Problem("there is no scene to work on", "config: scenes", fix))
    for scene in config.scenes:
        for name in SECTIONS:
            config.section(name, scene)
    return config


def read_tools(path: Path) -> Tools:
    """The tools that a configuration file names, whatever else it says; none where there is no such file.

    Raises InputError.
    """
    value = read_yaml(path) if path.exists() else None
    tools = value.get("tools") if isinstance(value, dict) else None
    return typed(Tools, tools or {}, f"{path}: tools")


def merged(common: Section, own: Section) -> Section:
    """`common` with the keys of `own` laid over it, mappings key by key."""
    both = {key for key in common.keys() & own.keys() if isinstance(common[key], dict) and isinstance(own[key], dict)}
    return common | own | {key: merged(common[key], own[key]) for key in both}
