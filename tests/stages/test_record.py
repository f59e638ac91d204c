"""stage.json tells how a stage went, whatever the end was."""

import hashlib
import json

import numpy as np
import pytest
from pydantic import BaseModel

from splatsmith.base.errors import InputError, Problem
from splatsmith.stages.record import record


class Config(BaseModel):
    steps: int = 3


def test_a_record_explains_the_result(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLATSMITH_CODE", "abc")
    photo = tmp_path / "a.png"
    photo.write_bytes(b"pixels")
    path = tmp_path / "out" / "stage.json"
    missing = tmp_path / "b.png"
    with record(path, stage="train_3dgs", config=Config(), inputs=[photo, missing], seed=7, backend="cpu") as entry:
        entry.metrics["psnr_db"] = np.float32(30.5)
        entry.metrics["worst"] = {"view": "a", "psnr_db": float("inf"), "rows": [np.int64(3)]}
    told = json.loads(path.read_text())
    assert told["status"] == "ok"
    assert (told["stage"], told["code"], told["seed"], told["backend"]) == ("train_3dgs", "abc", 7, "cpu")
    assert told["config"] == {"steps": 3}
    assert told["inputs"] == {photo.as_posix(): hashlib.sha256(b"pixels").hexdigest(), missing.as_posix(): None}
    assert told["metrics"] == {"psnr_db": 30.5, "worst": {"view": "a", "psnr_db": None, "rows": [3]}}
    assert {"splatsmith", "python", "torch", "numpy"} <= set(told["versions"])
    assert told["seconds"] >= 0
    assert told["peak_memory_mb"] > 1


def test_a_stage_may_say_that_its_result_is_poor(tmp_path):
    with record(tmp_path / "stage.json", stage="prepare_scene", config=Config()) as entry:
        entry.status, entry.reason = "degraded", "only 7 of 20 photos were registered"
    told = json.loads((tmp_path / "stage.json").read_text())
    assert (told["status"], told["reason"]) == ("degraded", "only 7 of 20 photos were registered")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            InputError(Problem("no photos", "images/", "add some")),
            "no photos\n  where:    images/\n  fix:      add some",
        ),
        (ValueError("broken"), "ValueError: broken"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
    ],
)
def test_a_failure_is_recorded_and_passes_through(tmp_path, error, reason):
    path = tmp_path / "stage.json"
    with pytest.raises(type(error)), record(path, stage="train_3dgs", config=Config()):
        raise error
    told = json.loads(path.read_text())
    assert (told["status"], told["reason"]) == ("failed", reason)


def test_a_killed_stage_has_failed(tmp_path):
    path = tmp_path / "stage.json"
    with record(path, stage="train_3dgs", config=Config()):
        assert json.loads(path.read_text())["status"] == "failed"
