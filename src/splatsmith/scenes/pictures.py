"""Photos on disk: headers, complete decoding, and a fast check for damage.

Rules: three channels of 8 bits come out, whatever is stored (grey is tripled, 16 bits lose the low byte); alpha is
composited on white. Pixels come as they are stored unless `upright` asks for the EXIF orientation to be applied.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
FAULTS = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, MemoryError, OverflowError)
"""What Pillow's decoders raise over broken files."""
MAX_PIXELS = 150_000_000
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # damaged EXIF; damaged pixels raise
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # MAX_PIXELS stands in for it

ORIENTATION = 0x0112
"""EXIF tag."""


@dataclass(frozen=True)
class Header:
    """What a picture's header says."""

    width: int
    """Pixels, as stored."""
    height: int
    """Pixels, as stored."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 means that the stored picture is upright."""
    format: str
    """Pillow's name, e.g. JPEG."""
    plain: bool
    """Whether every reader sees the same 8-bit picture in it: JPEG or PNG, grey or RGB, no alpha, stored upright."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored."""
        return self.width, self.height

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once the EXIF orientation is applied."""
        return (self.height, self.width) if self.orientation >= 5 else self.size


def read_header(path: Path) -> Header:
    """The header of a picture, without decoding it. Raises InputError."""
    with _opened(path) as picture:
        orientation = _exif(picture).get(ORIENTATION, 1)
        orientation = orientation if orientation in range(1, 9) else 1
        simple = picture.mode in ("L", "RGB") and "transparency" not in picture.info
        plain = simple and orientation == 1 and picture.format in ("JPEG", "PNG")
        return Header(*picture.size, orientation, picture.format or "", plain)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height as stored, in pixels. Raises InputError."""
    with _opened(path) as picture:
        return picture.size


def read_picture(path: Path, upright: bool = False) -> np.ndarray:
    """(H, W, 3) uint8 RGB. Raises InputError where the picture is missing, truncated, or of an unknown kind."""
    with _opened(path) as picture:
        picture.load()
        if upright:
            picture = _turned_upright(picture)
        return _rgb_on_white(picture, path)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG, atomically."""
    with files.atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG", compress_level=4)


def write_jpeg(path: Path, image: np.ndarray, quality: int = 90) -> None:
    """Write (H, W, 3) uint8 RGB as a JPEG to look at, atomically."""
    with files.atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, "JPEG", quality=quality)


def check_picture(path: Path) -> Header:
    """The header of a picture whose every byte is there. Raises InputError where it is truncated or corrupt.

    A PNG's chunks are walked and their checksums tested; a JPEG is decoded at an eighth of its size, which reads the
    whole stream at a fraction of the time; others are decoded. A JPEG has no checksums: one that was cut short, and one
    with a broken header or marker, is noticed, but other bytes in the place of its own are just another picture.
    """
    header = read_header(path)
    with _opened(path) as picture:
        if picture.format == "PNG":
            _walk_png(path)
        else:
            picture.draft("L", (max(1, picture.width // 8), max(1, picture.height // 8)))
            picture.load()
    return header


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, and turn whatever Pillow raises over it into an InputError."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                got = f"{picture.width}x{picture.height} pixels"
                raise InputError(
                    Problem("the picture is too large", str(path), "downscale it", f"<= {MAX_PIXELS}", got)
                )
            yield picture
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(Problem("the picture is missing", str(path), "restore it, or remove its view")) from None
    except Image.UnidentifiedImageError:
        fix = "restore the picture, or convert it to JPEG or PNG"
        raise InputError(Problem("the file is not a picture that can be read", str(path), fix)) from None
    except (*FAULTS, struct.error, zlib.error, Image.DecompressionBombError) as error:
        fix = "restore the picture: copy it from the camera or export it again"
        got = " ".join(str(error).split()) or type(error).__name__
        raise InputError(Problem("the picture is truncated or corrupt", str(path), fix, got=got)) from None


def _exif(picture: Image.Image) -> Image.Exif:
    """The EXIF of a picture, without decoding it: a PNG's, if any, stands before the pixels."""
    return picture.getexif() if picture.format != "PNG" or "exif" in picture.info else Image.Exif()


def _turned_upright(picture: Image.Image) -> Image.Image:
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _rgb_on_white(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode.startswith("I;16"):
        return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if picture.mode in ("I", "F"):
        fix = "convert it to 8-bit JPEG or PNG"
        raise InputError(
            Problem("the picture has no 8- or 16-bit channels", str(path), fix, got=f"mode {picture.mode}")
        )
    if not picture.has_transparency_data:
        return np.array(picture.convert("RGB"))
    rgba = np.asarray(picture.convert("RGBA")).astype(np.uint32)
    alpha = rgba[..., 3:]
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _walk_png(path: Path) -> None:
    """Raise ValueError unless the file is a whole series of chunks with right checksums, up to IEND."""
    data = memoryview(path.read_bytes())
    at, kind = 8, b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError("the file ends before its last chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise ValueError(f"the file ends within a chunk at byte {at}")
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(data[at + 4 : at + 8 + length]) != checksum:
            raise ValueError(f"wrong checksum in the chunk at byte {at}")
        at += 12 + length
