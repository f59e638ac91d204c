"""Nine degrees of freedom: turn, stretch along the proxy's own axes, shift.

    x_world = A p + t,  A = R diag(exp a)

A step is (omega, tau, alpha), each (3,): R <- exp([omega]x) R, t <- t + unit tau, a <- a + alpha. Lengths in units of
the object make the nine numbers alike in size. Only rotations are searched, no reflections: a mirrored proxy has to
be mirrored back before.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True, eq=False)
class Pose:
    """Where something stands."""

    R: np.ndarray
    """(3, 3). Rotation from the proxy's frame to the world's."""
    a: np.ndarray
    """(3,). Natural logs of the scales along the proxy's axes."""
    t: np.ndarray
    """(3,). Where the proxy's origin is, in the world."""

    @property
    def A(self) -> np.ndarray:
        """(3, 3). R diag(exp a)."""
        return self.R * np.exp(self.a)

    @property
    def T(self) -> np.ndarray:
        """(4, 4). T_world_proxy."""
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = self.A, self.t
        return T

    @property
    def scale(self) -> float:
        """Geometric mean of the three scales."""
        return float(np.exp(self.a.mean()))

    @property
    def anisotropy(self) -> float:
        """The largest factor between one scale and their mean; 1 for a similarity."""
        return float(np.exp(np.abs(self.a - self.a.mean()).max()))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) points of the proxy -> (..., 3) in the world."""
        return points @ self.A.T + self.t

    def invert(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) points of the world -> (..., 3) in the proxy's frame."""
        return (points - self.t) @ self.R / np.exp(self.a)

    def step(self, delta: np.ndarray, unit: float) -> "Pose":
        """The pose after a step (9,) = omega in radians, tau in units, alpha."""
        R = Rotation.from_rotvec(delta[:3]).as_matrix() @ self.R
        return Pose(R, self.a + delta[6:], self.t + unit * delta[3:6])

    def turned(self, R: np.ndarray, about: np.ndarray) -> "Pose":
        """The pose after the world turns by R (3, 3) about a point (3,)."""
        return Pose(R @ self.R, self.a, R @ (self.t - about) + about)


def similarity(R: np.ndarray, scale: float, t: np.ndarray) -> Pose:
    """The pose x -> scale R x + t."""
    return Pose(R, np.full(3, np.log(scale)), t)


def pose_of(T: np.ndarray) -> Pose:
    """The nine numbers of T = [R diag(s), t] (4, 4). Raises ValueError where it mirrors, or shears the proxy's axes."""
    scales = np.linalg.norm(T[:3, :3], axis=0)
    if scales.min() <= 0:
        raise ValueError("a scale is zero")
    R = T[:3, :3] / scales
    if not np.allclose(R.T @ R, np.eye(3), atol=1e-4):
        raise ValueError("it shears: its columns are not at right angles")
    if np.linalg.det(R) < 0:
        raise ValueError("it mirrors: its determinant is negative")
    return Pose(R, np.log(scales), T[:3, 3].copy())


def angle_between(A: np.ndarray, B: np.ndarray) -> float:
    """Degrees from one rotation (3, 3) to another."""
    return float(np.degrees(Rotation.from_matrix(A @ B.T).magnitude()))
