"""Columns beside a PLY: they come back bit for bit, and for no other PLY."""

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from splatsmith.base.errors import InputError
from splatsmith.base.sidecar import read_sidecar, write_sidecar


@given(
    column=hnp.arrays(
        st.sampled_from([np.uint16, np.float16, np.float32, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0),
    )
)
def test_columns_come_back_bit_for_bit(tmp_path_factory, column):
    folder = tmp_path_factory.mktemp("sidecar")
    (folder / "a.ply").write_bytes(b"rows")
    write_sidecar(folder / "a.npz", folder / "a.ply", column=column, other=np.arange(3))
    (again,) = read_sidecar(folder / "a.npz", folder / "a.ply", ["column"])
    assert (again.dtype, again.shape, again.tobytes()) == (column.dtype, column.shape, column.tobytes())


def test_another_ply_is_refused_and_a_copy_is_not(tmp_path):
    for name, rows in (("a.ply", b"rows"), ("copy.ply", b"rows"), ("b.ply", b"others")):
        (tmp_path / name).write_bytes(rows)
    write_sidecar(tmp_path / "a.npz", tmp_path / "a.ply", column=np.arange(3))
    read_sidecar(tmp_path / "a.npz", tmp_path / "copy.ply", ["column"])
    with pytest.raises(InputError, match="those of another PLY") as error:
        read_sidecar(tmp_path / "a.npz", tmp_path / "b.ply", ["column"])
    assert len(error.value.problems) == 1


def test_objects_are_never_unpickled(tmp_path):
    (tmp_path / "a.ply").write_bytes(b"rows")
    write_sidecar(tmp_path / "a.npz", tmp_path / "a.ply", column=np.array([{}], object))
    with pytest.raises(InputError, match="missing or damaged"):
        read_sidecar(tmp_path / "a.npz", tmp_path / "a.ply", ["column"])
