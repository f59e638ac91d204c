"""Operations on the rows of a scene: pure functions that carry every column, extra ones included.

Those that training grows and thins a scene with also tell where each row came from, as `Rows`, so that optimisers and
sidecar tables can follow.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from splatsmith.gaussians.container import Gaussians
from splatsmith.gaussians.quaternions import rotation_matrices

SPLIT_SHRINK = 1.6
"""How much smaller than their parent the halves of a split are (Kerbl et al. 2023, section 5.2)."""


class Rows(NamedTuple):
    """A scene of M rows made from an older one, and where the rows came from."""

    gaussians: Gaussians
    origin: Tensor
    """(M,) int64. The older scene's row that each row was made from."""
    fresh: Tensor
    """(M,) bool. True for Gaussians that were not there before: copies, and both halves of a split."""

    def then(self, later: "Rows") -> "Rows":
        """Two operations in one: `later` was made from `self.gaussians`."""
        return Rows(later.gaussians, self.origin[later.origin], self.fresh[later.origin] | later.fresh)


def select(gaussians: Gaussians, rows: Tensor) -> Gaussians:
    """The Gaussians at `rows`: indices (M,) int64 in the order wanted, or a mask (N,) bool."""
    return gaussians.map(lambda column: column[rows])


def concat(parts: Sequence[Gaussians]) -> Gaussians:
    """All Gaussians of one or more parts, in their order. Missing bands of colour become zero, which changes no colour.

    Raises ValueError if the parts differ in extra columns: what a missing label should be, the caller has to say.
    """
    schema = _schema(parts[0])
    for part in parts[1:]:
        if _schema(part) != schema:
            raise ValueError(f"cannot concatenate scenes with different extra columns: {schema} and {_schema(part)}")
    count = max(part.sh.shape[1] for part in parts)
    parts = [replace(part, sh=padded(part.sh, count)) for part in parts]
    columns = {name: torch.cat([part.columns[name] for part in parts]) for name in parts[0].columns}
    extra = {name: columns.pop(name) for name in parts[0].extra}
    return Gaussians(**columns, extra=extra)


def prune(gaussians: Gaussians, mask: Tensor) -> Rows:
    """Drop the Gaussians where `mask` (N,) is true."""
    return _gather(gaussians, kept=_indices(gaussians, ~mask), added=mask.new_empty(0, dtype=torch.int64))


def duplicate(gaussians: Gaussians, mask: Tensor) -> Rows:
    """Append a copy of each Gaussian where `mask` (N,) is true."""
    return _gather(gaussians, kept=_indices(gaussians, torch.ones_like(mask)), added=_indices(gaussians, mask))


def split(gaussians: Gaussians, mask: Tensor, generator: torch.Generator) -> Rows:
    """Replace each Gaussian where `mask` (N,) is true by two, 1.6 times smaller and placed at random within it.

    Those kept come first, then all first halves, then all second ones. Equal states of `generator` give equal results,
    on whatever device it lives. Source: Kerbl et al. 2023, section 5.2.
    """
    result, origin, fresh = _gather(
        gaussians, kept=_indices(gaussians, ~mask), added=_indices(gaussians, mask).repeat(2)
    )
    halves = select(result, fresh)
    noise = torch.randn(halves.means.shape, generator=generator, dtype=halves.means.dtype, device=generator.device)
    local = halves.scales * noise.to(halves.means)
    world = (rotation_matrices(halves.quats) @ local[:, :, None])[:, :, 0]
    kept = len(result) - len(halves)
    result = replace(
        result,
        means=torch.cat([result.means[:kept], halves.means + world]),
        log_scales=torch.cat([result.log_scales[:kept], halves.log_scales - math.log(SPLIT_SHRINK)]),
    )
    return Rows(result, origin, fresh)


def _gather(gaussians: Gaussians, kept: Tensor, added: Tensor) -> Rows:
    origin = torch.cat([kept, added])
    fresh = torch.arange(len(origin), device=origin.device) >= len(kept)
    return Rows(select(gaussians, origin), origin, fresh)


def _indices(gaussians: Gaussians, mask: Tensor) -> Tensor:
    if mask.dtype != torch.bool or mask.shape != (len(gaussians),):
        raise ValueError(f"expected a mask ({len(gaussians)},) of bool, got {tuple(mask.shape)} of {mask.dtype}")
    return mask.nonzero()[:, 0]


def _schema(gaussians: Gaussians) -> dict[str, str]:
    """Names, widths and types of the extra columns."""
    return {name: f"{column.dtype} {list(column.shape[1:])}" for name, column in sorted(gaussians.extra.items())}


def padded(sh: Tensor, count: int) -> Tensor:
    """(N, K, 3), K at least `count`: coefficients with those that are missing, which are zero and change no colour."""
    return torch.cat([sh, sh.new_zeros(len(sh), max(0, count - sh.shape[1]), 3)], dim=1)
