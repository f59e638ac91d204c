"""What an edit does to the rows of a scene. Those that it leaves alone keep their bytes and their order.

An edit's result is a `Rows`: `fresh` are the Gaussians that it changed or added.
"""

from dataclasses import replace

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians, ops
from splatsmith.gaussians.container import core_columns
from splatsmith.gaussians.ops import Rows


def kept(gaussians: Gaussians, rows: Tensor) -> Rows:
    """The Gaussians where `rows` (N,) is true, and no others."""
    return ops.prune(gaussians, ~rows)


def altered(gaussians: Gaussians, rows: Tensor, part: Gaussians) -> Rows:
    """The scene with the M Gaussians where `rows` (N,) is true as in `part` (M); extra columns stay as they were."""
    columns = {name: column.clone() for name, column in core_columns(gaussians).items()}
    for name, column in core_columns(part).items():
        columns[name][rows] = column
    return Rows(replace(gaussians, **columns), torch.arange(len(gaussians), device=rows.device), rows)


def appended(gaussians: Gaussians, rows: Tensor, part: Gaussians) -> Rows:
    """The scene, followed by `part` (M), which the M Gaussians where `rows` (N,) is true were the models for."""
    twice = ops.duplicate(gaussians, rows)
    return twice._replace(gaussians=ops.concat([gaussians, part]))


def touched(edited: Rows, count: int) -> Tensor:
    """(count,) bool. The Gaussians of the scene before an edit that are no more, or no more as they were."""
    mask = torch.ones(count, dtype=torch.bool, device=edited.fresh.device)
    mask[edited.origin[~edited.fresh]] = False
    return mask
