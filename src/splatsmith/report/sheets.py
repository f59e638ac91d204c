"""Contact sheets that the stages drew, inside a page: as they are if they fit, else reduced."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from splatsmith.base.lettering import reduced
from splatsmith.report.embed import data_uri, jpeg_uri
from splatsmith.report.segmented import Segmented

WIDTHS = (2400, 1600, 1100, 800, 550)
"""Pixels that sheets are reduced to until the page is small enough."""


@dataclass(frozen=True)
class Sheet:
    """A picture in the page."""

    uri: str
    width: int
    """Pixels, as shown."""
    height: int


def embed_sheets(segmented: Segmented, budget: float) -> Mapping[str, Sheet]:
    """By place, the sheets that there are, in about `budget` bytes; of raw masks only where no consistent ones are."""
    data = {
        place: folder.read(name)
        for place, folder in segmented.folders.items()
        for name in ["atlas.jpg" if place == "objects" else "contact.jpg"]
        if name in folder.manifest and not (place == "masks/raw" and "masks/consistent" in segmented.folders)
    }
    sheets: dict[str, Sheet] = {}
    for width in WIDTHS:
        sheets = {place: _sheet(picture, width) for place, picture in data.items()}
        if sum(len(sheet.uri) for sheet in sheets.values()) <= budget:
            break
    return sheets


def _sheet(jpeg: bytes, width: int) -> Sheet:
    image = Image.open(io.BytesIO(jpeg))
    if image.width <= width:
        return Sheet(data_uri(jpeg, "image/jpeg"), *image.size)
    small = reduced(np.asarray(image.convert("RGB")), width)
    return Sheet(jpeg_uri(np.asarray(small), max(small.size)), *small.size)
