"""Which Gaussians an edit is about: those with the label of its target, or of a part of the target."""

import torch
from torch import Tensor

from splatsmith.base.errors import InputError, Problem
from splatsmith.gaussians import Gaussians
from splatsmith.scenes.label_maps import Legend

LABEL = "label"
"""Extra column, (N,) uint16: a number of the legend, 0 for the rest. Made with the objects, kept by every edit."""


class NothingSelectedError(InputError):
    """The target of an edit is not in the scene: this edit cannot be done, others may."""


def selection(gaussians: Gaussians, legend: Legend, target: str, where: str) -> Tensor:
    """(N,) bool, true for the Gaussians of `target`, a path of the legend such as `mug` or `mug/handle`.

    `where` is the place that names it. Raises InputError where the Gaussians have no labels, NothingSelectedError where
    none belongs to the target.
    """
    if LABEL not in gaussians.extra:
        what, fix = "the Gaussians have no labels", "edit what the stage extract_objects made, or another edit's result"
        raise InputError(Problem(what, where, fix, f"a column `{LABEL}`", ", ".join(gaussians.extra) or "none"))
    if target not in legend.paths:
        what, fix = "the scene was segmented without this target", "find it with `segment`, or correct the target"
        expected = f"one of {', '.join(legend.paths) or 'none'}"
        raise NothingSelectedError(Problem(what, where, fix, expected, target))
    family = torch.tensor(legend.family(legend.paths[target]), device=gaussians.means.device)
    rows = torch.isin(gaussians.extra[LABEL].long(), family)
    if not rows.any():
        fix = "look whether its masks are good, or whether the edit named by `after` has removed it"
        what = "no Gaussian belongs to the edit's target"
        raise NothingSelectedError(Problem(what, where, fix, "1 or more", f"{target}: 0"))
    return rows
