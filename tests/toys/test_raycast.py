"""The caster against a loop over all solids, and laws of what it renders."""

import math

import numpy as np
import pytest
import torch

from splatsmith.toys.affine import affine, compose, inverse
from splatsmith.toys.materials import PALETTE, linear_from_srgb, material, named, srgb_from_linear, value_noise
from splatsmith.toys.pieces import Piece, Primitives, gather, place
from splatsmith.toys.raycast import Cameras, Light, camera_rays, cast, render, trace_truth
from splatsmith.toys.scene import demo_cameras, demo_light, demo_primitives
from splatsmith.toys.shapes import BOX, CUP, DOME, FRUSTUM, HALFSPACE, SPHERE, TORUS, first_hit
from splatsmith.toys.views import look_at


def heap(pictures: int, seed: int) -> Primitives:
    """Random solids of every kind, in some pictures more than in others."""
    random = torch.Generator().manual_seed(seed)
    look = material(torch.ones(3))
    tables = []
    for i in range(24):
        count = int(torch.randint(0, pictures + 1, (1,), generator=random))
        picture = torch.randperm(pictures, generator=random)[:count].sort().values
        u = torch.rand(6, count, generator=random)
        scale = [0.05 + 0.4 * torch.rand(count, generator=random) for _ in range(3)]
        placed = affine(scale, turn=(6 * u[0], 6 * u[1], 6 * u[2]), shift=(2 * u[3] - 1, 2 * u[4] - 1, 2 * u[5] - 1))
        kind = (SPHERE, BOX, FRUSTUM, CUP, TORUS, DOME)[i % 6]
        shape = {FRUSTUM: (0.6,), CUP: (1.1, 0.2, 0.2), TORUS: (0.3, -0.5)}.get(kind, ())
        tables.append(
            place([Piece("p", kind, placed, look, shape)], affine().expand(count, 3, 4), picture, {"p": i}, 1)
        )
    ground = Piece("p", HALFSPACE, affine(shift=(0, 0, -0.8)), look)
    tables.append(place([ground], affine().expand(pictures, 3, 4), torch.arange(pictures), {"p": 99}, 0))
    return gather(tables)


def white_lamp() -> Light:
    return Light(*(torch.tensor(v) for v in ([[0.0, -2, 4]], [0.1], [[0.7] * 3], [[0.3] * 3], [[0.2] * 3])))


def square_cameras(eye, target, size: int = 32, focal: float = 40.0) -> Cameras:
    eye, target = torch.tensor(eye), torch.tensor(target)
    n = len(eye)
    return Cameras(size, size, torch.full((n, 2), focal), torch.full((n, 2), size / 2), look_at(eye, target))


def some_views(which: tuple[int, ...], scale: float) -> Cameras:
    cameras = demo_cameras(scale)
    columns = (getattr(cameras, name)[list(which)] for name in ("focal", "principal", "T_camera_world"))
    return Cameras(cameras.width, cameras.height, *columns)


def test_cast_finds_what_a_loop_over_every_solid_finds():
    primitives = heap(3, seed=1)
    random = torch.Generator().manual_seed(2)
    origins = 3 * torch.randn(3, 3, 400, generator=random)
    directions = torch.nn.functional.normalize(torch.randn(3, 3, 400, generator=random) - 0.6 * origins, dim=0)
    t, row = cast(primitives, origins, directions)
    expected = torch.full((3, 400), math.inf)
    for i in range(len(primitives)):
        b, T = int(primitives.picture[i]), primitives.T_local_world[i]
        o, d = T[:, :3] @ origins[:, b] + T[:, 3:], T[:, :3] @ directions[:, b]
        new = first_hit(int(primitives.kind[i]), o.T, d.T, primitives.shape[i].expand(400, 3))
        expected[b] = torch.minimum(expected[b], new)
    assert expected.isfinite().float().mean() > 0.5
    assert torch.equal(t.isfinite(), expected.isfinite())
    assert torch.allclose(t, expected, atol=1e-4)
    picture = torch.arange(3)[:, None].expand(3, 400)
    assert torch.equal(primitives.picture[row[row >= 0]], picture[row >= 0])


