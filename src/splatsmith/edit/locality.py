"""How much of a picture an edit changed beside its object."""

import numpy as np

CHANGED = 2
"""A pixel has changed if one of its channels differs by more than this, of 255."""
MADE = 0.5
"""Share of a pixel that the object makes up at least, where the pixel is its own."""


def locality(before: np.ndarray, after: np.ndarray, own: np.ndarray) -> dict[str, float]:
    """What changed between two pictures (H, W, 3) uint8 with the object at `own` (H, W) bool.

    object_share: share of the pixels that are the object's. changed_inside, changed_outside: share of its own pixels,
    and of the others, that changed. difference_outside: mean absolute difference over the others, of full scale.
    """
    difference = np.abs(before.astype(np.int16) - after)
    changed = difference.max(axis=2) > CHANGED
    return {
        "object_share": _mean(own),
        "changed_inside": _mean(changed[own]),
        "changed_outside": _mean(changed[~own]),
        "difference_outside": _mean(difference[~own] / 255),
    }


def _mean(values: np.ndarray) -> float:
    """To six digits; 0 of nothing."""
    return round(float(values.mean()), 6) if values.size else 0.0
