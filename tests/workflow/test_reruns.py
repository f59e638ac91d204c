"""What runs again after a change, and what does not: the promise of docs/workflow.md as a table."""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NOTHING = {}
REPORT = {"write_report": 1}
FROM_RENDER = {"render_views": 1} | REPORT
EDITS = {"edit_scene": 2} | REPORT
FROM_ALIGN = {"align_proxy": 1, "refine_proxy": 1, "compose_scene": 1, "evaluate_completion": 1} | REPORT
FROM_PROXY = {"generate_proxy": 1, "truncate_proxy": 1} | FROM_ALIGN
FROM_OBJECTS = {"extract_objects": 1, "select_views": 1} | EDITS | FROM_PROXY
FROM_SEGMENT = {"segment_3d": 1, "evaluate_segmentation": 1} | FROM_OBJECTS
FROM_ASSOCIATE = {"associate_masks": 1} | FROM_SEGMENT
FROM_MASKS = {"segment_2d": 1} | FROM_ASSOCIATE
FROM_TRAIN = {"train_3dgs": 1} | FROM_RENDER | FROM_ASSOCIATE
ALL = {"prepare_scene": 1} | FROM_TRAIN | FROM_MASKS

pytestmark = pytest.mark.slow


def touch(paths) -> None:
    now = time.time() + 10
    for path in paths:
        os.utime(path, (now, now))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts)


def scripts_touched(project):
    touch(files(project.folder / "workflow"))


def fresh_clone(project):
    """Checked-out files are new, results are old."""
    touch(path for path in files(project.folder) if "results" not in path.parts)


def copied_results(project):
    """A copy that did not keep the times: results are as old as chance has it."""
    paths = files(project.folder / "results")
    random.Random(0).shuffle(paths)
    for age, path in enumerate(paths):
        os.utime(path, (time.time() - age, time.time() - age))


def library_of_training(project):
    project.append("src/splatsmith/train/loop.py", "LAP = 1")


def library_of_the_report(project):
    project.append("src/splatsmith/stages/report.py", "LAP = 1")


def library_of_no_stage(project):
    project.append("src/splatsmith/cli.py", "LAP = 1")


def comment_in_the_library(project):
    project.append("src/splatsmith/train/loop.py", "# a comment")


def docstring_in_the_library(project):
    project.edit("src/splatsmith/stages/train_3dgs.py", "Stage train_3dgs: ", "The stage train_3dgs: ")


def template_of_the_report(project):
    template = next((project.folder / "src/splatsmith/report/templates").glob("*.html"))
    project.append(template.relative_to(project.folder).as_posix(), "<!-- new -->")


def reformatted_rule(project):
    project.edit("workflow/rules/train.smk", '" --output results', '"  --output  results')


def more_resources(project):
    project.edit("workflow/rules/train.smk", "threads: 8", "threads: 4")


def one_key_of_training(project):
    project.edit("config/config.yaml", "steps: 10", "steps: 11")


def one_key_of_rendering(project):
    project.edit("config/config.yaml", "turntable_frames: 4", "turntable_frames: 5")


def one_key_of_segmenting(project):
    project.append("config/config.yaml", "segment: {methods: [sparse-id], sparse_id: {rounds: 1}}")


def key_of_a_method_not_in_use(project):
    project.append("config/config.yaml", "segment: {gradiseg: {steps: 7}}")


def further_method(project):
    project.append("config/config.yaml", "segment: {methods: [sparse-id, votes]}")


def threshold_of_objects(project):
    project.append("config/config.yaml", "objects: {min_share: 0.6}")


def one_key_of_aligning(project):
    project.append("config/config.yaml", "align: {matcher: none}")


def proxy_of_one_s_own(project):
    (project.folder / "resources" / "tiny" / "ball.ply").write_text("ply\n")
    project.edit("resources/tiny/description.yml", "complete: true", "complete: {file: ball.ply}")


def tool_that_is_not_in_use(project):
    project.append("config/config.yaml", "tools: {trellis: {python: /opt/bin/python, repo: /opt/trellis}}")


def one_edit(project):
    project.edit("resources/tiny/description.yml", "color: red", "color: blue")


def new_edit(project):
    project.append("resources/tiny/description.yml", "  - {name: core-alone, target: core, method: extract}")


def comment_in_the_description(project):
    project.append("resources/tiny/description.yml", "# well said")


