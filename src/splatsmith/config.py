"""The workflow's configuration: one section per stage, which any scene may override key by key.

Light: it is read whenever Snakemake starts.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from splatsmith.base.typed import typed
from splatsmith.scenes.description import Slug
from splatsmith.stages import prepare_scene, render_views, report, train_3dgs

SECTIONS: dict[str, type[BaseModel]] = {
    "prepare": prepare_scene.Config,
    "train": train_3dgs.Config,
    "render": render_views.Config,
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
    report: Section = {}
    """Settings of `report`."""


class Scene(Sections):
    """One scene, and where it differs from the others."""

    path: str
    """Folder of the scene, relative to the working directory or, when it is not there, to the project."""
    split: str | None = None
    """File in the scene's folder that says which views are held out, instead of its `split.yml`."""


class WorkflowConfig(Sections):
    """All that a user may configure."""

    scenes: dict[Slug, Scene]
    """The scenes to work on, by the names that their results get: small letters, digits, `-` and `_`."""
    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer. `auto` takes gsplat where it is installed and there is a GPU, else cpu; the log says which."""
    pin_code: bool = False
    """Accept existing results though the code that made them has changed since, e.g. by an upgrade."""

    def section(self, name: str, scene: str) -> BaseModel:
        """The settings of one stage for one scene. Raises InputError that names the place of a wrong key."""
        common, own = getattr(self, name), getattr(self.scenes[scene], name)
        values = self._shared(name, scene) | merged(common, own)
        return typed(SECTIONS[name], values, f"config: {f'scenes.{scene}.' if own else ''}{name}")

    def _shared(self, name: str, scene: str) -> Section:
        """What a section takes from elsewhere unless it says otherwise: pictures are drawn as they were trained."""
        shared = {"backend": self.backend} if "backend" in SECTIONS[name].model_fields else {}
        if name == "render":
            train = self.section("train", scene)
            shared |= {"antialiased": train.antialiased}
            shared |= {} if train.background == "random" else {"background": train.background}
        return shared


def read_config(raw: Mapping[str, Any]) -> WorkflowConfig:
    """The whole configuration, every section of every scene checked. Raises InputError."""
    config = typed(WorkflowConfig, dict(raw), "config")
    for scene in config.scenes:
        for name in SECTIONS:
            config.section(name, scene)
    return config


def merged(common: Section, own: Section) -> Section:
    """`common` with the keys of `own` laid over it, mappings key by key."""
    both = {key for key in common.keys() & own.keys() if isinstance(common[key], dict) and isinstance(own[key], dict)}
    return common | own | {key: merged(common[key], own[key]) for key in both}
