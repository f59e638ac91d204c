"""A small prepared scene of coloured blobs, seen by a ring of cameras, for stages to work on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.points import Points
from splatsmith.scenes.prepared import PreparedScene, Split, write_prepared
from splatsmith.scenes.verdict import Verdict


def ring_views(folder: Path, names: Sequence[str], width: int) -> tuple[View, ...]:
    """Level cameras around the origin, z being up, 3 away and a little above."""
    height = 3 * width // 4
    camera = Camera(width, height, 1.1 * width, 1.1 * width, width / 2, height / 2)
    views = []
    for name, azimuth in zip(names, np.linspace(0, 2 * np.pi, len(names), endpoint=False), strict=True):
        outwards = np.array([np.cos(azimuth), np.sin(azimuth), 0.3])
        outwards /= np.linalg.norm(outwards)
        pose = look_along(3 * outwards, -outwards, np.array([0.0, 0.0, 1.0]))
        views.append(View(name, folder / "images" / f"{name}.png", camera, pose))
    return tuple(views)


@pytest.fixture(scope="session")
def prepared() -> Callable[..., Path]:
    """Write a prepared scene to a folder: views called `names`, of which `test` are held out, `width` pixels wide.

    `told` are fields of its verdict.
    """

    def write(folder: Path, names: Sequence[str], test: Sequence[str], width: int = 40, **told: object) -> Path:
        rng = np.random.default_rng(len(names))
        (folder / "images").mkdir(parents=True)
        views = ring_views(folder, names, width)
        for view in views:
            smooth = Image.fromarray(rng.integers(0, 256, (width // 10, width // 10, 3), dtype=np.uint8))
            smooth.resize((width, 3 * width // 4), Image.Resampling.BICUBIC).save(view.image)
        points = Points(rng.normal(scale=0.3, size=(50, 3)), rng.integers(0, 256, (50, 3), dtype=np.uint8))
        split = Split(tuple(name for name in names if name not in test), tuple(test))
        quality = {"mean_track_length": 3.456, "mean_reprojection_px": 0.5678}
        verdict = Verdict("good", "a test", len(names), len(names), 1.0, len(points), **quality, advice=(), warnings=())
        write_prepared(folder, PreparedScene(views, points, split), replace(verdict, **told).as_dict())
        return folder

    return write
