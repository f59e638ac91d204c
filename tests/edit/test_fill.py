"""The plain patch: it closes the gap with the colour of what is around, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_erosion
from scipy.spatial.transform import Rotation

from splatsmith.edit.drawing import Drawing
from splatsmith.edit.fill import Sight, filled, patch
from splatsmith.edit.rows import kept
from splatsmith.edit.unseen import known, observed, unseen, with_observed
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.gaussians.transforms import similarity

DRAWING = Drawing("cpu", background=(1.0, 0.0, 1.0))
FLOOR = torch.tensor([0.6, 0.4, 0.2])


@pytest.fixture(scope="module")
def gap(block_on_floor, around):
    """The scene without its block, as Rows, and what the views see of it."""
    scene = block_on_floor(beneath=False)
    before = with_observed(scene, observed(scene, around, "cpu", "test"))
    rows = kept(before, before.extra["label"].int() == 0)
    return rows, [sight(before, rows.gaussians, view) for view in around]


def sight(before, after, view) -> Sight:
    drawn = DRAWING.picture(after, view, depth=True)
    known_now, gap = known(DRAWING, after, view), unseen(DRAWING, before, before.extra["label"].int() == 1, after, view)
    return Sight(view, drawn.image.clamp(0, 1).numpy(), drawn.expected_depth.numpy(), known_now, gap)


def test_the_gap_is_closed_in_the_colour_around_it(gap):
    rows, sights = gap
    after = filled(rows, sights).gaussians
    for one in sights:
        drawn, inside = DRAWING.picture(after, one.view), torch.from_numpy(binary_erosion(one.gap, iterations=2))
        assert inside.sum() > 30
        assert drawn.alpha[inside].min() > 0.97
        assert (drawn.image[inside] - FLOOR).abs().max() < 0.06


def test_nothing_changes_beside_the_gap(gap):
    rows, sights = gap
    after = filled(rows, sights).gaussians
    for one in sights:
        beside = torch.from_numpy(~binary_dilation(one.gap, iterations=3))
        change = (DRAWING.picture(after, one.view).image - DRAWING.picture(rows.gaussians, one.view).image).abs()
        assert change[beside].max() < 2 / 255


def test_all_that_was_there_keeps_its_bytes_and_what_is_new_says_so(gap, equal):
    rows, sights = gap
    done = filled(rows, sights)
    count = len(rows.gaussians)
    equal(select(done.gaussians, slice(0, count)), rows.gaussians)
    assert torch.equal(done.origin[:count], rows.origin)
    assert torch.equal(done.fresh, torch.arange(len(done.gaussians)) >= count)
    assert (done.origin[count:] == -1).all()
    assert (done.gaussians.extra["observed"][count:] == 0).all()
    assert (done.gaussians.extra["label"].int()[count:] == 0).all()


def test_discs_lie_flat_on_the_floor_within_the_footprint(gap):
    rows, sights = gap
    made = patch(sights, rows.gaussians)
    assert made.means[:, 2].abs().max() < 0.04  # the radius of a Gaussian of the floor
    assert made.means[:, :2].abs().max() < 0.25
    assert rotation_matrices(made.quats)[:, 2, 2].abs().min() > 0.999  # their thin axis is z


def test_a_floor_may_lie_at_any_angle(block_on_floor, around):
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Rotation.from_rotvec([0.7, -0.4, 1.1]).as_matrix(), [1.0, 2.0, -3.0]
    views = [replace(view, T_camera_world=view.T_camera_world @ np.linalg.inv(T)) for view in around]
    scene = similarity(block_on_floor(beneath=False), T)
    before = with_observed(scene, observed(scene, views, "cpu", "test"))
    after = select(before, before.extra["label"].int() == 0)
    made = patch([sight(before, after, view) for view in views], after)
    assert len(made) > 200
    normals = rotation_matrices(made.quats)[:, :, made.scales[0].argmin()]
    assert (normals @ torch.from_numpy(T[:3, 2]).float()).abs().min() > 0.999


def test_colours_run_from_one_side_of_the_gap_to_the_other(gap):
    rows, sights = gap
    painted = [Sight(s.view, np.where(_east(s)[..., None], 1.0, 0.2), s.depth, s.solid, s.gap) for s in sights]
    made = patch(painted, rows.gaussians)
    bright, x = made.sh[:, 0, 0], made.means[:, 0]
    assert torch.corrcoef(torch.stack([bright, x]))[0, 1] > 0.9
    assert bright[x > 0.12].min() > bright[x < -0.12].max()


def _east(one: Sight) -> np.ndarray:
    """(H, W) bool. Pixels whose ray meets the floor at x > 0."""
    view = one.view
    v, u = np.mgrid[: view.camera.height, : view.camera.width] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(view.camera.K).T @ view.T_camera_world[:3, :3]
    return (view.center - view.center[2] / rays[..., 2:] * rays)[..., 0] > 0


def test_the_same_sights_give_the_same_patch(gap, equal):
    rows, sights = gap
    equal(patch(sights, rows.gaussians), patch(sights, rows.gaussians))


def test_without_a_gap_or_a_rim_nothing_is_made(gap):
    rows, sights = gap
    none = np.zeros_like(sights[0].gap)
    assert len(patch([Sight(s.view, s.image, s.depth, s.solid, none) for s in sights], rows.gaussians)) == 0
    assert len(patch([Sight(s.view, s.image, s.depth, none, s.gap) for s in sights], rows.gaussians)) == 0
