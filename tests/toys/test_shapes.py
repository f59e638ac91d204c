"""Ray intersections against samples of the implicit functions, normals against finite differences."""

import math

import pytest
import torch

from splatsmith.toys.shapes import (
    BOX,
    CUP,
    DOME,
    FRUSTUM,
    HALFSPACE,
    KINDS,
    SPHERE,
    TORUS,
    first_hit,
    implicit,
    normal,
    support,
)

NAMES = {SPHERE: "sphere", BOX: "box", FRUSTUM: "frustum", CUP: "cup", TORUS: "torus", DOME: "dome", HALFSPACE: "half"}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: NAMES[kind])


def random_shapes(kind: int, count: int, random: torch.Generator) -> torch.Tensor:
    """Shape numbers within the ranges that make a solid."""
    u = torch.rand(count, 3, generator=random)
    if kind in (FRUSTUM, CUP):
        top = torch.where(u[:, 0] < 0.2, 1.0, 2 * u[:, 0])
        return torch.stack([top, 0.05 + 0.3 * u[:, 1] * top.clamp(0.2, 1), 0.1 + 0.8 * u[:, 2]], -1)
    if kind == TORUS:
        return torch.stack([0.05 + 0.6 * u[:, 0], torch.full_like(u[:, 0], -2.0), u[:, 2]], -1)  # uncut
    return u


