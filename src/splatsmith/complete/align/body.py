"""The proxy as the aligner handles it: centred, one unit long, with points and a thinned-out copy to draw."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from splatsmith.base.outcome import Unusable
from splatsmith.complete.align.evidence import thinned
from splatsmith.complete.align.pose import Pose
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.sh import dc_to_rgb
from splatsmith.gaussians.transforms import similarity

MOST_POINTS = 2500
ROUGH, FINE = 3000, 20_000
"""Most Gaussians in the copies that are drawn while searching and at the end."""
FEWEST = 10


@dataclass(frozen=True, eq=False)
class Body:
    """A proxy P in its own frame, moved so that its robust box is centred on the origin and has a diagonal of 1."""

    points: np.ndarray
    """(N, 3). Centres of Gaussians, evenly spread."""
    colors: np.ndarray
    """(N, 3) in [0, 1]."""
    tree: cKDTree
    """Of the points."""
    rough: Gaussians
    """What is drawn while searching: at most ROUGH Gaussians, larger in proportion."""
    fine: Gaussians
    """What is drawn at the end: at most FINE."""
    center: np.ndarray
    """(3,). Of the proxy's box, in its own frame."""
    length: float
    """Diagonal of the proxy's box, in its own units."""

    @property
    def T_body_proxy(self) -> np.ndarray:
        """(4, 4). From the proxy as it came into the body's frame."""
        T = np.eye(4) / self.length
        T[:3, 3], T[3, 3] = -self.center / self.length, 1
        return T

    def of_proxy(self, pose: Pose) -> Pose:
        """The pose of the proxy as it came, for a pose of the body."""
        A = pose.A / self.length
        return Pose(pose.R, pose.a - np.log(self.length), pose.t - A @ self.center)

    def of_body(self, pose: Pose) -> Pose:
        """The pose of the body, for one of the proxy as it came."""
        return Pose(pose.R, pose.a + np.log(self.length), pose.t + pose.A @ self.center)


def body_of(proxy: Gaussians, seed: int) -> Body:
    """Prepare a proxy. Raises Unusable where it is empty or flat to a point."""
    if len(proxy) < FEWEST:
        raise Unusable(f"the proxy has only {len(proxy)} Gaussians")
    means = proxy.means.double().cpu().numpy()
    low, high = np.quantile(means, [0.005, 0.995], axis=0)
    center, length = (low + high) / 2, float(np.linalg.norm(high - low))
    if not length > 0:
        raise Unusable("the proxy is a single point")
    T = np.eye(4) / length
    T[:3, 3], T[3, 3] = -center / length, 1
    rough, fine = (similarity(_thinned(proxy, most, seed), T) for most in (ROUGH, FINE))
    moved = (means - center) / length
    cell = 0.01
    rows = thinned(moved, cell)
    while len(rows) > MOST_POINTS:
        cell *= 1.15
        rows = thinned(moved, cell)
    colors = dc_to_rgb(proxy.sh[:, 0]).clamp(0, 1).double().cpu().numpy()[rows]
    return Body(moved[rows], colors, cKDTree(moved[rows]), rough, fine, center, length)


def _thinned(proxy: Gaussians, most: int, seed: int) -> Gaussians:
    """At most `most` of the Gaussians, grown so that together they cover as much."""
    rows = torch.from_numpy(np.random.default_rng(seed).permutation(len(proxy))[:most]).sort().values
    some = replace(select(proxy, rows), extra={})
    growth = 0.5 * np.log(len(proxy) / len(rows))
    return replace(some, log_scales=some.log_scales + float(growth))
