"""Non-maximum suppression: of things that overlap much, only the best is kept."""

import numpy as np


def nms(scores: np.ndarray, overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """Positions that are kept, the best first: each overlaps no better one that is kept by more than `threshold`.

    `scores`: (N,). `overlaps`: (N, N) in [0, 1], as `box_iou` and `mask_iou` give them. Equal scores: the first wins.
    """
    alive = np.ones(len(scores), dtype=bool)
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if alive[i]:
            kept.append(i)
            alive &= overlaps[i] <= threshold
    return np.array(kept, dtype=np.int64)


def box_iou(boxes: np.ndarray) -> np.ndarray:
    """(N, N) float64. Intersection over union of each pair of boxes (N, 4), x0 y0 x1 y1; 0 where both are empty."""
    boxes = boxes.astype(np.float64)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    return _ratio(np.prod(np.clip(high - low, 0, None), axis=2), np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))


def mask_iou(masks: np.ndarray) -> np.ndarray:
    """(N, N) float64. Intersection over union of each pair of masks (N, H, W) bool; 0 where both are empty."""
    flat = masks.reshape(len(masks), masks.shape[1] * masks.shape[2]).astype(np.float32)
    return _ratio((flat @ flat.T).astype(np.float64), flat.sum(axis=1, dtype=np.float64))


def _ratio(intersections: np.ndarray, areas: np.ndarray) -> np.ndarray:
    unions = areas[:, None] + areas[None, :] - intersections
    return np.divide(intersections, unions, out=np.zeros_like(unions), where=unions > 0)
