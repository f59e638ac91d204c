"""What lies between the scene and the image: how Gaussians are projected, and what they become."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Projection:
    """Everything that decides where a Gaussian lands, but the Gaussian itself."""

    T_camera_world: Tensor
    """(4, 4). Rigid transform from the world to the camera's frame (OpenCV: x right, y down, z forward)."""
    K: Tensor
    """(3, 3). Intrinsic matrix, in pixels; pixel centres at +0.5."""
    width: int
    height: int
    near: float
    far: float
    eps2d: float
    radius_clip: float
    antialiased: bool

    @property
    def center(self) -> Tensor:
        """(3,). The camera's centre in the world frame."""
        return -self.T_camera_world[:3, :3].T @ self.T_camera_world[:3, 3]


@dataclass(frozen=True)
class Splats:
    """Gaussians projected into one image. Rows with radius 0 are not visible, and hold nothing of meaning."""

    means2d: Tensor
    """(N, 2). Centres, in pixels."""
    conics: Tensor
    """(N, 3). Inverse of the projected covariance as xx, xy, yy, in 1/pixel^2."""
    depths: Tensor
    """(N,). Camera z of the centres, in scene units."""
    compensations: Tensor | None
    """(N,). Factor on the opacity that undoes the widening by eps2d; None unless antialiased."""
    radii: Tensor
    """(N, 2) int32. Half the size of the box around a splat, along x and y, in pixels; 0 where it is not visible."""
