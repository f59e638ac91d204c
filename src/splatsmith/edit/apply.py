"""One edit of a description, done to a segmented scene."""

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Tensor

from splatsmith.edit.place import placed, swapped
from splatsmith.edit.recolour import recoloured
from splatsmith.edit.rows import altered, appended, kept
from splatsmith.edit.selection import selection
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, select
from splatsmith.scenes.edits import Duplicate, KeepOnly, Move, PlainEdit, Recolour, Remove, Swap, rgb_of
from splatsmith.scenes.label_maps import Legend


def selections(edit: PlainEdit, gaussians: Gaussians, legend: Legend) -> list[Tensor]:
    """The Gaussians of each thing that `edit` names, (N,) bool: of its target, and of what that is swapped with.

    Raises InputError where the labels do not tell, or where there are none.
    """
    named = {"target": edit.target} | ({"with": edit.other} if isinstance(edit, Swap) else {})
    return [selection(gaussians, legend, path, f"edits.{edit.name}.{key}") for key, path in named.items()]


def applied(edit: PlainEdit, gaussians: Gaussians, chosen: Sequence[Tensor], up: Tensor) -> Rows:
    """The scene after `edit` of the `chosen` Gaussians; a gap that it leaves stays open.

    `up` (3,) is a unit vector of the world.
    """
    rows, part = chosen[0], select(gaussians, chosen[0])
    match edit:
        case KeepOnly():
            return kept(gaussians, rows)
        case Remove():
            return kept(gaussians, ~rows)
        case Recolour():
            colour = torch.tensor(rgb_of(edit.color), dtype=torch.float64) / 255
            return altered(gaussians, rows, recoloured(part, colour))
        case Move():
            return altered(gaussians, rows, placed(part, edit))
        case Duplicate():
            return appended(gaussians, rows, placed(part, edit))
        case Swap():
            return swapped(gaussians, rows, chosen[1], up)
        case _:
            assert_never(edit)
