"""Any finite numbers give a finite image: nothing crashes, nothing is written out of bounds, nothing becomes NaN."""

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splatsmith.render import rasterize

EXTREME = st.sampled_from([0.0, 1e-38, 1e-20, 1e-6, 1e-3, 0.1, 1.0, 3.0, 1e3, 1e6, 1e12, 1e25, 3e38])
SIGNED = st.builds(lambda size, sign: size * sign, EXTREME, st.sampled_from([1.0, -1.0]))


def row(numbers, count):
    return st.lists(numbers, min_size=count, max_size=count)


GAUSSIAN = st.tuples(row(SIGNED, 3), row(SIGNED, 4), row(EXTREME, 3), st.sampled_from([0.0, 1 / 255, 0.3, 0.999, 1.0]))


@settings(max_examples=200)
@given(
    gaussians=st.lists(GAUSSIAN, min_size=1, max_size=6), eps2d=st.sampled_from([0.0, 0.3]), antialiased=st.booleans()
)
def test_any_finite_numbers(gaussians, eps2d, antialiased):
    means, quats, scales, opacities = (torch.tensor(column) for column in zip(*gaussians, strict=True))
    rendered = rasterize(
        means,
        quats,
        scales,
        opacities,
        torch.ones(len(means), 2),
        T_camera_world=torch.eye(4),
        K=torch.tensor([[30.0, 0, 20], [0, 30, 12], [0, 0, 1]]),
        width=41,
        height=25,
        eps2d=eps2d,
        antialiased=antialiased,
        depth=True,
    )
    assert rendered.image.isfinite().all()
    assert rendered.depth.isfinite().all()
    assert rendered.alpha.min() >= 0
    assert rendered.alpha.max() < 1
    assert rendered.radii.min() >= 0


@pytest.mark.slow
def test_no_kernel_reads_or_writes_out_of_bounds(tmp_path):
    """The tests against the oracle once more, with an index check compiled into every access."""
    chosen = "border or huge or odd_image or True-0 or accumulated or weights0"
    files = [
        os.path.join(os.path.dirname(__file__), f"test_{name}.py") for name in ("cpu_against_oracle", "photometric")
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", chosen, *files]
    checked = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=checked, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
    assert any(tmp_path.rglob("*.nbi")), "the kernels were compiled anew"
