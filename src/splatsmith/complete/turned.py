"""Cameras on the far side of an object, where nobody stood: what a completed object is to be looked at from."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from splatsmith.gaussians import Gaussians
from splatsmith.scenes.cameras import View


def extent(gaussians: Gaussians) -> tuple[np.ndarray, float]:
    """Middle (3,) and diagonal of what the Gaussians' centres span; strays do not count, nor do crowded sides more."""
    low, high = np.quantile(gaussians.means.double().cpu().numpy(), [0.02, 0.98], axis=0)
    return (low + high) / 2, float(np.linalg.norm(high - low))


def about(up: np.ndarray, turn: float) -> np.ndarray:
    """(3, 3). The rotation about the unit vector `up` (3,) by `turn` radians."""
    return Rotation.from_rotvec(turn * up).as_matrix()


def turned(view: View, center: np.ndarray, up: np.ndarray, turn: float) -> View:
    """The camera of `view` after it went round `center` (3,) about the unit vector `up` (3,) by `turn` radians.

    Its picture is still that of the view that it came from.
    """
    R = about(up, turn)
    T_new_old = np.eye(4)
    T_new_old[:3, :3], T_new_old[:3, 3] = R, center - R @ center
    return replace(view, T_camera_world=view.T_camera_world @ np.linalg.inv(T_new_old))
