"""Everything-mode: masks of all there is in an image, from a grid of points (Kirillov et al., ICCV 2023, appendix B).

Each point is asked for three masks. Those that the model is unsure of go, then those that change with the cut of their
logits, then those that a crop's edge cuts off, then duplicates. Crops of the image, if asked for, find smaller things.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from splatsmith.models.nms import box_iou, nms
from splatsmith.models.protocols import Segment

EDGE = 20
"""Pixels: a mask whose box comes that close to the edge of a crop may have been cut off by it."""


@dataclass(frozen=True)
class Everything:
    """Settings under their published names, with the published defaults."""

    points_per_side: int = 32
    """Points along each side of the grid over the whole image."""
    points_per_batch: int = 64
    """Points decoded at once: more is faster and takes more memory."""
    pred_iou_thresh: float = 0.88
    """Least overlap with the truth that the model predicts for a mask that is kept."""
    stability_score_thresh: float = 0.95
    """Least stability of a mask that is kept."""
    stability_score_offset: float = 1.0
    """By how much the logits' cut is raised and lowered to measure the stability."""
    box_nms_thresh: float = 0.7
    """Masks of one crop whose boxes overlap more are one mask."""
    crop_n_layers: int = 0
    """Layers of crops besides the whole image; layer n has 2^n crops along each side."""
    crop_nms_thresh: float = 0.7
    """Masks of different crops whose boxes overlap more are one mask, that of the smaller crop."""
    crop_overlap_ratio: float = 512 / 1500
    """Overlap of the first layer's crops, as a fraction of the image's shorter side."""
    crop_n_points_downscale_factor: int = 1
    """The grid's points per side are divided by this once per layer."""


class PointSegmenter(Protocol):
    """What everything-mode needs of a model."""

    def around_points(self, image: np.ndarray, points: np.ndarray) -> tuple[Tensor, Tensor]:
        """Three masks for each of P points (P, 2): low-resolution logits (P, 3, h, w), predicted overlaps (P, 3)."""

    def full_size(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, H, W) logits at an image's `size` = (H, W), of low-resolution ones (N, h, w)."""


@dataclass(frozen=True, eq=False)
class _Found:
    """A segment whose mask is kept within its box only: there are thousands before duplicates go."""

    segment: Segment
    crop_area: int


def everything(segmenter: PointSegmenter, image: np.ndarray, settings: Everything) -> list[Segment]:
    """All masks in `image` (H, W, 3), without duplicates, the best first; of crops, the smallest crops' first."""
    found = []
    for crop, layer in crops(image.shape[:2], settings.crop_n_layers, settings.crop_overlap_ratio):
        side = int(settings.points_per_side / settings.crop_n_points_downscale_factor**layer)
        found += _found_in_crop(segmenter, image, crop, side, settings)
    if settings.crop_n_layers > 0:
        found = _distinct(found, [1 / one.crop_area for one in found], settings.crop_nms_thresh)
    return [_spread(one.segment, image.shape[:2]) for one in found]


