"""A scene whose cameras go round, and that tells a fake model where it is: every pixel of view i has the value i."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.pictures import write_png
from splatsmith.scenes.points import no_points
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.split import Split

SIZE = (48, 64)
"""Height and width of its pictures."""


def looking_in(angle: float) -> np.ndarray:
    """(4, 4). T_camera_world of a camera on the unit circle that looks at its middle."""
    outward = np.array([np.cos(angle), np.sin(angle), 0.0])
    forward, down = -outward, np.array([0.0, 0.0, -1.0])
    T = np.eye(4)
    T[:3, :3] = np.stack([np.cross(down, forward), down, forward])
    T[:3, 3] = -T[:3, :3] @ outward
    return T


@pytest.fixture
def orbit(tmp_path) -> Callable[..., PreparedScene]:
    """A scene of `count` views on half a circle, called v00, v01, ... `picture`: what view i shows."""

    def make(count: int = 12, picture: Callable[[int], np.ndarray] | None = None) -> PreparedScene:
        camera, views = Camera(SIZE[1], SIZE[0], 50.0, 50.0, SIZE[1] / 2, SIZE[0] / 2), []
        for i in range(count):
            path: Path = tmp_path / "images" / f"v{i:02}.png"
            path.parent.mkdir(exist_ok=True)
            write_png(path, np.full((*SIZE, 3), i, np.uint8) if picture is None else picture(i))
            views.append(View(path.stem, path, camera, looking_in(np.pi * i / count)))
        return PreparedScene(tuple(views), no_points(), Split(tuple(view.name for view in views), ()))

    return make
