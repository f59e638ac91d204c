"""How to make a scene's results again: the configuration that its stages recorded, and the command."""

import os
from collections.abc import Sequence

import yaml

from splatsmith.report.results import StageRecord

SECTIONS = {"prepare_scene": "prepare", "train_3dgs": "train", "render_views": "render"}
"""Where in the configuration each stage's settings stand."""


def recipe(name: str, stages: Sequence[StageRecord]) -> str | None:
    """YAML for a `--configfile` with every setting of scene `name` written out, the backends being those that ran.

    None where `prepare_scene` left no record of the scene's folder.
    """
    records = {stage.stage: stage for stage in stages}
    named = records["prepare_scene"].arguments if "prepare_scene" in records else {}
    if not (path := named.get("scene")):
        return None
    scene = {"path": path}
    if split := named.get("split"):
        scene["split"] = os.path.relpath(split, path)
    for stage, section in SECTIONS.items():
        if stage in records:
            ran = records[stage].backend
            scene[section] = records[stage].config | ({"backend": ran} if ran else {})
    return yaml.safe_dump({"scenes": {name: scene}}, sort_keys=False, allow_unicode=True)
