"""What the Snakefile knows before any job runs."""

import importlib.util
import shutil
from pathlib import Path

import pytest

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