def test_t_max_hides_what_lies_behind_it():
    primitives = heap(2, seed=3)
    origins = torch.zeros(3, 2, 1) + torch.tensor([0.0, -4.0, 0.3]).reshape(3, 1, 1)
    random = torch.Generator().manual_seed(4)
    aim = torch.rand(3, 2, 300, generator=random) * 2 - 1
    directions = torch.nn.functional.normalize(aim - origins, dim=0)
    t, row = cast(primitives, origins, directions)
    limit = torch.full((2, 300), 3.8)
    near_t, near_row = cast(primitives, origins, directions, limit)
    assert 0.1 < (t < 3.8).float().mean() < 0.9
    assert torch.equal(near_row, torch.where(t < 3.8, row, -1))
    assert torch.equal(near_t, torch.minimum(t, limit))


def test_rays_go_through_pixel_centres_of_an_opencv_camera():
    cameras = demo_cameras(0.25)
    origins, directions = camera_rays(cameras)
    for view in (0, 33, 79):
        T = cameras.T_camera_world[view]
        points = T[:, :3] @ (origins[:, view] + 1.7 * directions[:, view]) + T[:, 3:]
        K = torch.diag(torch.cat([cameras.focal[view], torch.ones(1)]))
        K[:2, 2] = cameras.principal[view]
        pixels = (K @ points)[:2] / points[2]
        y, x = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(64) + 0.5, indexing="ij")
        assert torch.allclose(pixels, torch.stack([x.flatten(), y.flatten()]), atol=1e-3)
        assert points[2].min() > 0


def test_look_at_is_rigid_and_upright():
    T = look_at(torch.tensor([[2.0, 1.0, 1.5]]), torch.tensor([[0.0, 0.2, 0.1]]))[0]
    assert torch.allclose(T[:, :3] @ T[:, :3].T, torch.eye(3), atol=1e-6)
    assert torch.linalg.det(T[:, :3]).item() == pytest.approx(1)
    assert T[1, 2] < 0  # the camera's y axis points down
    assert T[0, 2].abs() < 1e-6  # and its x axis is level


def test_a_view_sees_what_another_view_sees_or_something_before_it():
    cameras = some_views((10, 12, 14, 52), 0.2)
    truth = trace_truth(demo_primitives(4), cameras)
    origins, directions = camera_rays(cameras)
    for a, b in ((0, 1), (2, 3)):
        forward = cameras.T_camera_world[a, 2, :3]
        t = truth.depth[a].flatten() / (forward[:, None] * directions[:, a]).sum(0)
        points = origins[:, a] + t * directions[:, a]
        toward = points - origins[:, b]
        far = toward.norm(dim=0)
        primitives = demo_primitives(1)
        got_t, row = cast(primitives, origins[:, b : b + 1], (toward / far)[:, None])
        assert (got_t[0] <= far + 2e-3).all()  # a surface point hides what lies behind it
        seen = (got_t[0] - far).abs() < 2e-3
        assert seen.float().mean() > 0.5
        same = primitives.object[row[0]] == truth.object[a].flatten()
        assert same[seen].float().mean() > 0.998  # but for points of contact


def test_each_part_lies_in_one_object():
    truth = trace_truth(demo_primitives(5), some_views((10, 14, 26, 50, 70), 0.375))
    pairs = torch.stack([truth.part.flatten(), truth.object.flatten()], 1).unique(dim=0)
    assert pairs[:, 0].unique().tolist() == list(range(17))
    assert len(pairs) == 17
    assert truth.depth.isfinite().all()
    assert torch.allclose(truth.normal.norm(dim=-1), torch.ones(1), atol=1e-4)


