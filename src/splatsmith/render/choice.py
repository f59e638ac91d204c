"""Which backend a stage runs, and where its tensors live."""

import importlib.util
from typing import Literal

import torch

from splatsmith.render import gsplat_backend


def settled_backend(wanted: Literal["auto", "cpu", "gsplat"]) -> Literal["cpu", "gsplat"]:
    """What was asked for, or for "auto" gsplat where it is installed and there is a GPU, else cpu.

    Raises InputError where gsplat was asked for and cannot run.
    """
    if wanted == "auto":
        return "gsplat" if torch.cuda.is_available() and importlib.util.find_spec("gsplat") else "cpu"
    if wanted == "gsplat":
        gsplat_backend.check_installed()
    return wanted


def device_of(backend: Literal["cpu", "gsplat"]) -> torch.device:
    """Where the tensors that this backend draws must be."""
    return torch.device("cuda" if backend == "gsplat" else "cpu")
