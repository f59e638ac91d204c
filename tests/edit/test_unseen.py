"""What photos show and what an edit brings to light: known exactly for a block on a floor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splatsmith.edit import unseen as module
from splatsmith.edit.drawing import Drawing, facing
from splatsmith.edit.place import placed
from splatsmith.edit.rows import altered
from splatsmith.edit.unseen import observed, unseen, with_observed
from splatsmith.gaussians.ops import concat, select
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.edits import Move

DRAWING = Drawing("cpu")
HALF = 0.2


def on_the_floor(view: View) -> np.ndarray:
    """(H, W, 2) x and y where the ray of each pixel meets the plane z = 0."""
    v, u = np.mgrid[: view.camera.height, : view.camera.width] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(view.camera.K).T @ view.T_camera_world[:3, :3]
    return (view.center - view.center[2] / rays[..., 2:] * rays)[..., :2]


def straight(width: int = 64, height: int = 48) -> View:
    return View("front", Path("front.png"), Camera(width, height, 60.0, 60.0, width / 2, height / 2), np.eye(4))


@pytest.mark.parametrize("beneath", [True, False], ids=["hidden floor", "no floor"])
def test_what_stood_on_a_floor_leaves_its_footprint(block_on_floor, around, beneath):
    scene = block_on_floor(beneath)
    before = with_observed(scene, observed(scene, around, "cpu", "test"))
    after = select(before, before.extra["label"].int() == 0)
    for view in around:
        reach = np.abs(on_the_floor(view)).max(axis=-1)
        mask = unseen(DRAWING, before, before.extra["label"].int() == 1, after, view)
        assert mask[reach < HALF - 0.06].all()
        assert not mask[reach > HALF + 0.11].any()  # a Gaussian and a pixel more


def test_a_gap_is_one_from_where_no_photo_was_taken_too(block_on_floor, around):
    """The far side of the block is in no photo either, and the floor behind it as little."""
    scene = block_on_floor(beneath=False)
    before = with_observed(scene, observed(scene, around[:1], "cpu", "test"))
    block = before.extra["label"].int() == 1
    assert before.extra["observed"][block & (scene.means[:, 0] < -0.19)].float().mean() < 0.1
    mask = unseen(DRAWING, before, block, select(before, ~block), around[4])
    assert mask[np.abs(on_the_floor(around[4])).max(axis=-1) < HALF - 0.06].all()


def test_nothing_taken_away_leaves_nothing_unseen(block_on_floor, around):
    scene = block_on_floor()
    before = with_observed(scene, observed(scene, around, "cpu", "test"))
    none = torch.zeros(len(before), dtype=torch.bool)
    assert not any(unseen(DRAWING, before, none, before, view).any() for view in around)


def test_what_is_seen_from_behind_is_not_unseen_from_before(block_on_floor, around):
    """Once a photo from below shows the floor under the block, no view misses it."""
    scene = block_on_floor()
    looking_up = np.eye(4)
    looking_up[2, 3] = 2.0
    under = View("under", Path("under.png"), Camera(96, 72, 60.0, 60.0, 48.0, 36.0), looking_up)
    before = with_observed(scene, observed(scene, [*around, under], "cpu", "test"))
    block = before.extra["label"].int() == 1
    assert not any(unseen(DRAWING, before, block, select(before, ~block), view).any() for view in around)


def test_the_second_of_two_edits_still_knows_what_photos_showed(block_on_floor, around):
    """The floor under the block stays unseen, although renders after the first edit show it."""
    scene = block_on_floor()
    first = with_observed(scene, observed(scene, around, "cpu", "test"))
    without = select(first, first.extra["label"].int() == 0)
    again = observed(without, around, "cpu", "test")
    assert torch.equal(again, without.extra["observed"].bool())
    middle = (without.means.abs() < HALF - 0.03).all(dim=1)
    assert not again[middle].any()
    assert again[(without.means[:, :2].abs() > HALF + 0.03).any(dim=1)].all()
    fresh = {"label": without.extra["label"]}
    assert observed(replace(without, extra=fresh), around, "cpu", "test")[middle].all()


def test_the_dark_side_comes_to_light_with_what_is_turned(block_on_floor, around):
    """A block that is laid on its side shows its bottom, which is open, wherever it stands."""
    scene = block_on_floor()
    before = with_observed(scene, observed(scene, around, "cpu", "test"))
    rows = before.extra["label"].int() == 1
    move = Move(name="e", target="b", method="move", rotate={"axis": (0, 1, 0), "degrees": 90})
    after = altered(before, rows, placed(select(before, rows), move)).gaussians
    assert torch.equal(after.extra["observed"], before.extra["observed"])
    masks = [unseen(DRAWING, before, rows, after, view).sum() for view in around]
    assert min(masks[3:6]) > 2 * max(masks[7], masks[0], masks[1])  # the open side looks along -x


@pytest.mark.parametrize(("share", "seen"), [(0.93, True), (1.07, False)])
def test_a_gaussian_with_nothing_before_it_lies_open_as_a_whole(labelled, monkeypatch, share, seen):
    """However long, faint, turned, or cut by the picture's edge: the closed form agrees with the rasterizer."""
    monkeypatch.setattr(module, "OBSERVED", share)
    scene = labelled(40)
    log_scales, means = scene.log_scales - 1, scene.means.clamp(-0.8, 0.8) + torch.tensor([0.0, 0, 3])
    means[0], log_scales[0] = torch.tensor([1.6, 0.0, 3.0]), torch.tensor([-0.7, -0.7, -0.7])  # half of it is outside
    scene = replace(scene, means=means, log_scales=log_scales)
    found = [bool(observed(select(scene, torch.tensor([row])), [straight()], "cpu", "test")) for row in range(40)]
    assert found == [seen] * 40


def test_behind_the_camera_or_outside_the_picture_is_not_observed(labelled):
    scene = labelled(40)
    scene = replace(scene, log_scales=scene.log_scales - 3)
    for shift in ([0.0, 0, -3], [8.0, 0, 3]):
        assert not observed(replace(scene, means=scene.means + torch.tensor(shift)), [straight()], "cpu", "test").any()


def test_hidden_is_what_an_opaque_plate_hides(block_on_floor):
    """The same with large pictures, which are reduced."""
    plate = select(block_on_floor(), slice(0, 1600))
    plate = replace(plate, means=plate.means + torch.tensor([0.0, 0, 2]))
    hidden = select(plate, (plate.means[:, :2].abs() < 0.6).all(dim=1))
    hidden = replace(hidden, means=hidden.means + torch.tensor([0.0, 0, 0.5]))
    both = concat([plate, hidden])
    for view in (straight(), replace(straight(1280, 960), camera=Camera(1280, 960, 1200.0, 1200.0, 640.0, 480.0))):
        found = observed(both, [view], "cpu", "test")
        assert not found[len(plate) :].any()
        assert found[: len(plate)][(plate.means[:, :2].abs() < 0.7).all(dim=1)].all()


def test_views_that_face_a_point_are_spread_over_all_that_do(around):
    assert [view.name for view in facing(around, np.zeros(3), 3)] == ["0", "4", "7"]
    assert [view.name for view in facing(around, np.zeros(3), 100)] == [view.name for view in around]
    assert [view.name for view in facing(around, 1.9 * np.array([1.0, 0, 0]), 8)] == ["3", "4", "5"]
    assert len(facing(around, np.array([10.0, 0, 7]), 8)) == 8  # none does: it is straight behind one of them
