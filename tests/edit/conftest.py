"""Labelled scenes: random ones for what is done to rows, and a block on a floor for what is to be seen."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.label_maps import Entry, Legend

FLOOR, BLOCK = (0.6, 0.4, 0.2), (0.1, 0.2, 0.8)
"""Colours, RGB."""
HALF = 0.2
"""Half the side of the block's footprint, which is centred on the origin."""


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Tensors here are tiny, and threads that wait for work would cost many times what they do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def legend() -> Legend:
    """Two objects, of which the mug has a handle."""
    return Legend(
        entries=(Entry(id=3, name="mug"), Entry(id=5, name="can"), Entry(id=9, name="handle", parent=3)),
    )


@pytest.fixture(scope="session")
def labelled() -> Callable[..., Gaussians]:
    """`labelled(n)`: random Gaussians within about 1 of the origin, labelled 0, 3, 5, 9 in turn; `id` is the row."""

    def make(n: int = 40, seed: int = 0, degree: int = 3) -> Gaussians:
        random = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=random)

        return Gaussians(
            means=0.4 * normal(n, 3),
            quats=normal(n, 4),
            log_scales=0.3 * normal(n, 3) - 2.0,
            logit_opacities=normal(n),
            sh=0.4 * normal(n, (degree + 1) ** 2, 3),
            extra={
                "id": torch.arange(n, dtype=torch.int32),
                "label": torch.tensor([0, 3, 5, 9]).repeat(n)[:n].to(torch.uint16),
                "features": normal(n, 2).double(),
            },
        )

    return make


@pytest.fixture(scope="session")
def equal() -> Callable[[Gaussians, Gaussians], None]:
    """`equal(a, b)`: fails unless two scenes have the same columns in the same order, types and bits."""

    def check(a: Gaussians, b: Gaussians) -> None:
        assert list(a.columns) == list(b.columns)
        for name, column in a.columns.items():
            other = b.columns[name]
            assert (name, column.dtype, column.shape) == (name, other.dtype, other.shape)
            assert column.numpy().tobytes() == other.numpy().tobytes(), name

    return check


def sheet(u: np.ndarray, v: np.ndarray, origin: tuple, axes: tuple[int, int], rgb: tuple, label: int) -> Gaussians:
    """Opaque flat Gaussians on a grid of a plane that two axes of the world span."""
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    means = np.tile(np.array(origin, float), (len(grid), 1))
    means[:, axes] += grid
    sigmas = np.full(3, 0.002)
    sigmas[list(axes)] = 0.8 * (u[1] - u[0])
    n = len(grid)
    return Gaussians(
        means=torch.from_numpy(means).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.from_numpy(np.log(sigmas)).float().repeat(n, 1),
        logit_opacities=torch.full((n,), 5.0),
        sh=rgb_to_dc(torch.tensor(rgb)).repeat(n, 1)[:, None],
        extra={"label": torch.full((n,), label, dtype=torch.uint16)},
    )


@pytest.fixture(scope="session")
def block_on_floor() -> Callable[..., Gaussians]:
    """A hollow block (label 1) without a bottom on a floor z = 0 (label 0), which goes on under it if `beneath`."""

    def make(beneath: bool = True) -> Gaussians:
        across, up = np.arange(-0.175, 0.2, 0.05), np.arange(0.025, 0.3, 0.05)
        ground = np.arange(-0.975, 1, 0.05)
        floor = sheet(ground, ground, (0, 0, 0), (0, 1), FLOOR, 0)
        if not beneath:
            outside = (floor.means[:, :2].abs() > HALF).any(dim=1)
            floor = floor.map(lambda column: column[outside])
        sides = [sheet(across, up, (0, y, 0), (0, 2), BLOCK, 1) for y in (-HALF, HALF)]
        sides += [sheet(across, up, (x, 0, 0), (1, 2), BLOCK, 1) for x in (-HALF, HALF)]
        return concat([floor, *sides, sheet(across, across, (0, 0, 0.3), (0, 1), BLOCK, 1)])

    return make


@pytest.fixture(scope="session")
def around() -> tuple[View, ...]:
    """Eight views from all sides that look down on the origin."""
    camera, views = Camera(96, 72, 100.0, 100.0, 48.0, 36.0), []
    for i, azimuth in enumerate(np.linspace(0, 2 * np.pi, 8, endpoint=False)):
        eye = np.array([2 * np.cos(azimuth), 2 * np.sin(azimuth), 1.4])
        pose = look_along(eye, -eye / np.linalg.norm(eye), np.array([0.0, 0.0, 1.0]))
        views.append(View(f"{i}", Path(f"{i}.png"), camera, pose))
    return tuple(views)
