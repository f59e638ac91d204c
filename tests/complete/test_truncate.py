"""Truncation drops what is hardly opaque, and nothing else."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.base.outcome import Unusable
from splatsmith.complete.truncate import truncated
from splatsmith.gaussians import Gaussians

thresholds = st.floats(0, 1)


def proxy(n: int = 200, seed: int = 0) -> Gaussians:
    random = torch.Generator().manual_seed(seed)
    return Gaussians(
        means=torch.randn(n, 3, generator=random),
        quats=torch.randn(n, 4, generator=random),
        log_scales=torch.randn(n, 3, generator=random),
        logit_opacities=3 * torch.randn(n, generator=random),
        sh=torch.randn(n, 4, 3, generator=random),
        extra={"provenance": torch.arange(n).to(torch.uint8)},
    )


@given(thresholds)
def test_what_is_kept_is_opaque_and_in_its_order(threshold):
    given_proxy = proxy()
    try:
        left = truncated(given_proxy, threshold)
    except Unusable:
        assert not (given_proxy.opacities >= threshold).any()
        return
    rows = [i for i, opacity in enumerate(given_proxy.opacities.tolist()) if opacity >= threshold]
    for name, column in given_proxy.columns.items():
        assert torch.equal(left.columns[name], column[rows]), name


@given(thresholds, thresholds)
def test_truncating_twice_is_truncating_once_at_the_higher(a, b):
    try:
        twice = truncated(truncated(proxy(), a), b)
    except Unusable:
        with pytest.raises(Unusable):
            truncated(proxy(), max(a, b))
    else:
        assert torch.equal(twice.means, truncated(proxy(), max(a, b)).means)


def test_nothing_is_dropped_at_zero():
    assert torch.equal(truncated(proxy(), 0.0).means, proxy().means)


def test_a_proxy_without_anything_opaque_is_unusable():
    faint = replace(proxy(), logit_opacities=torch.full((200,), -4.0))
    with pytest.raises(Unusable, match="as opaque as 0.1; the most opaque one has 0.018"):
        truncated(faint, 0.1)
    with pytest.raises(Unusable, match="no Gaussians"):
        truncated(proxy(0), 0.0)


@pytest.mark.parametrize("column", ["means", "logit_opacities", "log_scales", "quats", "sh"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_proxy_that_is_not_finite_is_unusable(column, value):
    damaged = getattr(proxy(), column).clone()
    damaged[3] = value
    with pytest.raises(Unusable, match="NaN or infinite"):
        truncated(replace(proxy(), **{column: damaged}), 0.1)
