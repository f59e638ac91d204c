"""How much of an object each of its Gaussians is, so that many small ones count no more than the few they replace."""

from torch import Tensor

from splatsmith.gaussians import Gaussians


def prominence(gaussians: Gaussians) -> Tensor:
    """(N,) float64. Opacity times the product of the two larger standard deviations: what the broad side covers."""
    longest = gaussians.log_scales.double().sort(dim=1).values[:, 1:]
    return gaussians.opacities.double() * longest.sum(dim=1).exp()


def weighted_mean(gaussians: Gaussians, values: Tensor) -> Tensor:
    """(C,) float64. Mean of `values` (N, C) over one or more Gaussians, each counting by its prominence."""
    weights = prominence(gaussians)
    return (weights / weights.sum()) @ values.double()


def centroid(gaussians: Gaussians) -> Tensor:
    """(3,) float64. The middle of one or more Gaussians, in the world frame; moves with them under similarities."""
    return weighted_mean(gaussians, gaussians.means)
