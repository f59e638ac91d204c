"""One affine change of colour per photo, for photos whose exposure or white balance varies.

The render of view v becomes A_v rgb + b_v before it is compared with the photo (3DGS, exposure compensation). After
each step the mean of all (A_v | b_v) is brought back to the identity: so the Gaussians carry the photos' average
exposure, and a view that was held out, which has no A_v of its own, is rendered as it is.
"""

import torch
from torch import Tensor

RATE, RATE_FINAL = 1e-2, 1e-3  # of Adam, falling exponentially (3DGS)


class Exposure:
    """Learnt colour changes of V training views."""

    def __init__(self, views: int, steps: int, device: torch.device):
        self.steps = steps
        self.affine = torch.eye(3, 4, device=device).repeat(views, 1, 1).requires_grad_()
        """(V, 3, 4). A_v | b_v."""
        self._adam = torch.optim.Adam([self.affine], lr=RATE, eps=1e-15)

    def apply(self, image: Tensor, view_idx: int) -> Tensor:
        """(H, W, 3) render -> (H, W, 3) as that photo's camera would have exposed it."""
        affine = self.affine[view_idx]
        return image @ affine[:, :3].T + affine[:, 3]

    def step(self, step: int) -> None:
        """Descend, forget the gradients, and keep the mean at the identity."""
        self._adam.param_groups[0]["lr"] = RATE * (RATE_FINAL / RATE) ** (step / self.steps)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.affine += torch.eye(3, 4, device=self.affine.device) - self.affine.mean(dim=0)

    def state(self) -> dict[str, Tensor]:
        """Tensors that `load` brings back."""
        return {"affine": self.affine.detach(), **self._adam.state[self.affine]}

    def load(self, state: dict[str, Tensor]) -> None:
        with torch.no_grad():
            self.affine.copy_(state["affine"])
        self._adam.state[self.affine] = {name: value.clone() for name, value in state.items() if name != "affine"}
