"""LPIPS v0.1 on AlexNet: how different two pictures look to people (Zhang et al., CVPR 2018).

    d(x, y) = sum over layers l of mean over pixels of w_l . (f_l(x) / |f_l(x)| - f_l(y) / |f_l(y)|)^2

f_l: the features after each of AlexNet's five activations; w_l >= 0 was fitted to people's judgements. 0 for equal
pictures; about 0.7 for unlike ones.

The weights lie in one file `model.safetensors` with the names that their authors gave them: `features.0.weight` and so
on of torchvision's AlexNet, `lin0.model.1.weight` and so on of LPIPS. It is made of the two published files by

    python -m splatsmith.models.lpips alexnet-owt-7be5be79.pth alex.pth model.safetensors
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from splatsmith.base.files import atomic_path
from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import require_device, require_fit, unusable

CONVOLUTIONS = {
    0: (3, 64, 11, 4, 2),
    3: (64, 192, 5, 1, 2),
    6: (192, 384, 3, 1, 1),
    8: (384, 256, 3, 1, 1),
    10: (256, 256, 3, 1, 1),
}
"""AlexNet's, by their place in torchvision's `features`: channels in and out, kernel, stride, padding."""
POOLED = (3, 6)
"""Places before which the features are thinned out: the maximum over 3 x 3, every second."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and deviation of RGB in [-1, 1]."""
EPS = 1e-10
SMALLEST = 31
"""Least side of a picture in pixels: below it AlexNet's last features are empty."""


class Lpips:
    """Measures pairs of pictures. Raises InputError where the weights do not fit."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu"):
        require_device(device)
        try:
            tensors = load_file(checkpoint.weights[0])
        except (OSError, SafetensorError) as error:
            raise unusable(checkpoint, got=str(error).strip().splitlines()[0]) from error
        expected = shapes()
        misshapen = [name for name in expected.keys() & tensors.keys() if tuple(tensors[name].shape) != expected[name]]
        wrong = {"missing": expected.keys() - tensors.keys(), "unexpected": tensors.keys() - expected.keys()}
        require_fit(checkpoint, {kind: sorted(n) for kind, n in (wrong | {"of another shape": misshapen}).items()})
        self._tensors = {name: tensor.float().to(device) for name, tensor in tensors.items()}

    @staticmethod
    def takes(picture: Tensor) -> bool:
        """Whether a picture (H, W, 3) is large enough."""
        return min(picture.shape[:2]) >= SMALLEST

    @torch.no_grad()
    def distance(self, a: Tensor, b: Tensor) -> float:
        """How different two pictures (H, W, 3) in [0, 1], RGB, look; both at least SMALLEST pixels wide and high."""
        if a.shape != b.shape or not self.takes(a):
            raise ValueError(f"expected two pictures of one size from {SMALLEST} pixels, got {a.shape} and {b.shape}")
        pairs = zip(self._features(a), self._features(b), strict=True)
        heads = (self._tensors[f"lin{i}.model.1.weight"] for i in range(len(CONVOLUTIONS)))
        return float(sum(F.conv2d((x - y) ** 2, head).mean() for (x, y), head in zip(pairs, heads, strict=True)))

    def _features(self, picture: Tensor) -> list[Tensor]:
        """Each (1, C, h, w), of length 1 in every pixel."""
        x = picture.to(self._tensors["features.0.weight"]).movedim(-1, 0)[None]
        shift, scale = (x.new_tensor(values).view(1, 3, 1, 1) for values in (SHIFT, SCALE))
        x, found = (2 * x - 1 - shift) / scale, []
        for place, (*_, stride, padding) in CONVOLUTIONS.items():
            x = F.max_pool2d(x, 3, 2) if place in POOLED else x
            weight, bias = (self._tensors[f"features.{place}.{part}"] for part in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            found.append(x / (x.norm(dim=1, keepdim=True) + EPS))
        return found


def shapes() -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by its name."""
    found: dict[str, tuple[int, ...]] = {}
    for i, (place, (inputs, outputs, kernel, *_)) in enumerate(CONVOLUTIONS.items()):
        found[f"features.{place}.weight"] = (outputs, inputs, kernel, kernel)
        found[f"features.{place}.bias"] = (outputs,)
        found[f"lin{i}.model.1.weight"] = (1, outputs, 1, 1)
    return found


def convert(alexnet: Path, heads: Path, target: Path) -> None:
    """Write the one file that is read, of torchvision's AlexNet and LPIPS's own; of those, only tensors are read."""
    given = {}
    for path in (alexnet, heads):
        given |= torch.load(path, map_location="cpu", weights_only=True)
    with atomic_path(target) as temporary:
        save_file({name: given[name].contiguous() for name in shapes()}, temporary, metadata={"format": "pt"})


if __name__ == "__main__":
    convert(*map(Path, sys.argv[1:]))
