"""How an object looks in a view that was held out, against the photo of it: both alone, on white.

So SCORP draws its test views; with these differences: an object is measured by itself, in the views that show it; and
pixels of other objects, which may stand before it or behind it, do not count.

    psnr_db, ssim   of the whole pictures, see train/losses.py
    lpips           see models/lpips.py
    iou             of the pixels where the drawn object is more opaque than 0.5, and its mask
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from splatsmith.complete.observations import SOLID
from splatsmith.gaussians import Gaussians
from splatsmith.render import Rendered, render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View
from splatsmith.train.losses import psnr, ssim

if TYPE_CHECKING:
    from splatsmith.models.lpips import Lpips

BEST_PSNR_DB = 100.0
"""Of equal pictures, whose PSNR is infinite."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What a view truly shows of an object."""

    view: View
    photo: np.ndarray
    """(H, W, 3) uint8."""
    mask: np.ndarray
    """(H, W) bool. The object, somewhere."""
    others: np.ndarray
    """(H, W) bool. Other objects."""

    def on_white(self) -> Tensor:
        """(H, W, 3) in [0, 1]. The object alone."""
        return torch.from_numpy(np.where(self.mask[..., None], self.photo, np.uint8(255))).float() / 255


@dataclass(frozen=True)
class Appearance:
    """How alike an object and a drawing of it look."""

    psnr_db: float
    ssim: float
    lpips: float | None
    """None where its weights are not there, or the picture is too small for them."""
    iou: float

    def as_dict(self) -> dict[str, float | None]:
        """As JSON takes it."""
        return {key: None if value is None else round(value, 4) for key, value in asdict(self).items()}


@torch.no_grad()
def drawn(
    gaussians: Gaussians,
    view: View,
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    backend: Literal["cpu", "gsplat"],
    antialiased: bool,
) -> Rendered:
    """The Gaussians as the camera of `view` sees them."""
    gaussians = gaussians.map(lambda column: column.to(device_of(backend)))
    colour = gaussians.means.new_tensor(background)
    drawing = {"background": colour, "antialiased": antialiased, "backend": backend}
    return render_view(gaussians, view.camera, view.T_camera_world, **drawing)


def appearance(picture: Rendered, sight: Sight, lpips: "Lpips | None") -> Appearance:
    """Measure a drawing on white against what the view shows."""
    counts = torch.from_numpy(~sight.others)
    image = torch.where(counts[..., None], picture.image.clamp(0, 1).cpu().float(), 1.0)
    target = sight.on_white()
    solid = (picture.alpha.cpu() > SOLID).numpy() & ~sight.others
    return Appearance(
        psnr_db=min(float(psnr(image, target)), BEST_PSNR_DB),
        ssim=float(ssim(image, target)),
        lpips=lpips.distance(image, target) if lpips is not None and lpips.takes(image) else None,
        iou=float((solid & sight.mask).sum() / (solid | sight.mask).sum()),
    )


def mean_appearance(found: "list[Appearance]") -> Appearance:
    """The mean of each figure, at least one."""
    perceived = [one.lpips for one in found if one.lpips is not None]
    return Appearance(
        psnr_db=float(np.mean([one.psnr_db for one in found])),
        ssim=float(np.mean([one.ssim for one in found])),
        lpips=float(np.mean(perceived)) if perceived else None,
        iou=float(np.mean([one.iou for one in found])),
    )
