"""Coarser grids than for real objects: the laws are the same, and seconds are saved."""

from collections.abc import Iterator

import pytest

from splatsmith.complete.proxies.hullsym import grid


@pytest.fixture(autouse=True, scope="package")
def coarse() -> Iterator[None]:
    """Half the cells along each side."""
    patch = pytest.MonkeyPatch()
    patch.setattr(grid, "CELLS", 48)
    yield
    patch.undo()
