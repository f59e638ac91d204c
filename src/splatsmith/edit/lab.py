"""sRGB and CIE Lab (D65, 2 degrees), for all real numbers: colours outside of what a screen can show come back, too.

Below 0, both curves go on along their straight pieces, so that the maps have inverses everywhere.
Source: IEC 61966-2-1 (sRGB); CIE 15, section 8.2.1 (Lab).
"""

import torch
from torch import Tensor

XYZ_RGB = torch.tensor(
    [
        [0.4123907992659595, 0.3575843393838780, 0.1804807884018343],
        [0.2126390058715104, 0.7151686787677559, 0.0721923153607337],
        [0.0193308187155918, 0.1191947797946259, 0.9505321522496608],
    ],
    dtype=torch.float64,
)
"""Linear sRGB to XYZ, which white takes to the white point."""
LAB_F = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]], dtype=torch.float64)
"""The three values of f to L, a and b; L has 16 less."""
DELTA = 6 / 29


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """(..., 3) float64. L (0 to 100), a, b of sRGB colours (..., 3), 0 to 1."""
    rgb = rgb.double()
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _white_is_one().to(rgb).T
    f = torch.where(xyz > DELTA**3, xyz.clamp(min=0) ** (1 / 3), xyz / (3 * DELTA**2) + 4 / 29)
    return f @ LAB_F.to(rgb).T - _lightness(rgb)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """(..., 3) float64. The inverse of `rgb_to_lab`."""
    lab = lab.double()
    f = (lab + _lightness(lab)) @ torch.linalg.inv(LAB_F).to(lab).T
    xyz = torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
    linear = xyz @ torch.linalg.inv(_white_is_one()).to(lab).T
    return torch.where(linear <= 0.04045 / 12.92, 12.92 * linear, 1.055 * linear.clamp(min=0) ** (1 / 2.4) - 0.055)


def _white_is_one() -> Tensor:
    return XYZ_RGB / XYZ_RGB.sum(dim=1, keepdim=True)


def _lightness(like: Tensor) -> Tensor:
    """(3,) what f's linear map to Lab is off by."""
    return torch.tensor([16.0, 0.0, 0.0]).to(like)
