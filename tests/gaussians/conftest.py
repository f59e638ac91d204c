"""Random scenes for every test of this folder."""

from collections.abc import Callable, Iterator

import pytest
import torch

from splatsmith.gaussians import Gaussians


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Tensors here are tiny, and threads that wait for work would cost many times what they do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_scene(n: int, *, degree: int = 3, seed: int = 0, dtype: torch.dtype = torch.float32, **extra) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    return Gaussians(
        means=normal(n, 3),
        quats=normal(n, 4),
        log_scales=normal(n, 3) - 2,
        logit_opacities=normal(n),
        sh=normal(n, (degree + 1) ** 2, 3),
        extra=extra,
    )


@pytest.fixture(scope="session")
def scene() -> Callable[..., Gaussians]:
    """`scene(n, degree=3, seed=0, dtype=torch.float32, **extra)`: a random scene, the same for equal arguments."""
    return make_scene


@pytest.fixture(scope="session")
def labelled() -> Callable[..., Gaussians]:
    """`labelled(n, ...)`: a random scene with extra columns of several types; `id` is the number of the row."""

    def make(n: int, **arguments) -> Gaussians:
        features = torch.randn((n, 4), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        label = (torch.arange(n) % 3).to(torch.uint16)
        return make_scene(n, **arguments, id=torch.arange(n, dtype=torch.int32), label=label, features=features)

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
