"""Where below `results/{scene}` each stage leaves its folder. Light: a stage asks before it reads anything."""

STAGES = {
    "prepare_scene": "scene",
    "train_3dgs": "gaussians",
    "render_views": "renders",
    "segment_2d": "masks/raw",
    "associate_masks": "masks/consistent",
    "segment_3d": "segmentation/*",
    "extract_objects": "objects",
    "evaluate": "evaluation",
    "edit_scene": "edits/*",
    "select_views": "completion/*/views",
    "generate_proxy": "completion/*/proxy",
    "truncate_proxy": "completion/*/truncated",
    "align_proxy": "completion/*/aligned",
    "refine_proxy": "completion/*/refined",
    "compose_scene": "composed",
    "evaluate_completion": "composed_evaluation",
}
"""In the order in which they run; `*` where there may be several, named by a method, an edit or an object."""
ALWAYS = ("prepare_scene", "train_3dgs", "render_views")
"""Stages without which there is no page."""
OPTIONAL = {stage: place for stage, place in STAGES.items() if stage not in ALWAYS}
"""Those whose results a page shows where they are."""


def named(place: str, pattern: str) -> str:
    """What stands for the `*` of a pattern in a place: `can` in `completion/can/views`; nothing where there is none."""
    parts = pattern.split("/")
    return place.split("/")[parts.index("*")] if "*" in parts else ""
