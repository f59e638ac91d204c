"""What the Snakefile knows before any job runs: each scene's settings, files and split, each stage's code, the GPU.

Everything here is read from small files and folder listings, so that Snakemake starts at once.
"""

import importlib.util
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import splatsmith
from splatsmith.base.digest import code_digest
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.gpu_lease import named_devices
from splatsmith.base.places import FOLDERS
from splatsmith.config import SECTIONS, Scene, WorkflowConfig, read_config
from splatsmith.scenes.description import FILE_NAME as DESCRIPTION_NAME
from splatsmith.scenes.description import Completion, Description, read_description
from splatsmith.scenes.edits import AnyEdit, Diffusion
from splatsmith.scenes.layout import input_files
from splatsmith.scenes.split import FILE_NAME as SPLIT_NAME
from splatsmith.scenes.split import read_split
from splatsmith.scenes.truth import find_truth
from splatsmith.stages import segment_2d


@dataclass(frozen=True)
class ScenePlan:
    """What the jobs of one scene get. JSON texts have sorted keys, so that equal settings are equal texts."""

    path: Path
    files: list[str]
    """Every file that `prepare_scene` may read."""
    split_file: Path | None
    """The file that says which photos are held out; None where the stage is to choose."""
    split: str
    """What it says, as JSON; "null" without one."""
    settings: dict[str, str]
    """Each section of the configuration as JSON, defaults filled in."""
    gpus: dict[str, int]
    """GPUs that the stage of each section takes, 0 or 1."""
    segmentation: "SegmentationPlan | None"
    """What is to be done with its objects; None where nothing is."""
    note: str = ""
    """What a user should know who wonders why nothing is done with them."""


@dataclass(frozen=True)
class SegmentationPlan:
    """What the jobs of a scene get that is to be segmented."""

    objects: str
    """The description's objects as JSON."""
    mask_files: list[str]
    """Files of the scene that the masks are read from."""
    needs_gaussians: bool
    """Whether masks are carried from view to view through the trained scene."""
    methods: dict[str, str]
    """Each method's settings as JSON; the first one makes the objects."""
    edits: dict[str, str]
    """Each plain edit as JSON."""
    after: dict[str, str | None]
    """The edit that each of them begins with; None: the segmented scene."""
    completed: dict[str, "CompletionPlan"]
    """The objects that are to be made whole."""
    truth: list[str]
    """Files that results are measured against; none where the truth is not known."""


@dataclass(frozen=True)
class CompletionPlan:
    """What an object is made whole with. Each list holds one file, or none."""

    file: list[str]
    """The proxy that the user gives."""
    pose: list[str]
    """What the user says of where it stands."""


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

    @property
    def tools(self) -> str:
        """Where tools are on this machine, as JSON."""
        return _json_of({name: tool.model_dump(mode="json") for name, tool in self.config.tools.items()})

    @property
    def segmented(self) -> list[str]:
        """The scenes that are to be segmented."""
        return [name for name, scene in self.scenes.items() if scene.segmentation is not None]

    def code(self, stage: str, wildcards: Mapping[str, str]) -> str:
        """The digest that a result of `stage` must have been made with to be kept. `wildcards`: whose result.

        It is the present code's, or with `pin_code` that of the code which made the result that is there.
        """
        if self.config.pin_code:
            try:
                folder = Path("results", wildcards["scene"], FOLDERS[stage].format(**wildcards))
                made = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
                return made["code"] or self.codes[stage]
            except (OSError, ValueError):
                pass  # nothing was made yet
        return self.codes[stage]


def _plan_scene(config: WorkflowConfig, name: str, project: Path) -> ScenePlan:
    scene = config.scenes[name]
    path = _folder(name, scene, project)
    description = _description(name, scene, path)  # wrong YAML is told before any work
    split_file = _split_file(scene, path)
    sections = {section: _as_described(config.section(section, name), section, description) for section in SECTIONS}
    return ScenePlan(
        path=path,
        files=[file.as_posix() for file in input_files(path, sections["prepare"].images)],
        split_file=split_file,
        split=_json(read_split(split_file)) if split_file else "null",
        settings={key: _json(section) for key, section in sections.items()},
        gpus={key: _gpus_of(section, config.models.device) for key, section in sections.items()},
        segmentation=(segmentation := _plan_segmentation(path, description, sections)),
        note=_note(name, description) if description.objects and segmentation is None else "",
    )


