# What the rules share: the plan made from the configuration, and what each job takes from it.
import shlex
import sys

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from splatsmith.base.errors import InputError
from splatsmith.plan import Plan

try:
    PLAN = Plan(config, PROJECT)
except InputError as error:
    raise WorkflowError(str(error)) from None

for scene in PLAN.scenes.values():
    if scene.note:
        logger.warning(scene.note)

# For every shell command, and outside of it, so that its text is the same on every machine.
HERE = {
    "PYTHON": sys.executable,
    "SCRIPTS": str(PROJECT / "workflow/scripts"),
    "TOOLS": PLAN.tools,
    "ACCEPTED": " ".join(PLAN.config.models.accept_licences),
}
prefix = "set -euo pipefail; " + " ".join(f"{name}={shlex.quote(value)};" for name, value in HERE.items()) + " "
shell.prefix(prefix.replace("{", "{{").replace("}", "}}"))  # it is formatted as the commands are


wildcard_constraints:
    scene="|".join(PLAN.scenes),


def scene_files(wildcards):
    return PLAN.scenes[wildcards.scene].files


def scene_path(wildcards):
    return PLAN.scenes[wildcards.scene].path.as_posix()


def scene_split(wildcards):
    return PLAN.scenes[wildcards.scene].split


def scene_split_option(wildcards):
    file = PLAN.scenes[wildcards.scene].split_file
    return f"--split {shlex.quote(file.as_posix())}" if file else ""


def settings(section):
    return lambda wildcards: PLAN.scenes[wildcards.scene].settings[section]


def gpus(section):
    return lambda wildcards: PLAN.scenes[wildcards.scene].gpus[section]


def code(stage):
    return lambda wildcards: PLAN.code(stage, dict(wildcards))


def every_scene(*paths):
    return collect(list(paths), scene=PLAN.scenes)


def segmentation(wildcards):
    return PLAN.scenes[wildcards.scene].segmentation


def every_segmented_scene(path):
    return collect(path, scene=PLAN.segmented)


def mask_inputs(wildcards):
    plan = segmentation(wildcards)
    ply = ["results/{scene}/gaussians/point_cloud.ply".format(**wildcards)]
    return plan.mask_files + ply * plan.needs_gaussians


def method_paths(path):
    return [
        path.format(scene=scene, method=method)
        for scene in PLAN.segmented
        for method in PLAN.scenes[scene].segmentation.methods
    ]


def methods_of(wildcards):
    path = "results/{scene}/segmentation/{method}/manifest.json"
    return [path.format(scene=wildcards.scene, method=method) for method in segmentation(wildcards).methods]


def folders(paths):
    return [str(Path(path).parent) for path in paths]


def edit_base(wildcards):
    """The folder that an edit begins with: another edit's result, or the objects."""
    after = segmentation(wildcards).after[wildcards.edit]
    return f"results/{wildcards.scene}/edits/{after}" if after else f"results/{wildcards.scene}/objects"


def completion(wildcards):
    return segmentation(wildcards).completed[wildcards.object]


def refined_objects(wildcards):
    paths = "results/{scene}/completion/{object}/refined/manifest.json"
    return collect(paths, scene=wildcards.scene, object=segmentation(wildcards).completed)


def every_completed_scene(path):
    return collect(path, scene=[scene for scene in PLAN.segmented if PLAN.scenes[scene].segmentation.completed])


def option(name, files):
    """A command's option with the one file that is given, or nothing."""
    return " ".join(f"{name} {shlex.quote(file)}" for file in files)


def objects_shown(wildcards):
    if segmentation(wildcards) is None:
        return []
    edits = (f"edits/{edit}" for edit in segmentation(wildcards).edits)
    completed = ("composed", "composed_evaluation") if segmentation(wildcards).completed else ()
    places = ("masks/raw", "masks/consistent", "objects", "evaluation", *edits, *completed)
    return [f"results/{wildcards.scene}/{place}/manifest.json" for place in places]
