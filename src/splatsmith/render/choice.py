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


def settled(wanted: Literal["auto", "cpu", "gsplat"], threads: int | None) -> Literal["cpu", "gsplat"]:
    """`settled_backend`, and the CPU rasterizer held to `threads`, all where None; torch to one, which would only wait.

    Raises InputError as that does.
    """
    torch.set_num_threads(1)
    if threads is not None:
        from splatsmith.render.cpu import set_threads  # compiled: not worth loading where nobody counts

        set_threads(threads)
    return settled_backend(wanted)


def device_of(backend: Literal["cpu", "gsplat"]) -> torch.device:
    """Where the tensors that this backend draws must be."""
    return torch.device("cuda" if backend == "gsplat" else "cpu")
