"""The rasterizer on the CPU: compiled kernels on a few threads, in float32. Results do not depend on the threads."""

import torch
from torch import Tensor

from splatsmith.render.cpu.autograd import accumulate_weights, composite, project, spherical_harmonics
from splatsmith.render.cpu.pool import get_threads, set_threads

__all__ = [
    "accumulate_weights",
    "check_supported",
    "composite",
    "get_threads",
    "project",
    "set_threads",
    "spherical_harmonics",
]


def check_supported(means: Tensor, K: Tensor) -> None:
    """float32 tensors on the CPU; no gradient by K."""
    if means.dtype != torch.float32 or means.device.type != "cpu":
        raise ValueError(f"backend 'cpu': expected torch.float32 on cpu, got {means.dtype} on {means.device}")
    if K.requires_grad:
        raise ValueError("backend 'cpu' has no gradient by K; use backend 'oracle'")
