"""The one container of a Gaussian scene.

Notation, used throughout the project:

    N     number of Gaussians; row i is one Gaussian, and keeps its identity through every operation
    K     number of spherical-harmonics coefficients per colour channel, (degree + 1)^2
    raw   as optimised and as stored in a PLY: log of the scale, logit of the opacity, unnormalised quaternion
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

CORE = ("means", "quats", "log_scales", "logit_opacities", "sh")


@dataclass(frozen=True, eq=False)
class Gaussians:
    """N 3D Gaussians with raw (unactivated) parameters, in the world frame of the scene."""

    means: Tensor
    """(N, 3). Centres, in scene units."""
    quats: Tensor
    """(N, 4). Orientation `R_world_local` as w, x, y, z; need not be normalised."""
    log_scales: Tensor
    """(N, 3). Natural log of the standard deviations along the local axes, in scene units."""
    logit_opacities: Tensor
    """(N,). Logit of the opacity."""
    sh: Tensor
    """(N, K, 3). Spherical-harmonics coefficients, RGB last; K is 1, 4, 9 or 16. rgb = max(0, 0.5 + Y(d) . sh)."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """Further columns by name, each (N,) or (N, C): labels, provenance, features. They ride along everywhere."""

    def __post_init__(self) -> None:
        n = len(self.means)
        shapes = {"means": (n, 3), "quats": (n, 4), "log_scales": (n, 3), "logit_opacities": (n,)}
        for name, shape in shapes.items():
            got = tuple(getattr(self, name).shape)
            if got != shape:
                raise ValueError(f"Gaussians.{name}: expected shape {shape}, got {got}")
        if self.sh.ndim != 3 or self.sh.shape[0] != n or self.sh.shape[1] not in (1, 4, 9, 16) or self.sh.shape[2] != 3:
            raise ValueError(f"Gaussians.sh: expected shape ({n}, 1|4|9|16, 3), got {tuple(self.sh.shape)}")
        for name, column in self.extra.items():
            if name in CORE:
                raise ValueError(f"Gaussians.extra[{name!r}]: the name belongs to a core column")
            if column.ndim not in (1, 2) or len(column) != n:
                raise ValueError(f"Gaussians.extra[{name!r}]: expected ({n},) or ({n}, C), got {tuple(column.shape)}")

    def __len__(self) -> int:
        return len(self.means)

    @property
    def sh_degree(self) -> int:
        """Highest spherical-harmonics degree held, 0 to 3."""
        return math.isqrt(self.sh.shape[1]) - 1

    @property
    def scales(self) -> Tensor:
        """(N, 3). Standard deviations, in scene units."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Tensor:
        """(N,). Opacities in (0, 1)."""
        return torch.sigmoid(self.logit_opacities)

    @property
    def columns(self) -> dict[str, Tensor]:
        """Every per-Gaussian tensor by name, extra columns included: what an operation on rows must carry."""
        return {**core_columns(self), **self.extra}

    def map(self, function: Callable[[Tensor], Tensor]) -> "Gaussians":
        """Apply one function to every column, e.g. `map(Tensor.detach)` or `map(lambda column: column[rows])`."""
        core = {name: function(column) for name, column in core_columns(self).items()}
        return Gaussians(**core, extra={name: function(column) for name, column in self.extra.items()})


def core_columns(gaussians: Gaussians) -> dict[str, Tensor]:
    """The five tensors that every scene has, by field name."""
    return {name: getattr(gaussians, name) for name in CORE}
