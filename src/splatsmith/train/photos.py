"""The training photos on the device that trains, decoded once as far as a memory budget goes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from splatsmith.scenes.cameras import View
from splatsmith.scenes.prepared import read_image


class Photos:
    """Views and their pictures. The first ones are kept as uint8, the others read from disk whenever asked for."""

    def __init__(self, views: Sequence[View], device: torch.device, budget_bytes: int):
        self.views = tuple(views)
        self.device = device
        self._poses = [torch.tensor(view.T_camera_world, dtype=torch.float32, device=device) for view in views]
        self._intrinsics = [torch.tensor(view.camera.K, dtype=torch.float32, device=device) for view in views]
        self._kept: dict[int, Tensor] = {}
        self.kept_bytes = 0
        for idx, view in enumerate(self.views):
            size = 3 * view.camera.width * view.camera.height
            if self.kept_bytes + size > budget_bytes:
                break
            self._kept[idx] = self._read(idx)
            self.kept_bytes += size

    def __len__(self) -> int:
        return len(self.views)

    @property
    def pixels(self) -> int:
        """Of all pictures together."""
        return sum(view.camera.width * view.camera.height for view in self.views)

    def picture(self, view_idx: int) -> Tensor:
        """(H, W, 3) float32 in [0, 1]."""
        kept = self._kept.get(view_idx)
        return (self._read(view_idx) if kept is None else kept).float() / 255

    def camera(self, view_idx: int) -> dict:
        """The keywords of `rasterize` that place the camera, with tensors that are already on the device."""
        camera = self.views[view_idx].camera
        return {
            "T_camera_world": self._poses[view_idx],
            "K": self._intrinsics[view_idx],
            "width": camera.width,
            "height": camera.height,
        }

    def _read(self, view_idx: int) -> Tensor:
        return torch.from_numpy(read_image(self.views[view_idx])).to(self.device)
