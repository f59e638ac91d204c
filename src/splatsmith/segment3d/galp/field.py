"""Labels as spherical harmonics: where they start, what they look like from a camera, and what is drawn of them."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from splatsmith.gaussians.sh import basis, dc_to_rgb, rgb_to_dc
from splatsmith.segment3d.config import InitialLabels
from splatsmith.segment3d.galp.coding import Codebook
from splatsmith.segment3d.targets import Camera, Still


@dataclass(frozen=True, eq=False)
class LabelField:
    """r, of all Gaussians."""

    constant: Tensor
    """(N, 1, D). The band that is the same from every side."""
    varying: Tensor
    """(N, K - 1, D). The others."""
    codebook: Codebook

    @classmethod
    def initial(cls, kind: InitialLabels, pi: Tensor, degree: int, codebook: Codebook) -> "LabelField":
        """Labels that are the same from every side. pi: (N, C) votes.

        votes: what the votes say; a Gaussian without any is of no class more than of another. grey: nothing, as the
        paper has it, whose coefficients are all 1/2.
        """
        n, (classes, channels) = len(pi), codebook.words.shape
        match kind:
            case "votes":
                nobody = 1 - pi.sum(dim=1, keepdim=True)
                constant = rgb_to_dc((pi + nobody / classes) @ codebook.words)
            case "grey":
                constant = torch.full((n, channels), 0.5, device=pi.device)
            case _:
                assert_never(kind)
        varying = torch.zeros(n, (degree + 1) ** 2 - 1, channels, device=pi.device)
        return cls(constant[:, None], varying, codebook)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics, 0 to 3."""
        return round((1 + self.varying.shape[1]) ** 0.5) - 1

    @property
    def coefficients(self) -> Tensor:
        """(N, K, D). r."""
        return torch.cat([self.constant, self.varying], dim=1)

    def seen_along(self, directions: Tensor) -> Tensor:
        """(N, D). l along unit directions (N, 3).

        Colours are cut off at 0, as those of photos are. One-hot labels are not: a channel below 0 would stay there,
        for it would get no gradient.
        """
        labels = dc_to_rgb(self.constant[:, 0])
        if self.degree:
            labels = labels + (basis(self.degree, directions)[:, None, 1:] @ self.varying)[:, 0]
        return labels.clamp(min=0) if self.codebook.kind == "paper" else labels

    def drawn(self, still: Still, camera: Camera) -> Tensor:
        """(H, W, D). Labels as a camera sees them, over the codeword of the rest."""
        drawn = still.draw(self.seen_along(directions(still.means, camera)), camera)
        return drawn.image + (1 - drawn.alpha[..., None]) * self.codebook.words[0]


def directions(means: Tensor, camera: Camera) -> Tensor:
    """(N, 3). Unit vectors from a camera's centre to means (N, 3)."""
    R, t = camera.T_camera_world[:3, :3], camera.T_camera_world[:3, 3]
    return torch.nn.functional.normalize(means + R.T @ t, dim=1)
