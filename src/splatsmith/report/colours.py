"""Numbers per pixel as colours, and back and forth between pictures as floats and as bytes."""

from functools import cache

import numpy as np

ERROR_FULL = 0.125
"""Mean absolute error per pixel, of full scale, that has the last colour of the scale."""
SEEN = 0.5
"""A pixel less opaque than this has no depth worth showing."""


def as_bytes(image: np.ndarray) -> np.ndarray:
    """uint8 of a float picture in [0, 1], clamped, rounded to nearest."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def error_picture(photo: np.ndarray, render: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the mean over RGB of |photo - render|, both (H, W, 3) uint8; black is 0, yellow `ERROR_FULL`."""
    error = np.abs(photo.astype(np.int16) - render).mean(axis=2) / 255
    return scale("inferno")[as_bytes(error / ERROR_FULL)]


def depth_picture(depth: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, tuple[float, float] | None]:
    """(H, W, 3) uint8, bright for near, linear in 1/depth; and the depths of the brightest and darkest colour.

    depth, alpha: (H, W), camera z in scene units and opacity. Black, and no depths, where nothing opaque is seen.
    """
    seen = (alpha > SEEN) & (depth > 0)
    if not seen.any():
        return np.zeros((*depth.shape, 3), np.uint8), None
    near, far = np.percentile(depth[seen], (1, 99))
    nearness = (1 / np.where(seen, depth, far) - 1 / far) / max(1 / near - 1 / far, 1e-12)
    picture = np.where(seen[..., None], scale("viridis")[as_bytes(nearness)], 0).astype(np.uint8)
    return picture, (float(near), float(far))


@cache
def scale(name: str) -> np.ndarray:
    """(256, 3) uint8: one of matplotlib's colour scales."""
    import matplotlib

    return matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
