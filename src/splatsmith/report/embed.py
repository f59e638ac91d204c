"""Files inside a page: pictures and videos as data URIs."""

import base64
import io

import numpy as np
from PIL import Image

JPEG_QUALITY = 88


def data_uri(data: bytes, kind: str) -> str:
    """`data` of the MIME type `kind` as a URI that holds it."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def jpeg_uri(picture: np.ndarray, side: int) -> str:
    """(H, W, 3) uint8 RGB as a JPEG, reduced to at most `side` pixels along the longer side."""
    image = Image.fromarray(picture)
    if max(image.size) > side:
        factor = side / max(image.size)
        size = tuple(max(1, round(length * factor)) for length in image.size)
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return data_uri(buffer.getvalue(), "image/jpeg")
