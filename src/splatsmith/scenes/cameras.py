"""Cameras and views, in the OpenCV convention: x right, y down, z forward; pixel centres at +0.5.

Poses are named by their frames: `T_camera_world` takes world points into the camera's frame.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Camera:
    """An undistorted pinhole camera."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    fx: float
    """Focal length along x, in pixels."""
    fy: float
    """Focal length along y, in pixels."""
    cx: float
    """Principal point, in pixels from the left edge."""
    cy: float
    """Principal point, in pixels from the top edge."""

    @property
    def K(self) -> np.ndarray:
        """(3, 3) float64. Intrinsic matrix, in pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class View:
    """One photo with its camera and pose."""

    name: str
    """Unique name within the scene: the image's file name without its suffix."""
    image: Path
    """Undistorted image of exactly `camera.width` x `camera.height` pixels."""
    camera: Camera
    T_camera_world: np.ndarray
    """(4, 4) float64. Rigid transform from the world to the camera's frame."""

    @cached_property
    def center(self) -> np.ndarray:
        """(3,) float64. The camera's centre in the world frame."""
        return -self.T_camera_world[:3, :3].T @ self.T_camera_world[:3, 3]
