"""What the tests of tools share: checkouts with stand-ins for the tools' packages, and all that belongs to them."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def fakes() -> SimpleNamespace:
    """Names defined by fakes.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "fakes.py")))


@pytest.fixture
def set_up(tmp_path, fakes, monkeypatch) -> Callable:
    """Name of a tool to where it has been set up."""
    return lambda name: fakes.set_up(name, tmp_path, monkeypatch)
