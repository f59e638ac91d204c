"""Which device a model runs on, and in which precision."""

from dataclasses import dataclass

import torch

from splatsmith.models.loading import require_device


@dataclass(frozen=True)
class Placement:
    """Where a model runs. As text: for the log."""

    device: str
    dtype: str

    def __str__(self) -> str:
        name = f" ({torch.cuda.get_device_name(self.device)})" if self.device.startswith("cuda") else ""
        return f"{self.device}{name}, {self.dtype}"


def placed(device: str, *, half: bool = False) -> Placement:
    """On `device` as torch calls it; "auto" is cuda where torch sees a GPU, else cpu.

    `half`: whether the model was published to run in bfloat16, which it then does on a GPU that computes with it.
    Raises InputError where there is no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    require_device(device)
    fast = half and device.startswith("cuda") and torch.cuda.is_bf16_supported()
    return Placement(device, "bfloat16" if fast else "float32")
