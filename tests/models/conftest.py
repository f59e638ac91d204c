"""What the tests of the adapters share; `models_dir` with its tiny models is that of all tests."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from splatsmith.models.checkpoints import Checkpoint, find_checkpoint


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_thread) -> None:
    """For every test here."""


@pytest.fixture(scope="session")
def reference() -> SimpleNamespace:
    """Names defined by reference.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "reference.py")))


@pytest.fixture(scope="session")
def golden(reference) -> dict[str, np.ndarray]:
    """What the official code made of the same inputs."""
    with np.load(reference.GOLDEN) as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def checkpoint(models_dir):
    """Backend's name to its checkpoint."""
    return lambda backend: find_checkpoint(backend, models_dir)


@pytest.fixture
def broken(tmp_path, checkpoint):
    """A copy of a backend's folder whose tensors are first given to a function that may change them."""
    from safetensors.torch import load_file, save_file

    def make(backend: str, change) -> Checkpoint:
        folder = tmp_path / "models" / backend
        folder.mkdir(parents=True)
        for file in checkpoint(backend).files:
            (folder / file.name).write_bytes(file.read_bytes())
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return find_checkpoint(backend, tmp_path / "models")

    return make


@pytest.fixture(scope="session")
def picture(reference) -> np.ndarray:
    """(90, 150, 3) uint8."""
    return reference.picture(90, 150)


@pytest.fixture(scope="session")
def clip(reference) -> list[np.ndarray]:
    """Frames of 60x80 pixels."""
    return [reference.picture(60, 80, seed) for seed in range(9)]
