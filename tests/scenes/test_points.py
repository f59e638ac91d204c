"""Point clouds: nothing is lost on the way through a PLY."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from splatsmith.base.errors import InputError
from splatsmith.scenes.points import Points, no_points, read_points, write_points


@given(st.integers(0, 20).flatmap(lambda n: arrays.arrays(np.float64, (n, 3), elements=st.floats(-1e9, 1e9))))
def test_round_trip_is_exact(tmp_path_factory, xyz):
    rgb = np.random.default_rng(0).integers(0, 256, xyz.shape, dtype=np.uint8)
    path = tmp_path_factory.mktemp("points") / "points.ply"
    write_points(path, Points(xyz, rgb))
    read_back = read_points(path)
    np.testing.assert_array_equal(read_back.xyz, xyz)
    np.testing.assert_array_equal(read_back.rgb, rgb)


def test_no_points(tmp_path):
    write_points(tmp_path / "a.ply", no_points())
    assert len(read_points(tmp_path / "a.ply")) == 0


HEADER = "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\nend_header\n"


def test_text_without_colours_is_grey_and_points_at_infinity_are_left_out(tmp_path):
    (tmp_path / "a.ply").write_text(HEADER.format(4) + "1 2 3\nnan 0 0\ninf 0 0\n4 5 1e30\n")
    points = read_points(tmp_path / "a.ply")
    assert points.xyz.tolist() == [[1, 2, 3]]
    assert points.rgb.tolist() == [[128, 128, 128]]


@pytest.mark.parametrize("count", ["2", "1000000000000", "99999999999999999999999", "-1", "x"])
def test_lying_counts_are_refused(tmp_path, count):
    (tmp_path / "a.ply").write_text(HEADER.format(count) + "1 2 3\n")
    with pytest.raises(InputError):
        read_points(tmp_path / "a.ply")
