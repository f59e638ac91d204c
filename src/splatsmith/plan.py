"""What the Snakefile knows before any job runs: each scene's settings, files and split, each stage's code, the GPU.

Everything here is read from small files and folder listings, so that Snakemake starts at once.
"""

import importlib.util
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import splatsmith
from splatsmith.base.digest import code_digest
from splatsmith.base.errors import InputError, Problem
from splatsmith.config import SECTIONS, Scene, WorkflowConfig, read_config
from splatsmith.scenes.description import FILE_NAME as DESCRIPTION_NAME
from splatsmith.scenes.description import read_description
from splatsmith.scenes.layout import input_files
from splatsmith.scenes.split import FILE_NAME as SPLIT_NAME
from splatsmith.scenes.split import read_split

FOLDERS = {"prepare_scene": "scene", "train_3dgs": "gaussians", "render_views": "renders", "report": "report"}
"""Where in `results/{scene}` each stage writes, `stage.json` included."""


@dataclass(frozen=True)
class ScenePlan:
    """What the jobs of one scene get. JSON texts have sorted keys, so that equal settings are equal texts."""

    path: Path
    files: list[str]
    """Every file that `prepare_scene` may read."""
    split: str
    """The split file's content as JSON, or "null" where the stage is to choose."""
    settings: dict[str, str]
    """Each section of the configuration as JSON, defaults filled in."""
    gpus: dict[str, int]
    """GPUs that the stage of each section takes, 0 or 1."""


class Plan:
    """The workflow's view of a configuration. Raises InputError when that, or a scene's own YAML, is wrong."""

    def __init__(self, raw: Mapping[str, Any], project: Path):
        self._project = project
        self.config = read_config(raw)
        self.scenes = {name: _plan_scene(self.config, name, project) for name in self.config.scenes}

    @cached_property
    def codes(self) -> dict[str, str]:
        """The digest of each stage's code as it now is."""
        scripts, package = self._project / "workflow" / "scripts", Path(splatsmith.__file__).parent
        return {stage: code_digest(scripts / f"{stage}.py", package) for stage in FOLDERS}

    def code(self, stage: str, scene: str) -> str:
        """The digest that a result of `stage` must have been made with to be kept.

        It is the present code's, or with `pin_code` that of the code which made the result that is there.
        """
        if self.config.pin_code:
            try:
                made = json.loads(Path("results", scene, FOLDERS[stage], "stage.json").read_text(encoding="utf-8"))
                return made["code"] or self.codes[stage]
            except (OSError, ValueError):
                pass  # nothing was made yet
        return self.codes[stage]


def _plan_scene(config: WorkflowConfig, name: str, project: Path) -> ScenePlan:
    scene = config.scenes[name]
    path = _folder(name, scene, project)
    read_description(path / DESCRIPTION_NAME)  # wrong YAML is told before any work
    sections = {section: config.section(section, name) for section in SECTIONS}
    return ScenePlan(
        path=path,
        files=[file.as_posix() for file in input_files(path, sections["prepare"].images)],
        split=_split(scene, path),
        settings={key: _json(section) for key, section in sections.items()},
        gpus={key: _gpus(getattr(section, "backend", "cpu")) for key, section in sections.items()},
    )


def _folder(name: str, scene: Scene, project: Path) -> Path:
    """The scene's folder, relative to the working directory or else to the project."""
    for path in (Path(scene.path), project / scene.path):
        if path.is_dir():
            return path
    where = f"config: scenes.{name}.path"
    raise InputError(Problem("there is no such folder", where, "correct the path", got=scene.path))


def _split(scene: Scene, path: Path) -> str:
    file = path / (scene.split or SPLIT_NAME)
    if scene.split is None and not file.exists():
        return "null"
    return _json(read_split(file))


def _gpus(backend: str) -> int:
    """Only what the scheduler is told: a stage with backend "auto" looks again when it runs, and says what it takes."""
    if backend == "auto":
        return int(shutil.which("nvidia-smi") is not None and importlib.util.find_spec("gsplat") is not None)
    return int(backend == "gsplat")


def _json(model: BaseModel) -> str:
    return json.dumps(model.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