def _note(name: str, description: Description) -> str:
    objects = ", ".join(one.name for one in description.objects)
    return (
        f"{name}: {objects} will not be looked for: give a box or points in {DESCRIPTION_NAME}, or another masks.source"
    )


def _plan_segmentation(
    path: Path, description: Description, sections: Mapping[str, BaseModel]
) -> SegmentationPlan | None:
    masks, segment = sections["masks"], sections["segment"]
    if not segment_2d.has_work(masks, description.objects):
        return None
    edits = _plain_edits(description.edits)
    truth = find_truth(path, sections["evaluate"].truth)
    return SegmentationPlan(
        objects=_json_of([one.model_dump(mode="json", exclude={"complete"}) for one in description.objects]),
        mask_files=[file.as_posix() for file in segment_2d.mask_files(masks, path)],
        needs_gaussians=segment_2d.needs_gaussians(masks),
        methods={method: _json(segment.only(method)) for method in segment.methods},
        edits={edit.name: _json(edit) for edit in edits},
        after={edit.name: edit.after for edit in edits},
        completed={one.name: _plan_completion(path, one.complete) for one in description.objects if one.complete},
        truth=[file.as_posix() for file in truth.files] if truth else [],
    )


def _plan_completion(path: Path, wanted: Completion) -> CompletionPlan:
    file, pose = ([(path / name).as_posix()] if name else [] for name in (wanted.file, wanted.pose))
    return CompletionPlan(file, pose)


def _as_described(section: BaseModel, name: str, description: Description) -> BaseModel:
    """The settings of a section, with SCORP's keys of the description where the configuration does not name them."""
    match name:
        case "views":
            told = {"count": description.img_num}
        case "align":
            shape = description.opt_shape_iterations
            told = {"num_iterations": description.num_iterations, "opt_shape_iterations": shape}
        case _:
            told = {}
    told = {key: value for key, value in told.items() if value is not None and key not in section.model_fields_set}
    return section.model_copy(update=told)


def _plain_edits(edits: Sequence[AnyEdit]) -> list[AnyEdit]:
    """Those that need no diffusion model, nor begin with the result of one that does, at any remove."""
    by_name = {edit.name: edit for edit in edits}

    def plain(edit: AnyEdit) -> bool:
        return not isinstance(edit, Diffusion) and (edit.after is None or plain(by_name[edit.after]))

    return [edit for edit in edits if plain(edit)]


def _folder(name: str, scene: Scene, project: Path) -> Path:
    """The scene's folder, relative to the working directory or else to the project."""
    for path in (Path(scene.path), project / scene.path):
        if path.is_dir():
            return path
    where = f"config: scenes.{name}.path"
    raise InputError(Problem("there is no such folder", where, "correct the path", got=scene.path))


def _description(name: str, scene: Scene, path: Path) -> Description:
    file = path / (scene.description or DESCRIPTION_NAME)
    if scene.description is not None and not file.is_file():
        where = f"config: scenes.{name}.description"
        raise InputError(Problem("there is no such file in the scene's folder", where, "correct it", got=str(file)))
    return read_description(file)


def _split_file(scene: Scene, path: Path) -> Path | None:
    file = path / (scene.split or SPLIT_NAME)
    return file if scene.split is not None or file.exists() else None


def _gpus_of(section: BaseModel, models_device: str) -> int:
    """Only what the scheduler is told: a stage that may choose looks again when it runs, and says what it takes."""
    match getattr(section, "backend", "cpu"):
        case "auto":
            draws = _gpu_is_there() and importlib.util.find_spec("gsplat") is not None
        case backend:
            draws = backend == "gsplat"
    runs_model = bool(getattr(section, "models", ()))
    return int(draws or (runs_model and (models_device == "cuda" or (models_device == "auto" and _gpu_is_there()))))


def _gpu_is_there() -> bool:
    return shutil.which("nvidia-smi") is not None and named_devices() != []


def _json(model: BaseModel) -> str:
    return _json_of(model.model_dump(mode="json"))


def _json_of(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
