# From photos to a trained, rendered 3D Gaussian scene. docs/workflow.md says what each target makes.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

PROJECT = Path(workflow.basedir)

if "scenes" not in config:  # a --configfile that lists scenes stands alone, any other lies over config.yaml
    here = Path("config/config.yaml")

    configfile: str(here if here.exists() else PROJECT / here)


include: "workflow/rules/common.smk"
include: "workflow/rules/scene.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/render.smk"
include: "workflow/rules/segment_2d.smk"
include: "workflow/rules/segment_3d.smk"
include: "workflow/rules/edit.smk"
include: "workflow/rules/completion.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.prepare.input,
        rules.train.input,
        rules.render.input,
        rules.objects.input,
        rules.evaluate.input,
        rules.edit.input,
        rules.complete.input,
        rules.report.input,