def test_a_picture_does_not_depend_on_its_batch():
    cameras = demo_cameras(0.125)
    together = render(demo_primitives(3), cameras.pictures(10, 13), demo_light(), supersample=2)
    alone = render(demo_primitives(1), cameras.pictures(11, 12), demo_light(), supersample=2)
    assert torch.allclose(together[1], alone[0], atol=2e-5)


def test_supersampling_measures_the_area_of_a_disc():
    glowing = material(torch.ones(3), glow=1.0)
    ball = Piece("p", SPHERE, affine((0.3, 0.3, 0.3)), glowing)
    primitives = place([ball], affine(), torch.arange(1), {"p": 1}, 1)
    cameras = square_cameras([[0.0, -2.0, 0.0]], [[0.0, 0.0, 0.0]])
    picture = linear_from_srgb(render(primitives, cameras, white_lamp(), supersample=4)[0, :, :, 0])
    radius = 40 * 0.3 / math.sqrt(2**2 - 0.3**2)
    assert picture.sum().item() == pytest.approx(math.pi * radius**2, rel=0.01)
    assert (trace_truth(primitives, cameras).object == 1).sum().item() == pytest.approx(math.pi * radius**2, rel=0.05)


def test_a_ball_casts_a_shadow_away_from_the_lamp_and_darkens_its_foot():
    grey = material(torch.full((3,), 0.5), gloss=0.0)
    ball = Piece("p", SPHERE, affine((0.3, 0.3, 0.3), shift=(0, 0, 0.3)), grey)
    ground = Piece("p", HALFSPACE, affine(), grey)
    primitives = place([ball, ground], affine(), torch.arange(1), {"p": 1}, 1)
    cameras = square_cameras([[0.0, 0.01, 5.0]], [[0.0, 0.0, 0.0]], size=32)  # from above
    lamp = Light(*(torch.tensor(v) for v in ([[-4.0, 0, 4]], [0.1], [[0.7] * 3], [[0.3] * 3], [[0.2] * 3])))
    picture = render(primitives, cameras, lamp, supersample=2)[0].mean(-1)
    project = cameras.T_camera_world[0] @ torch.tensor([[0.6, -0.6], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    columns = (40 * project[0] / project[2] + 16).int()
    assert picture[16, columns[0]] < 0.75 * picture[16, columns[1]]
    flat = render(primitives.rows(primitives.kind == HALFSPACE), cameras, lamp, supersample=2)[0].mean(-1)
    assert picture[16, columns[1]] < flat[16, columns[1]] + 1e-6  # the ball hides a little of the sky


def test_affine_maps_compose_and_invert():
    random = torch.Generator().manual_seed(5)
    a, b = (
        affine(0.5 + torch.rand(3, 4, generator=random), torch.randn(3, 4, generator=random), torch.randn(3, 4))
        for _ in range(2)
    )
    identity = affine().expand(4, 3, 4)
    assert torch.allclose(compose(a, inverse(a)), identity, atol=1e-5)
    assert torch.allclose(compose(compose(a, b), inverse(b)), a, atol=1e-4)
    quarter = affine(turn=(0, 0, math.pi / 2), shift=(1, 0, 0))[0]
    assert torch.allclose(
        quarter[:, :3] @ torch.tensor([1.0, 0, 0]) + quarter[:, 3], torch.tensor([1.0, 1, 0]), atol=1e-6
    )


def test_colours_and_noise():
    values = torch.linspace(0, 1, 101)
    assert torch.allclose(srgb_from_linear(linear_from_srgb(values)), values, atol=1e-5)
    assert torch.allclose(srgb_from_linear(named("blue")), torch.tensor(PALETTE["blue"]), atol=1e-5)
    line = torch.zeros(2001, 3)
    line[:, 0] = torch.linspace(-10, 10, 2001)
    noise = value_noise(line)
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.std() > 0.1
    assert noise.diff().abs().max() < 0.02  # continuous, across cells and across zero
    assert np.isfinite(noise.numpy()).all()
