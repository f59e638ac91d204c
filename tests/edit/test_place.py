"""Moves: undone by their inverse, the same as moving the camera, and swaps that are their own inverse."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation as Turn

from splatsmith.edit.place import foot, placed, swapped
from splatsmith.edit.weights import centroid
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import select
from splatsmith.gaussians.transforms import covariances
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.edits import Move, Rotation

AXIS, DEGREES, SHIFT, SCALE = (1.0, -2.0, 0.5), 70.0, (0.3, -0.2, 0.4), 1.6
CAMERA = Camera(40, 32, 45.0, 47.0, 21.0, 15.0)


def move(translate=(0, 0, 0), axis=None, degrees=0.0, scale=1.0) -> Move:
    rotate = None if axis is None else Rotation(axis=axis, degrees=degrees)
    return Move(name="e", target="t", method="move", translate=translate, rotate=rotate, scale=scale)


def alike(a: Gaussians, b: Gaussians, atol: float) -> None:
    """Equal as what is drawn: quaternions may differ in sign and length."""
    for one, other in (
        (a.means, b.means),
        (a.sh, b.sh),
        (covariances(a), covariances(b)),
        (a.log_scales, b.log_scales),
    ):
        torch.testing.assert_close(one, other, atol=atol, rtol=0)
    assert torch.equal(a.logit_opacities, b.logit_opacities)


def test_a_move_is_undone_by_its_inverse(labelled):
    before = labelled().map(lambda column: column.double() if column.is_floating_point() else column)
    there = placed(before, move(SHIFT, AXIS, DEGREES, SCALE))
    back = placed(there, move([-x for x in SHIFT], AXIS, -DEGREES, 1 / SCALE))
    alike(back, before, 1e-12)
    assert (there.means - before.means).abs().max() > 0.3


@pytest.mark.parametrize(
    "edit",
    [
        move(SHIFT),
        move(axis=AXIS, degrees=DEGREES),
        move(scale=SCALE),
        move(SHIFT, AXIS, DEGREES, SCALE),
    ],
    ids=["shift", "turn", "scale", "all"],
)
def test_a_move_shows_what_a_camera_sees_that_moves_along(labelled, edit):
    """Colours that depend on the direction, too: x' = s R (x - c) + c + t, seen by a camera that went the same way."""
    before = labelled(60)
    c = centroid(before).numpy()
    R = Turn.from_rotvec(np.radians(DEGREES) * np.array(AXIS) / np.linalg.norm(AXIS)).as_matrix()
    R = np.eye(3) if edit.rotate is None else R
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Turn.from_euler("xyz", [0.3, -0.2, 0.1]).as_matrix(), [0.1, 0.0, 3.0]
    along = np.eye(4)
    along[:3, :3] = T[:3, :3] @ R.T
    along[:3, 3] = edit.scale * T[:3, 3] - along[:3, :3] @ (c + np.array(edit.translate) - edit.scale * R @ c)
    was = render_view(before, CAMERA, T).image
    moved = render_view(placed(before, edit), CAMERA, along).image
    torch.testing.assert_close(moved, was, atol=2e-5, rtol=0)
    assert was.std() > 0.1
    assert (render_view(placed(before, edit), CAMERA, T).image - was).abs().max() > 0.1


def test_a_turn_is_counter_clockwise_about_the_centroid(labelled):
    before = labelled()
    after = placed(before, move(axis=(0, 0, 5), degrees=90))
    offset, turned = before.means - centroid(before), after.means - centroid(before)
    torch.testing.assert_close(
        turned, torch.stack([-offset[:, 1], offset[:, 0], offset[:, 2]], 1), atol=1e-5, rtol=0, check_dtype=False
    )


def test_the_centroid_goes_where_the_object_goes(labelled):
    before = labelled()
    after = placed(before, move(SHIFT, AXIS, DEGREES, SCALE))
    torch.testing.assert_close(
        centroid(after), centroid(before) + torch.tensor(SHIFT), atol=1e-5, rtol=0, check_dtype=False
    )


def test_the_centroid_weighs_what_a_gaussian_covers_not_how_many_there_are(labelled):
    one = labelled(8)
    many = one.map(lambda column: torch.cat([column, *[column[:1]] * 4]))
    many.logit_opacities[[0, 8, 9, 10, 11]] = torch.logit(one.opacities[0] / 5)
    torch.testing.assert_close(centroid(many), centroid(one), atol=1e-6, rtol=0)


UP = torch.nn.functional.normalize(torch.tensor([0.2, 0.1, 1.0]), dim=0)


def test_swapping_twice_is_the_identity(labelled, equal):
    before = labelled()
    first, second = (before.extra["label"].int() == label for label in (3, 5))
    once = swapped(before, first, second, UP)
    twice = once.then(swapped(once.gaussians, first, second, UP)).gaussians
    alike(twice, before, 1e-6)
    equal(select(twice, ~(first | second)), select(before, ~(first | second)))
    equal(once.gaussians, swapped(before, second, first, UP).gaussians)


def test_what_is_swapped_stands_where_the_other_stood(labelled):
    before = labelled()
    first, second = (before.extra["label"].int() == label for label in (3, 5))
    after = swapped(before, first, second, UP).gaussians
    for one, other in ((first, second), (second, first)):
        torch.testing.assert_close(foot(select(after, one), UP), foot(select(before, other), UP), atol=1e-6, rtol=0)
        shift = select(after, one).means - select(before, one).means
        assert shift.std(dim=0).max() < 1e-6  # moved as a whole
    assert torch.equal(covariances(after), covariances(before))


def test_a_foot_is_below_the_centroid_at_the_lowest_gaussians(labelled):
    before = labelled(300)
    z = torch.tensor([0.0, 0.0, 1.0])
    found = foot(before, z)
    torch.testing.assert_close(found[:2], centroid(before)[:2])
    below = (before.means[:, 2] < found[2]).float().mean()
    assert 0 < below <= 0.01
