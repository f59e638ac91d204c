"""The estimate: of the right size, and out-of-memory errors that name the knobs while others pass untouched."""

import subprocess
import sys

import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.train.config import TrainConfig
from splatsmith.train.estimate import (
    BYTES_TO_BEGIN_WITH,
    Estimate,
    available_bytes,
    estimate,
    explaining_out_of_memory,
    shortage,
)

EXPECTED = Estimate(gaussians=1000, photo_bytes=2**30, memory_bytes=2**31, seconds=90.0)
MEASURE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np, torch
from splatsmith.base.memory import peak_memory_bytes
from splatsmith.scenes.points import Points
from splatsmith.scenes.prepared import read_prepared
from splatsmith.train.config import TrainConfig
from splatsmith.train.estimate import estimate
from splatsmith.train.loop import train
torch.set_num_threads(1)
xyz = np.random.default_rng(0).normal(size=(int(sys.argv[2]), 3))
scene = replace(read_prepared(Path(sys.argv[1])), points=Points(xyz, np.zeros(xyz.shape, np.uint8)))
config = TrainConfig(steps=3, refine_start=0, refine_every=1, refine_stop=3, sh_every=1, grow_grad2d=1e3)
train(scene, config)
print(estimate(scene, config).memory_bytes, peak_memory_bytes())
"""


@pytest.mark.slow
def test_memory_is_of_the_right_size(blob_folder):
    """Trained in processes of their own, with few Gaussians and with many, refined twice: told and measured."""
    (told_few, few), (told_many, many) = (
        map(int, subprocess.check_output([sys.executable, "-c", MEASURE, blob_folder, str(count)]).split())
        for count in (1000, 150_000)
    )
    assert 0.5 < few / told_few < 1.1, "what any run takes"
    assert 0.5 < (many - few) / (told_many - told_few) < 1.1, "what each Gaussian adds"


def test_a_larger_scene_is_told_to_take_more(blob_scene):
    config = TrainConfig(backend="cpu")
    usual = estimate(blob_scene, config)
    more = estimate(blob_scene, config.model_copy(update={"max_gaussians": 10**6, "steps": 2 * config.steps}))
    assert more.memory_bytes > usual.memory_bytes + 10**9
    assert more.seconds > 2 * usual.seconds
    assert usual.memory_bytes >= BYTES_TO_BEGIN_WITH
    assert usual.photo_bytes == 10 * 3 * 48 * 36
    assert "1,000,000 Gaussians" in str(more)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_an_allocation_that_failed_names_the_knobs(error):
    with pytest.raises(InputError) as caught, explaining_out_of_memory(EXPECTED):
        raise error
    for word in ("max_gaussians", "max_side", "image_cache_mb", "1,000 Gaussians", "2.0 GB"):
        assert word in str(caught.value)


def test_too_little_free_memory_is_told_before_the_start():
    assert shortage(EXPECTED, EXPECTED.memory_bytes) is None
    told = shortage(EXPECTED, EXPECTED.memory_bytes - 2**30)
    assert "only 1.0 GB of memory are free" in told
    assert "train.max_gaussians" in told
    assert 0 < available_bytes("cpu") < 2**50


def test_other_errors_pass_untouched():
    with pytest.raises(RuntimeError, match="shapes do not fit"), explaining_out_of_memory(EXPECTED):
        raise RuntimeError("shapes do not fit")
