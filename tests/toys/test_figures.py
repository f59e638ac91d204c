"""How the toys stand, what is their left, and that nothing of the demo scene floats or runs into something else."""

from collections import defaultdict

import pytest
import torch

from splatsmith.toys.affine import affine
from splatsmith.toys.family import KINDS, parts_of
from splatsmith.toys.figures import toy_figure
from splatsmith.toys.materials import material
from splatsmith.toys.pieces import box, place
from splatsmith.toys.raycast import Cameras, trace_truth
from splatsmith.toys.scene import BALL_SIZE, BLOCK_SIZE, demo_objects, demo_primitives
from splatsmith.toys.shapes import implicit
from splatsmith.toys.surface import surface_points
from splatsmith.toys.views import look_at

PAINT = defaultdict(lambda: material(torch.ones(3)))


def in_the_middle(name: str, low: float, high: float) -> float:
    return low if name == "hat style" else (low + high) / 2


def seen_from(kind: str, eye: tuple[float, float, float]) -> dict[str, torch.Tensor]:
    """Part name -> (pixels, 2) x, y of a toy in its own frame, seen from `eye`."""
    pieces = KINDS[kind](PAINT, in_the_middle)
    ids = {part: i for i, part in enumerate(parts_of(kind), start=1)}
    primitives = place(pieces, affine(), torch.arange(1), ids, 1)
    camera = look_at(torch.tensor([eye]), torch.tensor([[0.0, 0.0, 0.5]]))
    cameras = Cameras(96, 96, torch.full((1, 2), 200.0), torch.full((1, 2), 48.0), camera)
    part = trace_truth(primitives, cameras).part[0]
    return {name: (part == i).nonzero().flip(1).float() for name, i in ids.items()}


@pytest.mark.parametrize("kind", ["toy figure", "robot", "snowman", "duck", "car"])
def test_its_left_is_the_viewers_right_when_it_faces_the_viewer(kind):
    things = {part.partition(" ")[2] for part in parts_of(kind) if part.startswith("left ")}
    assert things
    from_front, from_behind = seen_from(kind, (0.0, -3.0, 0.9)), seen_from(kind, (0.0, 3.0, 0.9))
    for thing in things:
        left, right = from_front[f"left {thing}"], from_front[f"right {thing}"]
        assert len(left) >= 8
        assert left[:, 0].mean() > right[:, 0].mean() + 2
    for thing in things & {"arm", "wing"}:  # seen from behind too, the other way round
        assert from_behind[f"left {thing}"][:, 0].mean() < from_behind[f"right {thing}"][:, 0].mean() - 2


def test_left_parts_lie_at_positive_x():
    pieces = toy_figure(PAINT, in_the_middle)
    for side, sign in (("left", 1), ("right", -1)):
        for piece in pieces:
            if piece.part.startswith(side):
                assert sign * piece.T_object_local[0, 0, 3] > 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_every_toy_stands_on_the_ground_and_is_about_one_unit_tall(kind):
    for share in (0.0, 0.5, 1.0):
        low, high = box(KINDS[kind](PAINT, lambda name, a, b, share=share: a + share * (b - a)), affine())
        assert low[0, 2].abs() < 1e-5
        assert 0.6 < high[0, 2] < 1.5
        assert (high[0, :2] - low[0, :2]).max() < 1.7


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_a_toy_shows_its_own_surface(kind):
    primitives = place(
        KINDS[kind](PAINT, in_the_middle), affine(), torch.arange(1), {p: i for i, p in enumerate(parts_of(kind))}, 1
    )
    _, _, part = surface_points(primitives, 8000, seed=0)
    counts = torch.bincount(part, minlength=len(parts_of(kind)))
    assert (counts >= 2).all(), dict(zip(parts_of(kind), counts.tolist(), strict=True))


def test_surface_points_are_even_and_their_normals_point_outward():
    ball = place(KINDS["ball"](PAINT, in_the_middle), affine(), torch.arange(1), {"ball": 1}, 1)
    points, normals, _ = surface_points(ball, 4000, seed=1)
    outward = points - torch.tensor([0.0, 0.0, 0.5])
    assert len(points) > 2000
    assert torch.allclose(outward, normals / 2, atol=1e-4)
    assert outward.mean(0).abs().max() < 0.02
    assert (outward**2).mean(0).sub(1 / 12).abs().max() < 0.005


def test_demo_objects_stand_apart_but_for_the_two_that_touch():
    primitives = demo_primitives()
    for thing in demo_objects():
        own = primitives.rows(primitives.object == thing.id)
        others = primitives.rows(primitives.object != thing.id)
        points, _, _ = surface_points(own, 1500, seed=thing.id)
        for row in range(len(others)):
            if others.glow[row] > 0:
                continue  # the room's dome
            T = others.T_local_world[row]
            local = points @ T[:, :3].T + T[:, 3]
            depth = implicit(int(others.kind[row]), local, others.shape[row].expand(len(points), 3)).min()
            assert depth > -2e-3, (thing.name, row)
    centers = {thing.name: thing.T_world_object[0, :, 3] for thing in demo_objects()}
    gap = (centers["ball"] - centers["block"]).norm() - (BALL_SIZE + BLOCK_SIZE) / 2
    assert gap.abs() < 1e-5
