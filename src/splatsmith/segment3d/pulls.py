"""How the identity loss pulls at Gaussians, as it was felt view by view.

Source: GradiSeg, section 3.2 (accumulated identity gradients) and 3.3 (the direction in which a centre wants to go).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from splatsmith.gaussians.ops import Rows

MEMORY = 0.95
"""Of the running mean of directions."""


@dataclass(frozen=True, eq=False)
class Pulls:
    """What was felt so far."""

    pull: Tensor
    """(N,). Sum over views of |dL/de_i|, per pixel of the picture, since the last change of rows."""
    looks: Tensor
    """(N,). Views of that sum."""
    directions: Tensor
    """(N, 3). Running mean of the unit vectors in which the identity loss would move each centre."""

    @classmethod
    def none(cls, n: int, device: torch.device) -> "Pulls":
        """Of `n` Gaussians that felt nothing yet."""
        zeros = torch.zeros(n, device=device)
        return cls(zeros, zeros, torch.zeros(n, 3, device=device))

    @property
    def mean(self) -> Tensor:
        """(N,). Mean pull of the views that saw a Gaussian."""
        return self.pull / self.looks.clamp(min=1)

    def felt(self, v_codes: Tensor, v_means: Tensor | None, radii: Tensor, pixels: int) -> "Pulls":
        """Add one view of so many pixels: gradients of the identity loss by codes (N, D) and, unless directions are
        not wanted, by centres (N, 3), and radii (N, 2), 0 if not visible."""
        visible = (radii > 0).all(dim=1)
        directions = self.directions
        if v_means is not None:
            u = -torch.nn.functional.normalize(v_means, dim=1)
            directions = torch.where(visible[:, None], MEMORY * directions + (1 - MEMORY) * u, directions)
        return Pulls(self.pull + visible * v_codes.norm(dim=1) * pixels, self.looks + visible, directions)

    def moved(self, rows: Rows) -> "Pulls":
        """After a change of rows: what is fresh has no direction, and all pulls are felt anew."""
        directions = torch.where(rows.fresh[:, None], 0, self.directions[rows.origin])
        return Pulls(*(torch.zeros(len(directions), device=directions.device) for _ in range(2)), directions)
