"""Where the Gaussians of a completed object come from: an extra column that rides along with them."""

from pathlib import Path

from splatsmith.base.errors import InputError, Problem
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply

PROVENANCE = "provenance"
"""Name of the column, (N,) uint8."""
GIVEN, OBSERVED, MIRRORED, HULL = 0, 1, 2, 3
"""Its values: given or generated, of the trained scene, their mirror images, made up."""


def read_proxy(path: Path, stage: str) -> Gaussians:
    """A proxy that `stage` wrote. Raises InputError, also where it does not have the column."""
    proxy = read_ply(path)
    if PROVENANCE not in proxy.extra:
        fix = f"redo the stage {stage}: ./run redo {stage}"
        raise InputError(Problem("the PLY is no proxy", str(path), fix, f"a column `{PROVENANCE}`"))
    return proxy
