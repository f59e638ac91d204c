"""Pictures on their way into a model, masks on their way out: each as the model's published code does it."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) uint8: `image` (H, W, 3) uint8 at `size` = (h, w), bilinear over the pixels' footprint, by PIL."""
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def squeezed(image: np.ndarray, side: int) -> np.ndarray:
    """(side, side, 3) uint8: `image` (H, W, 3) uint8 without its aspect ratio, by torch on whole grey levels.

    In floating point the result would differ by a grey level here and there from what SAM 2 and SAM 3 were given.
    """
    planes = _planes(image)[None]
    return interpolate(planes, (side, side), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def normalised(image: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """(1, 3, H, W) float32: `image` (H, W, 3) uint8 as fractions of white, less the mean, over the deviation."""
    planes = _planes(image).to(torch.float32) / 255
    return ((planes - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])[None]


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, h, w) float32: `maps` (N, H, W) at `size` = (h, w), bilinear."""
    if len(maps) == 0:  # which interpolate refuses
        return maps.new_zeros((0, *size), dtype=torch.float32)
    return interpolate(maps[None].float(), size, mode="bilinear", align_corners=False)[0]


def _planes(image: np.ndarray) -> Tensor:
    """(3, H, W) uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)
