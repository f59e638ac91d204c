"""Which views show an object, and which shows it best: what its picture in the atlas is cut from.

Only views count that have masks of their own. The label maps of the others are drawn from what was lifted from these,
and bear no witness to it; `views.json` beside the maps tells which is which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed_json
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import MOST_ID, Legend, read_label_map

FEWEST_PIXELS = 16
"""Of an object in a view that counts as showing it."""
CUT_OFF = 0.5
"""What the pixels of an object count for that runs out of the picture."""

Box = tuple[int, int, int, int]
"""x0 y0 x1 y1 in pixels, the last two exclusive."""


class _Origin(BaseModel):
    """A view's entry in `views.json`; further keys are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    origin: Literal["given", "repaired", "rendered"]


@dataclass(frozen=True)
class Sighting:
    """How the label maps show one object, its parts included."""

    views: int
    """How many views show it."""
    view: str | None = None
    """Name of the view that shows most of it, preferably whole; None where no view does."""
    box: Box | None = None
    """The smallest box around it in that view."""


def read_map(folder: Path, view: View) -> np.ndarray:
    """(H, W) uint16: the label map of a view in `folder`. Raises InputError."""
    return read_label_map(folder / f"{view.name}.png", (view.camera.width, view.camera.height))


def witnesses(folder: Path, views: Sequence[View]) -> list[View]:
    """Those of `views` whose label maps in `folder` come from masks of their own. Raises InputError."""
    path = folder / "views.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        fix = "redo the stage that makes the label maps"
        raise InputError(
            Problem("the origin of the label maps cannot be read", str(path), fix, got=str(error))
        ) from None
    told = typed_json(dict[str, _Origin], text, str(path))
    return [view for view in views if view.name in told and told[view.name].origin != "rendered"]


def sightings(folder: Path, views: Sequence[View], legend: Legend) -> Mapping[int, Sighting]:
    """By number of the legend, how the label maps of `views` in `folder` show it. Raises InputError."""
    families = {entry.id: legend.family(entry.id) for entry in legend.entries}
    pixels = np.zeros((len(views), len(families)), int)
    cut_off = np.zeros(pixels.shape, bool)
    for i, view in enumerate(views):
        labels = read_map(folder, view)
        counts = np.bincount(labels.ravel(), minlength=MOST_ID + 1)
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        for j, family in enumerate(families.values()):
            pixels[i, j] = counts[list(family)].sum()
        cut_off[i] = [np.isin(family, border).any() for family in families.values()]
    pixels[pixels < FEWEST_PIXELS] = 0
    shown, worth = (pixels > 0).sum(0).tolist(), pixels * np.where(cut_off, CUT_OFF, 1)
    return {
        id: _sighting(folder, count, views[worth[:, j].argmax()], family) if count else Sighting(0)
        for j, (count, (id, family)) in enumerate(zip(shown, families.items(), strict=True))
    }


def portrait(photo: np.ndarray, mask: np.ndarray, box: Box, colour: tuple[int, int, int]) -> np.ndarray:
    """(h, w, 3) uint8: `photo` (H, W, 3) cut to `box` with a margin, outlined in `colour`, dimmed outside `mask`."""
    margin = max(4, round(0.12 * max(box[2] - box[0], box[3] - box[1])))
    rows = slice(max(0, box[1] - margin), box[3] + margin)
    columns = slice(max(0, box[0] - margin), box[2] + margin)
    photo, mask = photo[rows, columns], mask[rows, columns]
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    picture = np.where(mask[..., None], photo, (photo * 0.35 + 80).astype(np.uint8))
    return np.where((mask & ~inner)[..., None], np.uint8(colour), picture)


def _sighting(folder: Path, count: int, view: View, family: tuple[int, ...]) -> Sighting:
    rows, columns = np.nonzero(np.isin(read_map(folder, view), family))
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return Sighting(count, view.name, box)
