"""Rigid transforms as files have them: checked, made exactly rigid, and brought to OpenCV's axes."""

import numpy as np

OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""(4, 4). Flips y and z: OpenGL's camera looks along -z with y up, OpenCV's along +z with y down. Its own inverse."""

TOLERANCE = 1e-2
"""How far R^T R may be from the identity: files with few digits pass, scaled or sheared matrices do not."""

MAX_COORDINATE = 1e9
"""In scene units. Whatever lies farther is no scene but a broken file."""


class NotRigidError(ValueError):
    """The matrix is no rigid transform. The message says what it is."""


def rigid(matrix: np.ndarray) -> np.ndarray:
    """(4, 4) float64: the rigid transform nearest to `matrix` ((4, 4), or (3, 4) without the last row).

    Raises NotRigidError where `matrix` holds NaN or infinity, scales, shears or mirrors.
    """
    T = np.eye(4)
    T[: len(matrix)] = matrix
    if not np.isfinite(T).all():
        raise NotRigidError("it holds NaN or infinity")
    if np.abs(T).max() > MAX_COORDINATE:
        raise NotRigidError(f"it holds {T.flat[np.abs(T).argmax()]:.3g}")
    if np.abs(T[3] - [0, 0, 0, 1]).max() > TOLERANCE:
        raise NotRigidError(f"its last row is {_short(T[3])}")
    R = T[:3, :3]
    error = np.abs(R.T @ R - np.eye(3)).max()
    if error > TOLERANCE:
        raise NotRigidError(f"R^T R differs from the identity by {error:.3g}")
    U, _, Vt = np.linalg.svd(R)
    if np.linalg.det(U @ Vt) < 0:
        raise NotRigidError("it mirrors (its determinant is negative)")
    T[:3, :3], T[3] = U @ Vt, [0, 0, 0, 1]
    return T


def inverse(T: np.ndarray) -> np.ndarray:
    """(4, 4). Inverse of a rigid transform."""
    inverted = np.eye(4)
    inverted[:3, :3] = T[:3, :3].T
    inverted[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return inverted


def _short(row: np.ndarray) -> str:
    return " ".join(f"{value:.3g}" for value in row)
