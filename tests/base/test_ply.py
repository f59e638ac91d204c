"""Vertices of any PLY come as they are, mapped and not copied. (Broken files: tests/gaussians.)"""

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from splatsmith.base.errors import InputError
from splatsmith.base.ply import read_vertices

TYPES = [("x", "f8"), ("red", "u1"), ("label", "i2"), ("w", "f4")]


@pytest.fixture
def rows() -> np.ndarray:
    rows = np.zeros(7, TYPES)
    for i, (name, _) in enumerate(TYPES):
        rows[name] = np.arange(7) + 10 * i
    return rows


@pytest.mark.parametrize("options", [{"byte_order": "<"}, {"byte_order": ">"}, {"text": True}])
def test_properties_keep_order_type_and_value(tmp_path, rows, options):
    path = tmp_path / "points.ply"
    PlyData([PlyElement.describe(rows, "vertex")], **options).write(str(path))
    read = read_vertices(path)
    assert read.dtype.newbyteorder("=") == rows.dtype
    np.testing.assert_array_equal(read.astype(rows.dtype), rows)
    with pytest.raises(ValueError, match="read-only"):
        read["x"][0] = 1
    assert isinstance(read, np.memmap) != options.get("text", False)


def test_claims_are_checked_before_anything_is_read(tmp_path, rows):
    path = tmp_path / "points.ply"
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(str(path))
    path.write_bytes(path.read_bytes().replace(b"vertex 7", b"vertex 8"))
    with pytest.raises(InputError, match="disagree on the number of rows"):
        read_vertices(path)
