"""Which results a page looks for. Light: a stage asks before it reads anything."""

import re

from splatsmith.base.places import FOLDERS

STAGES = {stage: re.sub(r"{\w+}", "*", place) for stage, place in FOLDERS.items() if stage != "report"}
"""In the order in which they run; `*` where there may be several, named by a method, an edit or an object."""
ALWAYS = ("prepare_scene", "train_3dgs", "render_views")
"""Stages without which there is no page."""
OPTIONAL = {stage: place for stage, place in STAGES.items() if stage not in ALWAYS}
"""Those whose results a page shows where they are."""


def named(place: str, pattern: str) -> str:
    """What stands for the `*` of a pattern in a place: `can` in `completion/can/views`; nothing where there is none."""
    parts = pattern.split("/")
    return place.split("/")[parts.index("*")] if "*" in parts else ""