def crops(size: tuple[int, int], layers: int, overlap_ratio: float) -> list[tuple[tuple[int, int, int, int], int]]:
    """The image of `size` = (H, W) and its crops, each x0 y0 x1 y1 with its layer; the whole image is layer 0."""
    height, width = size
    found = [((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        count = 2**layer
        overlap = int(overlap_ratio * min(size) * 2 / count)
        w, h = (-(-(overlap * (count - 1) + length) // count) for length in (width, height))
        for i, j in product(range(count), repeat=2):
            x, y = (w - overlap) * i, (h - overlap) * j
            found.append(((x, y, min(x + w, width), min(y + h, height)), layer))
    return found


def grid(side: int) -> np.ndarray:
    """(side^2, 2). Points evenly over the unit square, row by row."""
    ticks = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def stability(logits: Tensor, offset: float) -> Tensor:
    """(N,). Area of each mask (N, H, W) cut `offset` above 0, over its area cut as much below; 0 where that is none."""
    inner, outer = ((logits > cut).sum(dim=(1, 2)) for cut in (offset, -offset))
    return inner / outer.clamp(min=1)


def boxes_of(masks: Tensor) -> Tensor:
    """(N, 4) int64. First and last column and row of each mask (N, H, W), x0 y0 x1 y1; zeros where it is empty."""
    ranges = []
    for along in (1, 2):  # rows are looked over for the columns, and columns for the rows
        hit = masks.any(dim=along).to(torch.uint8)
        ranges.append((hit.argmax(dim=1), hit.shape[1] - 1 - hit.flip(1).argmax(dim=1)))
    (x0, x1), (y0, y1) = ranges
    return torch.stack([x0, y0, x1, y1], dim=1) * masks.flatten(1).any(dim=1)[:, None]


def cut_off(box: np.ndarray, crop: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether a box (4,), in the image's pixels, nearly touches an edge of `crop` that is none of the image's."""
    near_crop = np.abs(box - np.array(crop)) <= EDGE
    near_image = np.abs(box - np.array([0, 0, size[1], size[0]])) <= EDGE
    return bool((near_crop & ~near_image).any())


def _found_in_crop(
    segmenter: PointSegmenter, image: np.ndarray, crop: tuple[int, int, int, int], side: int, settings: Everything
) -> list[_Found]:
    """What one crop shows, in the whole image's pixels, without duplicates, the best first."""
    x0, y0, x1, y1 = crop
    part = image[y0:y1, x0:x1]
    points = grid(side) * (x1 - x0, y1 - y0)
    found = []
    for start in range(0, len(points), settings.points_per_batch):
        for one in _stable(segmenter, part, points[start : start + settings.points_per_batch], settings):
            moved = replace(one, box=one.box + np.array([x0, y0, x0, y0]), point=one.point + (x0, y0))
            found.append(_Found(moved, part.shape[0] * part.shape[1]))
    found = [one for one in found if not cut_off(one.segment.box, crop, image.shape[:2])]
    return _distinct(found, [one.segment.score for one in found], settings.box_nms_thresh)


def _stable(segmenter: PointSegmenter, part: np.ndarray, points: np.ndarray, settings: Everything) -> Iterator[Segment]:
    """Good and stable masks around `points` of a crop, in its pixels, each mask within its box only."""
    low, overlaps = (answer.flatten(0, 1) for answer in segmenter.around_points(part, points))
    points = points.repeat(len(low) // len(points), axis=0)
    sure = (overlaps > settings.pred_iou_thresh).nonzero()[:, 0]
    logits = segmenter.full_size(low[sure], part.shape[:2])
    steadiness = stability(logits, settings.stability_score_offset)
    stable = steadiness >= settings.stability_score_thresh
    masks = logits[stable] > 0
    boxes = boxes_of(masks).cpu().numpy()
    for i, mask, box, steady in zip(
        sure[stable].tolist(), masks.cpu().numpy(), boxes, steadiness[stable].tolist(), strict=True
    ):
        x0, y0, x1, y1 = box
        yield Segment(mask[y0 : y1 + 1, x0 : x1 + 1].copy(), box, float(overlaps[i]), steady, points[i])


def _distinct(found: list[_Found], scores: list[float], threshold: float) -> list[_Found]:
    boxes = np.array([one.segment.box for one in found]).reshape(-1, 4)
    return [found[i] for i in nms(np.array(scores), box_iou(boxes), threshold)]


def _spread(segment: Segment, size: tuple[int, int]) -> Segment:
    """`segment` with its mask as large as the image of `size`."""
    x0, y0, x1, y1 = segment.box
    mask = np.zeros(size, dtype=bool)
    mask[y0 : y1 + 1, x0 : x1 + 1] = segment.mask
    return replace(segment, mask=mask)
