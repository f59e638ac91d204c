"""Dropping what a generated object hardly shows: Gaussians of little opacity, which blur it and mislead the aligner."""

import torch

from splatsmith.base.outcome import Unusable
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select


def truncated(proxy: Gaussians, min_opacity: float) -> Gaussians:
    """The Gaussians whose opacity is at least `min_opacity`, in their order and with all columns. SCORP, code.

    Raises Unusable where none is left, or any is not finite.
    """
    if not all(torch.isfinite(column).all() for column in proxy.columns.values() if column.is_floating_point()):
        raise Unusable("the proxy has values that are NaN or infinite")
    if len(proxy) == 0:
        raise Unusable("the proxy has no Gaussians")
    kept = proxy.opacities >= min_opacity
    if not kept.any():
        most = float(proxy.opacities.max())
        raise Unusable(f"no Gaussian of the proxy is as opaque as {min_opacity:g}; the most opaque one has {most:.3f}")
    return select(proxy, kept)
