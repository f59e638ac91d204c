"""The workflow's configuration: one section per stage, which any scene may override key by key.

Light: it is read whenever Snakemake starts.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.scenes.description import Slug
from splatsmith.stages import (
    associate_masks,
    edit_scene,
    evaluate,
    extract_objects,
    prepare_scene,
    render_views,
    report,
    segment_2d,
    segment_3d,
    train_3dgs,
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
    "evaluate": evaluate.Config,
    "report": report.Config,
}
"""The part of the configuration that each stage reads, by the name of its target."""

Section = dict[str, Any]


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


class Models(BaseModel):
    """Where models come from and where they run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dir: str = "models"
    """Folder of their weights, one sub-folder each; `splatsmith doctor --models DIR` says what it holds and lacks."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where they run; auto takes the GPU where torch can, and the log says which."""


class WorkflowConfig(Sections):
    """All that a user may configure."""

    scenes: dict[Slug, Scene]
    """The scenes to work on, by the names that their results get: small letters, digits, `-` and `_`."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer. `auto` takes gsplat where it is installed and there is a GPU, else cpu; the log says which."""
    models: Models = Models()
    """Foundation models, for the mask sources that run one."""
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


def merged(common: Section, own: Section) -> Section:
    """`common` with the keys of `own` laid over it, mappings key by key."""
    both = {key for key in common.keys() & own.keys() if isinstance(common[key], dict) and isinstance(own[key], dict)}
    return common | own | {key: merged(common[key], own[key]) for key in both}
