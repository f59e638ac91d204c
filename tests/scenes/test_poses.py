"""Laws of rigid transforms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatsmith.scenes.poses import OPENGL_FROM_OPENCV, NotRigidError, inverse, rigid


@st.composite
def transforms(draw) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = Rotation.random(rng=draw(st.integers(0, 10_000))).as_matrix()
    T[:3, 3] = draw(st.tuples(*[st.floats(-1e6, 1e6)] * 3))
    return T


@given(transforms())
def test_a_rigid_transform_is_left_as_it_is(T):
    np.testing.assert_allclose(rigid(T), T, rtol=0, atol=1e-14 * max(1, np.abs(T).max()))
    np.testing.assert_array_equal(rigid(T)[:3, 3], T[:3, 3])


@given(transforms())
def test_the_last_row_may_be_missing(T):
    np.testing.assert_array_equal(rigid(T[:3]), rigid(T))


@given(transforms(), st.integers(0, 1000))
def test_rounding_is_mended(T, seed):
    rounded = T.copy()
    rounded[:3, :3] += np.random.default_rng(seed).uniform(-1e-3, 1e-3, (3, 3))
    R = rigid(rounded)[:3, :3]
    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-14)
    assert np.abs(R - T[:3, :3]).max() < 4e-3


@given(transforms())
def test_the_inverse_undoes(T):
    np.testing.assert_allclose(inverse(T) @ T, np.eye(4), atol=1e-9)


@given(transforms())
def test_opengl_and_opencv_are_an_involution(T):
    there = T @ OPENGL_FROM_OPENCV
    np.testing.assert_array_equal(there @ OPENGL_FROM_OPENCV, T)
    np.testing.assert_array_equal(there[:3, 2], -T[:3, 2])  # forward is the other way along z
    np.testing.assert_array_equal(there[:3, 3], T[:3, 3])  # and the centre stays


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda T: T * np.nan, "it holds NaN or infinity"),
        (lambda T: np.where(T == 0, np.inf, T), "it holds NaN or infinity"),
        (lambda T: T + np.array([[0, 0, 0, 1e12]] * 3 + [[0] * 4]), "it holds 1e+12"),
        (lambda T: T * 2, "its last row is 0 0 0 2"),
        (lambda T: np.diag([2.0, 2, 2, 1]) @ T, "R^T R differs from the identity by 3"),
        (lambda T: np.diag([1.0, 1, 1.2, 1]) @ T, "R^T R differs from the identity by 0.44"),
        (lambda T: np.diag([1.0, 1, -1, 1]) @ T, "it mirrors (its determinant is negative)"),
        (lambda T: T * 0, "its last row is 0 0 0 0"),
    ],
)
def test_anything_else_is_refused(spoil, message):
    with pytest.raises(NotRigidError) as error:
        rigid(spoil(np.eye(4)))
    assert str(error.value) == message
