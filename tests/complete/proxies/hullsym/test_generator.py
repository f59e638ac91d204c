"""The whole way: what is seen of a body stays, what is not is closed, and the world's frame does not matter."""

import numpy as np
import pytest
import torch

from splatsmith.base.outcome import Unusable
from splatsmith.complete.provenance import HULL, MIRRORED, OBSERVED
from splatsmith.complete.proxies.hullsym import HullSym
from splatsmith.gaussians.ops import select
from splatsmith.render import render_view


def alpha(gaussians, view) -> np.ndarray:
    with torch.no_grad():
        return render_view(gaussians, view.camera, view.T_camera_world).alpha.numpy() > 0.5


def iou(gaussians, body, view) -> float:
    drawn, true = alpha(gaussians, view), body.depth(view)[0] > 0
    return (drawn & true).sum() / (drawn | true).sum()


@pytest.fixture(scope="module")
def half_seen(tools, lopsided, tmp_path_factory):
    """A body seen from a third of the circle."""
    return tools.asked(lopsided, tools.ring(9, np.radians(120)), tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def proxy(half_seen):
    return HullSym().generate(half_seen)


def test_what_is_said_of_it_is_true(proxy, half_seen):
    assert (proxy.kind, proxy.aligned) == ("visual_hull_sym", True)
    provenance = proxy.gaussians.extra["provenance"]
    assert provenance.dtype == torch.uint8
    assert set(provenance.tolist()) <= {OBSERVED, MIRRORED, HULL}
    assert all(column.isfinite().all() for column in proxy.gaussians.columns.values())
    assert proxy.facts["support"]
    assert not (provenance == MIRRORED).any() or proxy.facts["symmetry"]


def test_the_seen_side_stays_where_it_was(proxy, half_seen):
    own = select(proxy.gaussians, proxy.gaussians.extra["provenance"] == OBSERVED)
    before = {tuple(row) for row in half_seen.subject.observed.means.tolist()}
    after = {tuple(row) for row in own.means.tolist()}
    assert after <= before
    assert len(after) > 0.95 * len(before)


def test_the_unseen_side_is_closed(proxy, half_seen, tools, lopsided):
    behind = tools.ring(8)[3:6]
    for view in behind:
        before, after = iou(half_seen.subject.observed, lopsided, view), iou(proxy.gaussians, lopsided, view)
        assert after > 0.75
        assert after > before


def test_nothing_stands_in_front_of_what_was_seen(proxy, half_seen):
    """In its photos, the proxy has the colours that the object had."""
    for one in half_seen.observations[::4]:
        with torch.no_grad():
            before, after = (
                render_view(some, one.view.camera, one.view.T_camera_world).image.numpy()
                for some in (half_seen.subject.observed, proxy.gaussians)
            )
        inner = one.mask & (alpha(half_seen.subject.observed, one.view))
        assert np.abs(before - after)[inner].mean() < 0.03


def test_a_similarity_of_the_world_moves_the_proxy_with_it(half_seen, proxy, tools):
    a = np.radians(40)
    R = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]) @ np.array(
        [[np.cos(1), -np.sin(1), 0], [np.sin(1), np.cos(1), 0], [0, 0, 1]]
    )
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = 2.5 * R, [3.0, -1.0, 0.5]
    other = HullSym().generate(tools.moved(half_seen, T))
    back = (other.surface.vertices - T[:3, 3]) @ T[:3, :3] / 2.5**2
    for axis in range(3):
        ours, theirs = (np.quantile(some[:, axis], [0, 0.25, 0.5, 0.75, 1]) for some in (proxy.surface.vertices, back))
        np.testing.assert_allclose(theirs, ours, atol=0.03)
    for name in ("support", "depth_from_width"):
        assert other.facts[name] == proxy.facts[name]


def test_twice_the_same_is_the_same(half_seen, proxy):
    again = HullSym().generate(half_seen)
    for name, column in proxy.gaussians.columns.items():
        assert torch.equal(again.gaussians.columns[name], column), name


def test_what_is_seen_from_all_sides_is_no_worse(tools, lopsided, tmp_path):
    request = tools.asked(lopsided, tools.ring(12), tmp_path)
    proxy = HullSym().generate(request)
    assert not proxy.facts["depth_from_width"]
    for view in tools.ring(7):
        assert iou(proxy.gaussians, lopsided, view) > iou(request.subject.observed, lopsided, view) - 0.01


def test_a_ball_closes_to_a_ball(tools, ball, tmp_path):
    proxy = HullSym().generate(tools.asked(ball, tools.ring(9, np.radians(120)), tmp_path))
    upper = proxy.surface.vertices[proxy.surface.vertices[:, 2] > -0.2]
    assert np.quantile(np.abs(np.linalg.norm(upper, axis=1) - 0.45), 0.9) < 0.08


def test_an_object_that_no_photo_shows_is_unusable(half_seen):
    from dataclasses import replace
    from types import SimpleNamespace

    nothing = [replace(one, mask=np.zeros_like(one.mask)) for one in half_seen.observations]
    with pytest.raises(Unusable, match="no photo shows it"):
        HullSym().generate(SimpleNamespace(**(vars(half_seen) | {"observations": nothing})))
