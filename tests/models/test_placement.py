"""`auto` takes a GPU where torch sees one; models run in bfloat16 only there, and only those published for it."""

import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.models import placement
from splatsmith.models.placement import Placement, placed


@pytest.fixture
def gpu(monkeypatch):
    """Lets torch see a GPU that computes with bfloat16 or not."""

    def see(bfloat16: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bfloat16)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H200")
        monkeypatch.setattr(placement, "require_device", lambda device: None)

    return see


def test_without_a_gpu_everything_runs_on_the_cpu_in_full_precision(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert placed("auto") == placed("auto", half=True) == placed("cpu", half=True) == Placement("cpu", "float32")
    assert str(placed("auto")) == "cpu, float32"


def test_a_gpu_is_taken_where_there_is_one(gpu):
    gpu(bfloat16=True)
    assert placed("auto") == Placement("cuda", "float32")
    assert placed("auto", half=True) == Placement("cuda", "bfloat16")
    assert placed("cuda:1", half=True) == Placement("cuda:1", "bfloat16")
    assert str(placed("auto", half=True)) == "cuda (H200), bfloat16"
    assert placed("cpu", half=True) == Placement("cpu", "float32")


def test_a_gpu_without_bfloat16_computes_in_full_precision(gpu):
    gpu(bfloat16=False)
    assert placed("auto", half=True) == Placement("cuda", "float32")


def test_a_device_that_is_not_there_is_told():
    with pytest.raises(InputError, match="the 2D model's device is not there"):
        placed("cuda:99")