def random_rays(count: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Rays from all around, near and far, most of them aimed at the solid; a tenth lie along the axes."""
    origins = torch.randn(count, 3, generator=random) * torch.rand(count, 1, generator=random) * 4
    aim = torch.randn(count, 3, generator=random) * 0.7
    directions = (aim - origins) * (0.1 + torch.rand(count, 1, generator=random))
    axis = torch.eye(3)[torch.arange(count) % 3] * torch.randn(count, 1, generator=random).sign()
    return origins, torch.where((torch.arange(count) % 10 == 0)[:, None], axis, directions)


@every_kind
def test_hits_agree_with_dense_samples_of_the_implicit_function(kind):
    random = torch.Generator().manual_seed(kind)
    shape = random_shapes(kind, 800, random)
    origins, directions = random_rays(800, random)
    t = first_hit(kind, origins, directions, shape)
    steps = torch.linspace(0, 20, 1000) / directions.norm(dim=1, keepdim=True)  # every 0.02 units
    points = origins[:, None] + steps[:, :, None] * directions[:, None]
    values = implicit(kind, points.flatten(0, 1), shape.repeat_interleave(1000, 0)).reshape(800, 1000)

    hits = t.isfinite() & (t * directions.norm(dim=1) < 20)
    at = origins[hits] + t[hits, None] * directions[hits]
    assert hits.float().mean() > 0.3
    assert implicit(kind, at, shape[hits]).abs().max() < 2e-4
    # From the origin to the hit the ray stays on the side that it starts on ...
    side = values[:, :1].sign()
    before = steps < t[:, None] * (1 - 1e-5) - 1e-5
    assert torch.where(before, values * side, 0.0).min() > -2e-4
    # ... and so where it changes sides, it has hit something by then.
    changed = (values * side < -2e-4).any(1)
    assert t[changed].isfinite().all()


@every_kind
def test_t_min_continues_behind_the_first_hit(kind):
    random = torch.Generator().manual_seed(10 + kind)
    shape = random_shapes(kind, 2000, random)
    origins, directions = random_rays(2000, random)
    t = first_hit(kind, origins, directions, shape)
    hits = t.isfinite()
    start = origins[hits] + t[hits, None] * directions[hits]
    onward = first_hit(kind, start, directions[hits], shape[hits], t_min=1e-3)
    middle = start + torch.where(onward.isfinite(), onward / 2, 0.5)[:, None] * directions[hits]
    came_from_outside = implicit(kind, origins[hits], shape[hits]) > 0
    inside = implicit(kind, middle, shape[hits]) < 1e-4
    grazing = onward * directions[hits].norm(dim=1) < 2e-2
    assert (inside == came_from_outside)[~grazing].float().mean() > 0.995


@every_kind
def test_t_scales_with_the_direction_and_moves_with_the_origin(kind):
    random = torch.Generator().manual_seed(20 + kind)
    shape = random_shapes(kind, 500, random)
    origins, directions = random_rays(500, random)
    t = first_hit(kind, origins, directions, shape)
    hits = t.isfinite()
    longer = first_hit(kind, origins, 4 * directions, shape)
    assert torch.allclose(4 * longer[hits], t[hits], atol=1e-3, rtol=1e-4)
    back = first_hit(kind, origins - 3 * directions, directions, shape, t_min=3.0)
    assert torch.allclose(back[hits] - 3, t[hits], atol=2e-3)


@every_kind
def test_a_ray_does_not_care_which_rays_are_cast_beside_it(kind):
    random = torch.Generator().manual_seed(30 + kind)
    shape = random_shapes(kind, 97, random)
    origins, directions = random_rays(97, random)
    t = first_hit(kind, origins, directions, shape)
    alone = torch.cat(
        [first_hit(kind, origins[i : i + 7], directions[i : i + 7], shape[i : i + 7]) for i in range(0, 97, 7)]
    )
    assert torch.allclose(t, alone, atol=1e-6)


@every_kind
def test_normals_are_gradients_of_the_implicit_function(kind):
    random = torch.Generator().manual_seed(40 + kind)
    shape = random_shapes(kind, 2000, random)
    origins, directions = random_rays(2000, random)
    t = first_hit(kind, origins, directions, shape)
    hits = t.isfinite()
    points, shape = (origins + t[:, None] * directions)[hits].double(), shape[hits].double()
    step = 1e-5 * torch.eye(3, dtype=torch.float64)
    forward = torch.stack([implicit(kind, points + h, shape) - implicit(kind, points, shape) for h in step], -1)
    backward = torch.stack([implicit(kind, points, shape) - implicit(kind, points - h, shape) for h in step], -1)
    smooth = (forward - backward).norm(dim=1) < 1e-8  # off the edges
    got = torch.nn.functional.normalize(normal(kind, points, shape)[smooth], dim=1)
    expected = torch.nn.functional.normalize((forward + backward)[smooth], dim=1)
    assert smooth.float().mean() > 0.6
    assert ((got * expected).sum(1) > 0.9999).float().mean() > 0.995  # the rest lie within float32 of an edge


@pytest.mark.parametrize("kind", [SPHERE, BOX, FRUSTUM, CUP, TORUS, DOME], ids=lambda kind: NAMES[kind])
def test_support_is_the_farthest_surface_point(kind):
    random = torch.Generator().manual_seed(50 + kind)
    for case in range(3):
        shape = random_shapes(kind, 1, random)
        directions = torch.nn.functional.normalize(torch.randn(5000, 3, generator=random), dim=1)
        origins = 5 * torch.nn.functional.normalize(torch.randn(5000, 3, generator=random), dim=1)
        t = first_hit(kind, origins, 2 * directions - origins / 2, shape.expand(5000, 3))
        points = (origins + t[:, None] * (2 * directions - origins / 2))[t.isfinite()]
        axis = torch.randn(1, 3, generator=random)
        farthest, bound = (points @ axis[0]).max(), support(kind, axis, shape)[0]
        assert bound * 0.9 - 0.02 < farthest < bound + 1e-3, case


def test_ring_of_rays_with_known_answers():
    shape = torch.tensor([[0.25, -2.0, 0.0]])
    rays = {
        ((-5.0, 0, 0), (1.0, 0, 0)): 3.75,  # through both tubes
        ((1.0, 0, 5), (0, 0, -1.0)): 4.75,  # down on the tube
        ((0.0, 0, 5), (0, 0, -1.0)): math.inf,  # through the hole
        ((0.0, 0, 0), (0, 1.0, 0)): 0.75,  # out of the hole
        ((0.0, -5.0, 0), (0, 2.0, 0)): 1.875,
        ((-5.0, 0, 0.26), (1.0, 0, 0)): math.inf,  # over it
    }
    for (origin, direction), expected in rays.items():
        t = first_hit(TORUS, torch.tensor([origin]), torch.tensor([direction]), shape)
        assert t.item() == pytest.approx(expected, abs=1e-5)


def test_a_cut_ring_keeps_the_hits_of_a_whole_ring_beyond_the_cut():
    random = torch.Generator().manual_seed(60)
    whole = random_shapes(TORUS, 1000, random)
    shape = whole.clone()
    shape[:, 1] = 2 * torch.rand(1000, generator=random) - 1.4
    origins, directions = random_rays(1000, random)
    start, expected = torch.zeros(1000), torch.full((1000,), math.inf)
    for _ in range(4):  # a line meets a ring at most four times
        at = origins + start[:, None] * directions
        start = start + first_hit(TORUS, at, directions, whole, t_min=1e-4)
        kept = (origins + start[:, None] * directions)[:, 0] > shape[:, 1]
        expected = torch.minimum(expected, torch.where(kept & start.isfinite(), start, math.inf))
    t = first_hit(TORUS, origins, directions, shape)
    assert (t > expected).float().mean() < 0.01
    close = torch.isclose(t, expected, atol=1e-3) | (t.isinf() & expected.isinf())
    assert close.float().mean() > 0.995  # but for rays that graze the ring, or meet it at the cut


def test_a_cut_ring_is_open_where_it_was_cut():
    half = torch.tensor([[0.25, 0.0, 0.0]])
    t = first_hit(TORUS, torch.tensor([[-5.0, 0, 0]]), torch.tensor([[1.0, 0, 0]]), half)
    assert t.item() == pytest.approx(5.75, abs=1e-5)


def test_a_cup_is_hollow():
    shape = torch.tensor([[1.0, 0.1, 0.3]])
    down = torch.tensor([[0.0, 0, -1]])
    into = first_hit(CUP, torch.tensor([[0.2, 0.1, 4.0]]), down, shape)
    rim = first_hit(CUP, torch.tensor([[0.95, 0.0, 4.0]]), down, shape)
    far_wall = first_hit(CUP, torch.tensor([[0.0, 0, 0]]), torch.tensor([[1.0, 0, 0]]), shape)
    assert into.item() == pytest.approx(4.7)
    assert rim.item() == pytest.approx(3.0)
    assert far_wall.item() == pytest.approx(0.9)
