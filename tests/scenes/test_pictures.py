"""Photos: one meaning for every way of storing them, and damage is noticed."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.scenes.pictures import (
    ORIENTATION,
    check_picture,
    picture_size,
    read_header,
    read_picture,
    write_png,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 32, 3), dtype=np.uint8)
ENCODINGS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")


def encoded(format: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_lossless_pixels_come_back(tmp_path, format):
    path = tmp_path / "photo with spaces é"
    path.write_bytes(encoded(format))
    np.testing.assert_array_equal(read_picture(path), RGB)
    assert picture_size(path) == (32, 20)


def test_png_is_written_and_read_back(tmp_path):
    write_png(tmp_path / "a.png", RGB)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), RGB)


def test_grey_is_tripled(tmp_path):
    Image.fromarray(RGB[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), RGB[..., :1].repeat(3, axis=2))


def test_16_bits_lose_the_low_byte(tmp_path):
    Image.fromarray(RGB[..., 0].astype(np.uint16) * 256 + 77).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), RGB[..., :1].repeat(3, axis=2))


def test_alpha_is_composited_on_white(tmp_path):
    alpha = RNG.integers(0, 256, (20, 32, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], axis=2)).save(tmp_path / "a.png")
    a = alpha / 255.0
    expected = RGB * a + 255 * (1 - a)
    assert np.abs(read_picture(tmp_path / "a.png") - expected).max() <= 0.5 + 1e-9
    assert not read_header(tmp_path / "a.png").plain


def test_a_palette_s_transparency_counts_too(tmp_path):
    picture = Image.fromarray(RGB).quantize(8)
    picture.save(tmp_path / "a.png", transparency=0)
    transparent = np.asarray(picture) == 0
    assert transparent.any()
    assert (read_picture(tmp_path / "a.png")[transparent] == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_undoes_the_exif_orientation(tmp_path, orientation):
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    (tmp_path / "a.png").write_bytes(encoded("PNG", exif=exif))
    header, upright = read_header(tmp_path / "a.png"), read_picture(tmp_path / "a.png", upright=True)
    np.testing.assert_array_equal(upright, undo(RGB))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), RGB)
    assert header.upright_size == upright.shape[1::-1]
    assert header.plain == (orientation == 1)


@pytest.mark.parametrize("format", ENCODINGS)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_picture_is_noticed(tmp_path_factory, format, share):
    data = encoded(format)
    path = tmp_path_factory.mktemp("cut") / "a"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError):
        check_picture(path)


@pytest.mark.parametrize("format", ENCODINGS)
def test_a_whole_picture_is_fine(tmp_path, format):
    (tmp_path / "a").write_bytes(encoded(format))
    assert check_picture(tmp_path / "a").size == (32, 20)


@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_one_wrong_byte_in_a_png_s_pixels_is_noticed(tmp_path_factory, at, flip):
    data = bytearray(encoded("PNG"))
    pixels = range(data.index(b"IDAT"), data.index(b"IEND") - 4)
    data[pixels[int(at * len(pixels))]] ^= flip
    path = tmp_path_factory.mktemp("flip") / "a.png"
    path.write_bytes(data)
    with pytest.raises(InputError):
        check_picture(path)


def test_a_huge_picture_is_refused_by_its_header(tmp_path):
    header = bytearray(encoded("BMP"))
    header[18:26] = (40_000).to_bytes(4, "little") * 2
    (tmp_path / "a.bmp").write_bytes(header)
    with pytest.raises(InputError):
        read_picture(tmp_path / "a.bmp")