def new_prompt(project):
    project.edit("resources/tiny/description.yml", "{name: core, ", "{name: core, prompt: the core, ")


def other_mask(project):
    masks = project.folder / "resources" / "tiny" / "object_mask"
    Image.fromarray(np.ones((36, 48), np.uint8)).save(masks / "0.png")
    touch([masks / "0.png"])


def library_of_votes(project):
    project.append("src/splatsmith/segment3d/votes.py", "LAP = 1")


def a_default_written_out(project):
    project.append("config/config.yaml", "pin_code: false")
    project.edit("config/config.yaml", "  steps: 10", "  seed: 0\n  steps: 10")


def comment_in_the_config(project):
    project.edit("config/config.yaml", "steps: 10", "steps: 10  # more later")


def new_scene(project):
    project.edit("config/config.yaml", "scenes:", "scenes:\n  other: {path: resources/tiny}")


def other_split(project):
    project.edit("resources/tiny/split.yml", "train: [0, 1, 2, 3]", "train: [0, 1, 2]")


def comment_in_the_split(project):
    project.append("resources/tiny/split.yml", "# all around")


def touched_photos(project):
    touch(files(project.folder / "resources"))


def other_photo(project):
    photos = project.folder / "resources" / "tiny" / "images"
    (photos / "0.png").write_bytes((photos / "1.png").read_bytes())
    touch([photos / "0.png"])


def new_photo(project):
    photos = project.folder / "resources" / "tiny" / "images"
    (photos / "6.png").write_bytes((photos / "1.png").read_bytes())


def deleted_page(project):
    (project.folder / "results/tiny/report/index.html").unlink()


def deleted_gaussians(project):
    (project.folder / "results/tiny/gaussians/point_cloud.ply").unlink()


HARMLESS = [
    scripts_touched,
    touched_photos,
    fresh_clone,
    library_of_no_stage,
    comment_in_the_library,
    docstring_in_the_library,
    reformatted_rule,
    more_resources,
    comment_in_the_config,
    a_default_written_out,
    comment_in_the_split,
    comment_in_the_description,
    key_of_a_method_not_in_use,
    tool_that_is_not_in_use,
]


def test_after_nothing(project):
    assert project.would_run() == NOTHING


def test_after_everything_harmless_at_once(project):
    for change in HARMLESS:
        change(project)
    assert project.would_run() == NOTHING


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (copied_results, NOTHING),
        (library_of_training, FROM_TRAIN),
        (library_of_the_report, REPORT),
        (template_of_the_report, REPORT),
        (one_key_of_training, FROM_TRAIN),
        (one_key_of_rendering, FROM_RENDER),
        (new_scene, ALL),
        (other_split, ALL),
        (other_photo, ALL),
        (new_photo, ALL),
        (one_key_of_segmenting, FROM_SEGMENT),
        (further_method, {"segment_3d": 1, "evaluate_segmentation": 1} | REPORT),
        (threshold_of_objects, FROM_OBJECTS),
        (one_key_of_aligning, FROM_ALIGN),
        (proxy_of_one_s_own, FROM_PROXY),
        (one_edit, {"edit_scene": 1} | REPORT),
        (new_edit, {"edit_scene": 1} | REPORT),
        (new_prompt, FROM_MASKS),
        (other_mask, FROM_MASKS),
        (library_of_votes, FROM_SEGMENT),
        (deleted_page, REPORT),
        (deleted_gaussians, FROM_TRAIN),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_after(project, change, expected):
    change(project)
    assert project.would_run() == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--forcerun", "train_3dgs"], FROM_TRAIN),
        (["train", "--forcerun", "train_3dgs"], {"train_3dgs": 1}),
        (["--forcerun", "train"], NOTHING),  # the public name has no command: why ./run redo exists
        (["--config", "backend=gsplat"], FROM_TRAIN | FROM_MASKS),
    ],
    ids=" ".join,
)
def test_asked_for(finished, words, expected):
    assert finished.would_run(*words) == expected


def test_pinned_code_keeps_results_after_an_upgrade(project):
    project.append("src/splatsmith/base/files.py", "LAP = 1")
    assert project.would_run() == ALL
    assert project.would_run("--config", "pin_code=true") == NOTHING
    deleted_page(project)
    answer = project.snakemake("--config", "pin_code=true", own_library=True)
    assert "1 of 2 steps" in answer.stdout  # the page and the target
    assert project.would_run("--config", "pin_code=true") == NOTHING  # though newer code made a part of it
