"""A placed proxy to be looked at: photo, drawing over the photo, and outlines."""

from collections.abc import Sequence

import numpy as np

from splatsmith.base.lettering import GAP, PAPER
from splatsmith.complete.align.drawn import Placed
from splatsmith.complete.align.sights import Sight

BOTH, MISSING, EXCESS, UNKNOWN = (230, 230, 230), (220, 60, 60), (60, 110, 220), (40, 40, 40)
"""Pixels of mask and drawing, of the mask alone, of the drawing alone, and of neither; unknown ones are dark."""


def sheet_of(placed: Placed, sights: Sequence[Sight]) -> np.ndarray:
    """(H, W, 3) uint8. A row for each sight: the photo, the proxy over it, and how the outlines agree."""
    rows = [_row(placed, sight) for sight in sights]
    width = max(row.shape[1] for row in rows)
    sheet = [np.full((GAP, width, 3), PAPER, np.uint8)]
    for row in rows:
        wide = np.full((row.shape[0], width, 3), PAPER, np.uint8)
        wide[:, : row.shape[1]] = row
        sheet += [wide, sheet[0]]
    return np.concatenate(sheet)


def _row(placed: Placed, sight: Sight) -> np.ndarray:
    drawn = placed.draw(sight)
    over = drawn.rgb + (1 - drawn.alpha[..., None]) * sight.photo * 0.4
    proxy, known = drawn.outline >= 0.5, sight.valid >= 0.5
    agree = np.zeros((*proxy.shape, 3), np.uint8)
    cases = ((proxy & sight.inside, BOTH), (~proxy & sight.inside, MISSING), (proxy & ~sight.inside, EXCESS))
    for where, colour in cases:
        agree[where] = colour
    agree[~known] = agree[~known] // 3 + np.array(UNKNOWN, np.uint8)
    gap = np.full((proxy.shape[0], GAP, 3), PAPER, np.uint8)
    photo, over = (np.round(np.clip(some, 0, 1) * 255).astype(np.uint8) for some in (sight.photo, over))
    return np.concatenate([photo, gap, over, gap, agree], axis=1)
