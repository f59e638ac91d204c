"""What the Snakefile knows before any job runs."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from splatsmith.base.errors import InputError
from splatsmith.plan import Plan

ROOT = Path(__file__).resolve().parent.parent


def demo(**config) -> dict[str, int]:
    """GPUs that the sections of the demo ask for."""
    return Plan({"scenes": {"demo": {"path": "resources/demo"}}, **config}, ROOT).scenes["demo"].gpus


@pytest.mark.parametrize(("visible", "gpu"), [(None, 1), ("0,1", 1), ("", 0)], ids=["unset", "named", "hidden"])
def test_auto_asks_for_a_gpu_where_one_may_be_used(monkeypatch, visible, gpu):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert (demo(backend="auto")["train"], demo(backend="auto")["render"]) == (gpu, gpu)
    assert (demo(backend="cpu")["train"], demo(backend="gsplat")["train"]) == (0, 1)


def test_without_a_gpu_auto_asks_for_none(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert demo(backend="auto")["train"] == 0


def test_edits_that_need_a_diffusion_model_are_left_out_and_so_is_what_follows_them(tmp_path, captured):
    scene = captured(tmp_path / "fox").folder
    (scene / "description.yml").write_text(
        "objects: [{name: cup, boxes: {a: [1, 1, 9, 9]}}]\n"
        "edits:\n"
        "  - {name: last, target: cup, method: remove, after: middle}\n"
        "  - {name: middle, target: cup, method: recolour, color: red, after: first}\n"
        "  - {name: first, target: cup, method: slamp, prompt: a red cup}\n"
        "  - {name: other, target: cup, method: remove}\n"
    )
    plan = Plan({"scenes": {"fox": {"path": str(scene)}}}, ROOT).scenes["fox"].segmentation
    assert list(plan.edits) == ["other"]


def test_a_scene_without_anything_to_segment_has_no_plan_for_it(tmp_path, captured):
    scene = captured(tmp_path / "fox").folder
    raw = {"scenes": {"fox": {"path": str(scene)}}}
    assert Plan(raw, ROOT).scenes["fox"].segmentation is None
    (scene / "description.yml").write_text("objects: [{name: cup, prompt: a cup}]\n")
    passed_over = Plan(raw, ROOT).scenes["fox"]
    assert passed_over.segmentation is None  # nothing shows `boxes` where it is
    assert "cup will not be looked for: give a box or points" in passed_over.note
    assert Plan(raw | {"masks": {"source": "sam3"}}, ROOT).segmented == ["fox"]


@pytest.mark.parametrize(("device", "expected"), [("cpu", 0), ("cuda", 1)])
def test_a_model_takes_the_gpu_that_it_runs_on(tmp_path, captured, device, expected):
    scene = captured(tmp_path / "fox").folder
    raw = {"scenes": {"fox": {"path": str(scene)}}, "backend": "cpu", "models": {"device": device}}
    assert Plan(raw | {"masks": {"source": "sam"}}, ROOT).scenes["fox"].gpus["masks"] == expected
    assert Plan(raw, ROOT).scenes["fox"].gpus["masks"] == 0


def test_scorp_s_keys_of_the_description_count_unless_the_configuration_names_them(tmp_path, captured):
    scene = captured(tmp_path / "fox").folder
    (scene / "description.yml").write_text("prompts: cup\nimg_num: 4\nnum_iterations: 5\nopt_shape_iterations: [2]\n")
    raw = {"scenes": {"fox": {"path": str(scene)}}}
    settings = Plan(raw, ROOT).scenes["fox"].settings
    assert json.loads(settings["views"])["count"] == 4
    assert json.loads(settings["align"])["num_iterations"] == 5
    assert json.loads(settings["align"])["opt_shape_iterations"] == [2]
    assert json.loads(Plan(raw | {"views": {"count": 2}}, ROOT).scenes["fox"].settings["views"])["count"] == 2


def test_objects_are_completed_that_ask_for_it_and_the_masks_do_not_depend_on_that(tmp_path, captured):
    scene = captured(tmp_path / "fox").folder
    (scene / "cup.glb").write_bytes(b"glTF")
    raw = {"scenes": {"fox": {"path": str(scene)}}}

    def plan(complete: str):
        text = f"objects: [{{name: cup, boxes: {{a: [1, 1, 9, 9]}}, complete: {complete}}}]\n"
        (scene / "description.yml").write_text(text)
        return Plan(raw, ROOT).scenes["fox"].segmentation

    left, asked, given = plan("false"), plan("true"), plan("{file: cup.glb}")
    assert (left.completed, asked.completed["cup"].file) == ({}, [])
    assert given.completed["cup"].file == [(scene / "cup.glb").as_posix()]
    assert left.objects == asked.objects == given.objects
    for bad, words in [("{file: mug.glb}", "there is no such file"), ("{file: ../cup.glb}", "leaves its folder")]:
        with pytest.raises(InputError, match=words):
            plan(bad)


def test_another_description_may_be_named(tmp_path, captured):
    scene = captured(tmp_path / "fox").folder
    (scene / "other.yml").write_text("objects: [{name: cup, boxes: {a: [1, 1, 9, 9]}}]\n")
    assert Plan({"scenes": {"fox": {"path": str(scene), "description": "other.yml"}}}, ROOT).segmented == ["fox"]
    with pytest.raises(InputError, match=r"(?s)no such file.*scenes\.fox\.description"):
        Plan({"scenes": {"fox": {"path": str(scene), "description": "another.yml"}}}, ROOT)
