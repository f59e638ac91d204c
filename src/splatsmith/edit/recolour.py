"""Another colour for an object: its mean is moved in CIE Lab, and what differs from the mean stays.

Shading and pattern are such differences. The higher bands of the spherical harmonics, highlights above all, stay as
they are.
"""

from dataclasses import replace

import torch
from torch import Tensor

from splatsmith.edit.lab import lab_to_rgb, rgb_to_lab
from splatsmith.edit.weights import weighted_mean
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import dc_to_rgb, rgb_to_dc


def recoloured(gaussians: Gaussians, rgb: Tensor) -> Gaussians:
    """The Gaussians of one object in the colour `rgb` (3,), 0 to 1, on average.

    The mean is that of the constant colours, each Gaussian by its prominence. Colours that no screen can show are kept,
    and clamped where they are drawn.
    """
    lab = rgb_to_lab(dc_to_rgb(gaussians.sh[:, 0].double()))
    shift = rgb_to_lab(rgb.to(lab)) - weighted_mean(gaussians, lab)
    dc = rgb_to_dc(lab_to_rgb(lab + shift)).to(gaussians.sh)
    return replace(gaussians, sh=torch.cat([dc[:, None], gaussians.sh[:, 1:]], dim=1))
