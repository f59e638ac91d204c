"""Cameras on the far side of an object, where nobody stood: what a completed object is to be looked at from."""

import math
from dataclasses import replace

import numpy as np

from splatsmith.scenes.cameras import View


def middle(means: np.ndarray) -> np.ndarray:
    """(3,) The middle of what centres (N, 3) span; strays do not count, nor do sides that have more of them."""
    return np.quantile(means, [0.02, 0.98], axis=0).mean(axis=0)


def turned(view: View, center: np.ndarray, up: np.ndarray, turn: float) -> View:
    """The camera of `view` after it went round `center` (3,) about the unit vector `up` (3,) by `turn` radians.

    Its picture is still that of the view that it came from.
    """
    x, y, z = up
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    R = np.eye(3) + math.sin(turn) * cross + (1 - math.cos(turn)) * cross @ cross  # Rodrigues
    T_new_old = np.eye(4)
    T_new_old[:3, :3], T_new_old[:3, 3] = R, center - R @ center
    return replace(view, T_camera_world=view.T_camera_world @ np.linalg.inv(T_new_old))
