"""After Gaussians were cut, a little training of the halves alone, until the scene looks as it did.

Everything else keeps its bytes. Loss and rates are those of train/, the rates of the end of a training.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splatsmith.base.progress import Progress
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.container import CORE, core_columns
from splatsmith.gaussians.ops import select
from splatsmith.render import Backend, rasterize
from splatsmith.scenes.cameras import View
from splatsmith.train.config import LearningRates
from splatsmith.train.losses import photometric_loss
from splatsmith.train.optimizer import GaussianAdam
from splatsmith.train.photos import Photos

EPOCHS = 3
SSIM_WEIGHT = 0.2
CACHE_BYTES = 2**31
MEANS_RATE = 1.6e-5
"""Of the centres, in units of the scene's extent: a tenth of what a training begins with."""


def restored(
    gaussians: Gaussians,
    rows: Tensor,
    views: Sequence[View],
    *,
    background: Sequence[float],
    antialiased: bool,
    backend: Backend,
    label: str,
) -> Gaussians:
    """The scene with the Gaussians at `rows` (M,) int64 trained on the photos of `views`, and no others changed."""
    device = gaussians.means.device
    photos = Photos(views, device, CACHE_BYTES)
    steps = EPOCHS * len(views)
    extent = float((gaussians.means - gaussians.means.mean(dim=0)).norm(dim=1).quantile(0.9))
    rates = LearningRates(means=MEANS_RATE, means_final=MEANS_RATE)
    adam = GaussianAdam(select(gaussians, rows), rates, extent=extent, steps=steps)
    color = torch.tensor(background, dtype=torch.float32, device=device)
    order = torch.randperm(steps, generator=torch.Generator().manual_seed(0)) % len(views)
    with Progress(label, steps, "steps") as bar:
        for step, idx in enumerate(order.tolist()):
            scene = _with_rows(gaussians, rows, adam.gaussians(gaussians.sh_degree))
            activated = (scene.means, scene.quats, scene.scales, scene.opacities, scene.sh)
            drawing = {"sh_degree": scene.sh_degree, "background": color, "antialiased": antialiased}
            image = rasterize(*activated, **photos.camera(idx), **drawing, backend=backend).image
            photometric_loss(image, photos.picture(idx), SSIM_WEIGHT).backward()
            adam.step(step)
            bar.advance()
    return _with_rows(gaussians, rows, adam.gaussians())


def _with_rows(gaussians: Gaussians, rows: Tensor, changed: Gaussians) -> Gaussians:
    """`gaussians` with the core columns of `rows` replaced; differentiable by `changed`."""
    new = core_columns(changed)
    return replace(gaussians, **{name: getattr(gaussians, name).index_copy(0, rows, new[name]) for name in CORE})
