"""Quick pictures of points: which point each working pixel shows, hence outline and colours, without a rasterizer."""

from collections.abc import Sequence

import numpy as np

from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.sights import Sight

SPLAT = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
"""Pixels around its own that a point covers."""
COLOUR = 1.0
"""Weight of unlike colours beside that of unlike outlines."""


def shown(points: np.ndarray, sight: Sight) -> np.ndarray:
    """(h, w) int. The point (N, 3) of the world that is nearest in each pixel, of those within a pixel; -1 for none."""
    pixels, z = sight.project(points)
    order = np.argsort(-z, kind="stable")  # the nearest is written last
    order = order[z[order] > 0]
    covered = np.floor(pixels[order]).astype(np.int64)[:, None, :] + SPLAT
    width, height = sight.size
    inside = ((covered >= 0) & (covered < (width, height))).all(axis=-1)
    image = np.full(height * width, -1)
    image[(covered[..., 1] * width + covered[..., 0])[inside]] = np.broadcast_to(order[:, None], inside.shape)[inside]
    return image.reshape(height, width)


def overlap(drawn: np.ndarray, sight: Sight) -> float:
    """Soft IoU of a silhouette (h, w) in [0, 1] and the mask, over what is known of the sight."""
    both = (sight.valid * np.minimum(drawn, sight.mask)).sum()
    either = (sight.valid * np.maximum(drawn, sight.mask)).sum()
    return float(both / max(either, 1e-9))


def likeness(points: np.ndarray, colors: np.ndarray, pose: Pose, sights: Sequence[Sight]) -> float:
    """Mean overlap in the sights, less a share of how unlike the colours are; points (N, 3) of the body."""
    world, overlaps, seen, photo = pose.apply(points), [], [], []
    for sight in sights:
        nearest = shown(world, sight)
        overlaps.append(overlap((nearest >= 0).astype(np.float32), sight))
        both = (nearest >= 0) & sight.inside
        seen.append(colors[nearest[both]])
        photo.append(sight.photo[both])
    return float(np.mean(overlaps)) - COLOUR * unlike(np.concatenate(seen), np.concatenate(photo))


def unlike(drawn: np.ndarray, photo: np.ndarray) -> float:
    """Mean absolute difference of colours (N, 3) after the drawn ones are adjusted; 0.3 where there are none."""
    if len(drawn) < 3:
        return 0.3
    gain, bias = adjustment(drawn, photo)
    return float(np.abs(gain * drawn + bias - photo).mean())


def adjustment(drawn: np.ndarray, photo: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Gain (3,) and bias (3,) of each channel that bring drawn colours (N, 3) closest to the photo's (N, 3).

    The light of a generated proxy is never quite that of the scene. Gains stay within a factor of 2: colours that tell
    nothing must not be explained away.
    """
    w = np.ones(len(drawn)) if weights is None else weights
    w = w[:, None] / max(w.sum(), 1e-9)
    mean_d, mean_p = (w * drawn).sum(axis=0), (w * photo).sum(axis=0)
    spread = (w * (drawn - mean_d) ** 2).sum(axis=0)
    together = (w * (drawn - mean_d) * (photo - mean_p)).sum(axis=0)
    gain = np.clip((together + 1e-3) / (spread + 1e-3), 0.5, 2.0)
    return gain, mean_p - gain * mean_d
