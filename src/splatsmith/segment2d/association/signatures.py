"""Signatures: which Gaussians every mask holds, by one transposed render per view."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy import sparse

from splatsmith.scenes.cameras import View
from splatsmith.segment2d.association.projector import CHANNELS, Projector

LEAST_MASS = 0.5
"""Pixels: a smaller mass of one Gaussian in one mask is not kept, if a view has enough pixels for its Gaussians."""
LEAST_SHARE = 0.25
"""Of the pixels that a view has per Gaussian: what is kept however many Gaussians there are."""


@dataclass(frozen=True, eq=False)
class Signatures:
    """The masks of some views, as rows over the N Gaussians. All matrices are sparse, (rows, N) float32."""

    view_of: np.ndarray
    """(M,) which view, ascending."""
    label_of: np.ndarray
    """(M,) the mask's number in its view's label map."""
    mass: sparse.csr_array
    """(M, N). S_mi."""
    owned: sparse.csr_array
    """(M, N). sqrt(V_vi) for the Gaussians that the mask owns: those with S_mi > V_vi / 2."""
    seen: sparse.csr_array
    """(views, N). sqrt(V_vi)."""
    unmasked: sparse.csr_array
    """(views, N). U_vi."""

    @property
    def masked(self) -> sparse.csr_array:
        """(views, N). The mass of every Gaussian in all masks of a view."""
        count = len(self.view_of)
        views = sparse.csr_array(
            (np.ones(count, np.float32), (self.view_of, np.arange(count))), (self.seen.shape[0], count)
        )
        return views @ self.mass


def signatures(
    projector: Projector, labelled: Iterable[tuple[View, np.ndarray]], rest: Literal["background", "unknown"]
) -> Signatures:
    """The signatures of all masks of views with their label maps (H, W), 0 where there is no mask.

    Masks come in the order of the views, and within a view in that of their first pixels.
    """
    count = len(projector.gaussians)
    view_of, label_of, mass, owned, seen, unmasked = [], [], [], [], [], []
    for v, (view, labels) in enumerate(labelled):
        numbers, places = by_place(labels)
        masses = _masses(projector, view, places, len(numbers))
        of_masks, of_none = masses[1:], masses[:1]
        total = np.asarray((masses if rest == "background" else of_masks).sum(axis=0)).reshape(count)
        total[total <= _least_mass(labels, count)] = 0
        view_of.append(np.full(len(numbers), v))
        label_of.append(numbers)
        mass.append(of_masks)
        owned.append(_owned(of_masks, total))
        seen.append(sparse.csr_array(np.sqrt(total, dtype=np.float32)[None]))
        unmasked.append(of_none)
    stacks = (sparse.vstack(rows, format="csr") for rows in (mass, owned, seen, unmasked))
    return Signatures(np.concatenate(view_of), np.concatenate(label_of), *stacks)


def by_place(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The masks of a label map in the order of their first pixels: their numbers (K,), and a map (H, W) of 1 to K.

    Row by row from the top left. The order is one of content: it does not depend on the numbers.
    """
    numbers, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    is_mask = numbers > 0
    order = np.argsort(np.where(is_mask, first, -1), kind="stable")
    place = np.empty(len(numbers), np.int32)
    place[order] = np.arange(len(numbers)) + is_mask.all()
    return numbers[order][is_mask[order]], place[inverse].reshape(labels.shape)


def _masses(projector: Projector, view: View, places: np.ndarray, count: int) -> sparse.csr_array:
    """(1 + count, N). Mass of every Gaussian in the pixels of each number 0 to `count` of a map (H, W)."""
    numbers = torch.as_tensor(places, device=projector.device)
    least = _least_mass(places, len(projector.gaussians))
    rows, columns, values = [], [], []
    for first in range(0, 1 + count, CHANNELS):
        some = torch.arange(first, min(first + CHANNELS, 1 + count), device=projector.device)
        mass = projector.gather(view, (numbers[..., None] == some).float())
        kept = (mass > least).nonzero(as_tuple=True)
        columns.append(kept[0].int().cpu().numpy())
        rows.append((kept[1] + first).int().cpu().numpy())
        values.append(mass[kept].cpu().numpy())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(entries, (1 + count, len(projector.gaussians)))


def _least_mass(labels: np.ndarray, gaussians: int) -> float:
    return min(LEAST_MASS, LEAST_SHARE * labels.size / max(gaussians, 1))


def _owned(masses: sparse.csr_array, total: np.ndarray) -> sparse.csr_array:
    """sqrt(V) where a mask holds more than half of V = `total` (N,)."""
    owned, of_entry = masses.copy(), total[masses.indices]
    owned.data = np.where(masses.data > of_entry / 2, np.sqrt(of_entry), 0).astype(np.float32)
    owned.eliminate_zeros()
    return owned
