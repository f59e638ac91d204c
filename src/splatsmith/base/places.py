"""Where below `results/{scene}` each stage writes its folder, `stage.json` included; by its wildcards."""

FOLDERS = {
    "prepare_scene": "scene",
    "train_3dgs": "gaussians",
    "render_views": "renders",
    "segment_2d": "masks/raw",
    "associate_masks": "masks/consistent",
    "segment_3d": "segmentation/{method}",
    "extract_objects": "objects",
    "evaluate": "evaluation",
    "edit_scene": "edits/{edit}",
    "select_views": "completion/{object}/views",
    "generate_proxy": "completion/{object}/proxy",
    "truncate_proxy": "completion/{object}/truncated",
    "align_proxy": "completion/{object}/aligned",
    "refine_proxy": "completion/{object}/refined",
    "compose_scene": "composed",
    "evaluate_completion": "composed_evaluation",
    "report": "report",
}
"""In the order in which they run."""
