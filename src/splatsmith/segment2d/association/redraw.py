"""A view's label map, drawn anew from its masks and from what all views together say.

The outlines are those of the masks, which are sharper than anything drawn; what is inside an outline is decided by the
votes:

    P_c(p) = sum_i s_i(p) P_ci / (sum_ci s_i(p) P_ci + 1 - sum_i s_i(p))        probability of cluster c in pixel p

What is seen through all Gaussians is no cluster's, and Gaussians without votes say nothing. A mask gets the cluster of
the largest sum of P_c over its pixels. Where its interior is clearly of two clusters it is divided; where it shows a
whole whose parts are known, it is divided into these; where it agrees with nothing, it is dropped. Pixels without a
mask are filled where the votes are sure.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage, sparse
from torch import Tensor

from splatsmith.scenes.cameras import View
from splatsmith.segment2d.association.hierarchy import families
from splatsmith.segment2d.association.projector import CHANNELS, Projector
from splatsmith.segment2d.association.signatures import by_place

DROPPED = 0.3
"""A mask whose mean probability is below this is dropped."""
CLEAR = 0.5
"""Least probability of a pixel that is clearly of one cluster."""
SURE = 0.8
"""Least probability in most of an area without a mask that is filled: an outline's blur is nowhere as sure."""
DIVIDED = 0.1
"""A mask is divided where more than this part of its interior, or of what is seen of another cluster, is at stake."""
MARGIN = 0.006
"""What lies this close to the outline is not interior, as a fraction of the picture's diagonal."""
LEAST_PIXELS = 4.0
"""Clusters that a view sees less of are not drawn."""


