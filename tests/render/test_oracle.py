"""The oracle is right: by hand, by finite differences, and beside gsplat's own torch code."""

import math

import pytest
import torch

from splatsmith.render import oracle, rasterize
from splatsmith.render.constants import EPS2D, FAR, NEAR
from splatsmith.render.splats import Projection


def settings(scene, antialiased=False):
    return Projection(
        scene.T_camera_world, scene.K, scene.width, scene.height, NEAR, FAR, EPS2D, 0.0, antialiased=antialiased
    )


def test_one_gaussian_by_hand():
    """A ball on the optical axis: its splat is a circle of variance (f s / z)^2 + eps2d around the principal point."""
    focal, z, deviation, opacity = 100.0, 4.0, 0.2, 0.7
    K = torch.tensor([[focal, 0, 20.5], [0, focal, 16.5], [0, 0, 1]], dtype=torch.float64)
    rendered = rasterize(
        torch.tensor([[0, 0, z]], dtype=torch.float64),
        torch.tensor([[2.0, 0, 0, 0]], dtype=torch.float64),
        torch.full((1, 3), deviation, dtype=torch.float64),
        torch.tensor([opacity], dtype=torch.float64),
        torch.tensor([[0.5, 1.0]], dtype=torch.float64),
        T_camera_world=torch.eye(4),
        K=K,
        width=41,
        height=33,
        background=torch.tensor([0.1, 0.0], dtype=torch.float64),
        depth=True,
        backend="oracle",
    )
    variance = (focal * deviation / z) ** 2 + 0.3
    alpha = opacity * math.exp(-0.5 * (3**2 + 2**2) / variance)
    assert rendered.alpha[16, 20] == pytest.approx(opacity)
    assert rendered.alpha[18, 17] == pytest.approx(alpha)
    assert rendered.image[18, 17].tolist() == pytest.approx([0.5 * alpha + 0.1 * (1 - alpha), alpha])
    assert rendered.depth[18, 17] == pytest.approx(z * alpha)
    assert rendered.expected_depth[18, 17] == pytest.approx(z)
    radius = math.ceil(math.sqrt(2 * math.log(255 * opacity) * variance))
    assert rendered.radii.tolist() == [[radius, radius]]


def test_antialiasing_keeps_the_energy_of_a_small_gaussian(lab):
    """The integral of a splat, opacity * 2 pi sqrt(det), is what it was before the widening by eps2d."""
    scene = lab.random_scene(0, size=0.05)
    splats = oracle.project(scene.means, scene.quats, scene.scales, torch.ones(len(scene.means)), settings(scene, True))
    unwidened = Projection(scene.T_camera_world, scene.K, scene.width, scene.height, NEAR, FAR, 0.0, 0.0, False)
    sharp = oracle.project(scene.means, scene.quats, scene.scales, torch.ones(len(scene.means)), unwidened)
    wide, narrow = (1 / (s.conics[:, 0] * s.conics[:, 2] - s.conics[:, 1] ** 2).sqrt() for s in (splats, sharp))
    assert torch.allclose(splats.compensations * wide, narrow, rtol=1e-9)


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("name", ["means", "quats", "scales", "opacities", "colors", "background", "T_camera_world"])
def test_gradients_by_finite_differences(lab, name, antialiased):
    scene = lab.random_scene(3, count=60, width=37, height=29, sh_degree=3, antialiased=antialiased, spread=1.5)
    given = lab.cotangents(scene, lab.sure_pixels(scene))
    inputs = scene.inputs(torch.float64)
    lab.loss(lab.draw(scene, "oracle", inputs), given).backward()
    direction = torch.randn(inputs[name].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    if name == "T_camera_world":
        direction[3] = 0
    step = 1e-6
    with torch.no_grad():
        ahead, behind = (
            lab.loss(lab.draw(scene, "oracle", inputs | {name: inputs[name] + sign * step * direction}), given)
            for sign in (1, -1)
        )
    expected = (ahead - behind) / (2 * step)
    assert (inputs[name].grad * direction).sum().item() == pytest.approx(expected.item(), rel=1e-5)


def test_intrinsics_have_a_gradient(lab):
    scene = lab.random_scene(3, count=60, width=37, height=29)
    given = lab.cotangents(scene, lab.sure_pixels(scene))
    K = scene.K.clone().requires_grad_()
    lab.loss(lab.draw(lab.replace(scene, K=K), "oracle"), given).backward()
    direction = torch.zeros(3, 3, dtype=torch.float64)
    direction[0, 0], direction[1, 1], direction[0, 2], direction[1, 2] = 1.0, -0.5, 0.7, 0.2
    step = 1e-5
    ahead, behind = (
        lab.loss(lab.draw(lab.replace(scene, K=scene.K + sign * step * direction), "oracle"), given) for sign in (1, -1)
    )
    expected = (ahead - behind).item() / (2 * step)
    assert (K.grad * direction).sum().item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("antialiased", [False, True])
def test_projection_is_that_of_gsplat(lab, antialiased):
    theirs = pytest.importorskip("gsplat.cuda._torch_impl")
    scene = lab.random_scene(4, count=300, spread=2.0)
    inputs = [{name: getattr(scene, name).clone().requires_grad_() for name in lab.INPUTS[:3]} for _ in range(2)]

    mine = oracle.project(**inputs[0], opacities=scene.opacities, projection=settings(scene, antialiased))
    covariances, _ = theirs._quat_scale_to_covar_preci(inputs[1]["quats"], inputs[1]["scales"], True, False)
    camera = scene.T_camera_world[None], scene.K[None], scene.width, scene.height
    radii, means2d, depths, conics, compensations = theirs._fully_fused_projection(
        inputs[1]["means"], covariances, *camera, calc_compensations=antialiased
    )
    visible = (mine.radii > 0).all(dim=1)
    assert visible.sum() > 50
    assert (mine.radii[visible] <= radii[0][visible]).all(), "gsplat's torch code takes the box of opacity 1"
    pairs = [(mine.means2d, means2d[0]), (mine.depths, depths[0]), (mine.conics, conics[0])]
    if antialiased:
        pairs.append((mine.compensations, compensations[0]))
    for a, b in pairs:
        assert torch.allclose(a[visible], b[visible], rtol=1e-9, atol=1e-11)

    given = [torch.randn(a[visible].shape, dtype=torch.float64) for a, _ in pairs]
    for side in (0, 1):
        sum((pair[side][visible] * v).sum() for pair, v in zip(pairs, given, strict=True)).backward()
    for name in lab.INPUTS[:3]:
        assert lab.relative_error(inputs[0][name].grad, inputs[1][name].grad) < 1e-9


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_harmonics_are_those_of_gsplat(degree):
    theirs = pytest.importorskip("gsplat.cuda._torch_impl")
    draw = torch.Generator().manual_seed(degree)
    directions = torch.randn(100, 3, generator=draw, dtype=torch.float64)
    sh = torch.randn(100, 16, 3, generator=draw, dtype=torch.float64)
    mine = oracle.spherical_harmonics(degree, directions, sh, torch.ones(100, 2))
    expected = (theirs._spherical_harmonics(degree, directions, sh) + 0.5).clamp(min=0)
    assert torch.allclose(mine, expected, atol=1e-12)