@dataclass(frozen=True, eq=False)
class Redrawn:
    """A view's label map, and how it came about."""

    labels: np.ndarray
    """(H, W) int32. Cluster of each pixel, 0 for none."""
    scores: dict[int, float]
    """By cluster: the mean over its pixels of its drawn probability; 0 counts where another cluster is likelier."""
    divided: int
    """How many masks were divided."""
    dropped: int
    """How many masks were dropped."""


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What the votes say of a view with K masks."""

    best: np.ndarray
    """(H, W) int32. Likeliest cluster; 0 for none."""
    sure: np.ndarray
    """(H, W) float32. Its probability."""
    inside: np.ndarray
    """(1 + K, 1 + C) float32. Sum of P_c over the pixels of each mask; row 0: over those without a mask."""


def redraw(
    projector: Projector, view: View, labels: np.ndarray, voted: sparse.csr_array, parent: np.ndarray
) -> Redrawn:
    """Draw a view's label map anew.

    labels: (H, W), its masks; 0 where there is none. voted: (1 + C, N), P. parent: (1 + C,), see `hierarchy.parents`.
    """
    numbers, masks = by_place(labels)
    drawn = _draw(projector, view, masks, len(numbers), voted)
    family = families(parent)
    area = np.bincount(masks.ravel(), minlength=len(numbers) + 1)
    node = _nodes(drawn.inside, area, family)
    agreed = (drawn.inside @ family.T)[np.arange(len(area)), node] / np.maximum(area, 1)
    dropped = (agreed < DROPPED) & (area > 0)
    dropped[0] = False

    other = _clearly_other(drawn, masks, node, family)
    own = np.where(family[node[masks], drawn.best], drawn.best, node[masks])
    result = np.where(dropped[masks] | (masks == 0), 0, np.where(other, drawn.best, own))
    result = np.where(_filled(drawn, result == 0, len(numbers) > 0), drawn.best, result).astype(np.int32)
    divided = len(np.unique(masks[other & ~dropped[masks]]))
    return Redrawn(result, _scores(result, drawn), divided, int(dropped.sum()))


def _draw(projector: Projector, view: View, masks: np.ndarray, count: int, voted: sparse.csr_array) -> _Drawn:
    height, width = masks.shape
    device = projector.device
    in_view = projector.gather(view, torch.ones(height, width, 1, device=device))[:, 0].cpu().numpy()
    present = np.flatnonzero(voted @ in_view >= LEAST_PIXELS)
    any_vote = _row(sparse.csr_array(voted.sum(axis=0)[None]), 0, device)
    best = torch.zeros(height, width, dtype=torch.int32, device=device)
    sure = torch.zeros(height, width, device=device)
    inside = np.zeros((1 + count, voted.shape[0]), np.float32)
    pixels = torch.as_tensor(masks, device=device).flatten()
    for first in range(0, len(present), CHANNELS - 1):
        some = present[first : first + CHANNELS - 1]
        drawn = projector.draw(view, [any_vote, *(_row(voted, c, device) for c in some)])
        total = drawn.image[..., :1] + 1 - drawn.alpha[..., None]
        probability = drawn.image[..., 1:] / total.clamp(min=1e-6)
        summed = torch.zeros(1 + count, len(some), device=device).index_add_(0, pixels, probability.flatten(0, 1))
        inside[:, some] = summed.cpu().numpy()
        value, channel = probability.max(dim=2)
        better = value > sure
        sure = torch.where(better, value, sure)
        best = torch.where(better, torch.as_tensor(some, dtype=torch.int32, device=device)[channel], best)
    return _Drawn(best.cpu().numpy(), sure.cpu().numpy(), inside)


def _row(matrix: sparse.csr_array, row: int, device: torch.device) -> tuple[Tensor, Tensor]:
    entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return (
        torch.as_tensor(matrix.indices[entries].astype(np.int64), device=device),
        torch.as_tensor(matrix.data[entries], device=device),
    )


def _nodes(inside: np.ndarray, area: np.ndarray, family: np.ndarray) -> np.ndarray:
    """(1 + K,) what each mask shows: its likeliest cluster, or what that is a part of, whichever it overlaps most."""
    likeliest = inside[:, 1:].argmax(axis=1) + 1 if inside.shape[1] > 1 else np.zeros(len(inside), int)
    of_node = inside @ family.T
    overlap = 2 * of_node / np.maximum(area[:, None] + of_node.sum(axis=0), 1e-6)
    above = family[:, likeliest].T  # (1 + K, 1 + C): the likeliest cluster and all that it is a part of
    return np.where(above, overlap, -1).argmax(axis=1)


def _clearly_other(drawn: _Drawn, masks: np.ndarray, node: np.ndarray, family: np.ndarray) -> np.ndarray:
    """(H, W) bool. Pixels that their mask is to lose to the likeliest cluster."""
    rows, clusters = drawn.inside.shape
    clear = (drawn.sure > CLEAR) & (drawn.best > 0) & (masks > 0) & ~family[node[masks], drawn.best]
    reach = max(1, round(MARGIN * float(np.hypot(*masks.shape))))
    window = 2 * reach + 1
    inner = ndimage.minimum_filter(masks, window) == ndimage.maximum_filter(masks, window)
    pairs = masks.astype(np.int64) * clusters + drawn.best
    lost = np.bincount(pairs[clear & inner], minlength=rows * clusters).reshape(rows, clusters)
    interior = np.bincount(masks[inner], minlength=rows)
    divides = lost > DIVIDED * np.maximum(np.minimum.outer(interior, drawn.inside.sum(axis=0)), 1)
    return clear & divides[masks, drawn.best]


def _filled(drawn: _Drawn, empty: np.ndarray, has_masks: bool) -> np.ndarray:
    """(H, W) bool. Pixels without a mask that get the likeliest cluster; in a view without masks all that are clear."""
    clear = empty & (drawn.best > 0) & (drawn.sure > CLEAR)
    if not has_masks:
        return clear
    sure, filled = clear & (drawn.sure > SURE), np.zeros_like(empty)
    for c in np.unique(drawn.best[sure]):
        area, _ = ndimage.label(clear & (drawn.best == c))
        most = np.bincount(area.ravel(), sure.ravel()) > np.bincount(area.ravel()) / 2
        filled |= most[area] & (area > 0)
    return filled


def _scores(labels: np.ndarray, drawn: _Drawn) -> dict[int, float]:
    agreed = np.where(labels == drawn.best, drawn.sure, 0)
    total, count = np.bincount(labels.ravel(), agreed.ravel()), np.bincount(labels.ravel())
    return {int(c): round(float(total[c] / count[c]), 4) for c in np.flatnonzero(count) if c}
