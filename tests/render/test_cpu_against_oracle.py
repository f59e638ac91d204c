"""The CPU backend draws what the oracle draws in float64, and has its gradients."""

import pytest
import torch

from splatsmith.render import accumulate_weights


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("antialiased", [False, True])
def test_random_scenes(lab, seed, antialiased):
    lab.assert_alike(lab.random_scene(seed, sh_degree=3, antialiased=antialiased))


def test_many_gaussians(lab):
    """Enough for several ranges of work, and for tiles whose pixels all finish early."""
    lab.assert_alike(lab.random_scene(50, count=2500, width=130, height=100, size=1.5))


@pytest.mark.parametrize("channels", [1, 3, 4, 7, 19, 35])
def test_any_number_of_channels(lab, channels):
    lab.assert_alike(lab.random_scene(10 + channels, channels=channels))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_every_harmonics_degree(lab, degree):
    lab.assert_alike(lab.random_scene(20 + degree, sh_degree=degree))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 33), (40, 5), (15, 64)])
def test_odd_image_sizes(lab, width, height):
    lab.assert_alike(lab.random_scene(30, width=width, height=height, count=60))


@pytest.mark.parametrize(
    "limits",
    [{"near": 3.1}, {"far": 4.3}, {"radius_clip": 4.5}, {"near": 3.1, "far": 5.2, "radius_clip": 4.5}],
    ids=str,
)
def test_limits_leave_gaussians_out(lab, limits):
    scene = lab.random_scene(60)
    limited = lab.replace(scene, **limits)
    visible, kept = ((lab.draw(s, "oracle").radii > 0).all(dim=1) for s in (scene, limited))
    assert 0 < kept.sum() < visible.sum()
    lab.assert_alike(limited, visible_share=0.1)


def test_another_widening(lab):
    lab.assert_alike(lab.replace(lab.random_scene(61, size=0.3, antialiased=True), eps2d=1.2))


def test_without_depth_there_is_no_depth_channel(lab):
    scene = lab.random_scene(1)
    with_depth = lab.draw(scene, "cpu", dtype=torch.float32)
    without = lab.draw(lab.replace(scene, depth=False), "cpu", dtype=torch.float32)
    assert without.depth is None
    assert torch.equal(without.image, with_depth.image)
    with pytest.raises(ValueError, match="depth=True"):
        _ = without.expected_depth


def test_gaussians_behind_the_camera_are_left_out(lab):
    scene = lab.random_scene(2)
    T, points = scene.T_camera_world, scene.means @ scene.T_camera_world[:3, :3].T + scene.T_camera_world[:3, 3]
    points[::2, 2] *= -1
    points[1::10, 2] = 0.004  # between the camera and the near plane
    means = (points - T[:3, 3]) @ T[:3, :3]
    lab.assert_alike(lab.replace(scene, means=means).rounded())


def test_gaussians_across_the_border_and_outside_the_clamped_field_of_view(lab):
    scene = lab.random_scene(3, spread=2.5, size=4.0)
    pixels = lab.draw(scene, "oracle").means2d
    outside = ((pixels < -0.2 * scene.width) | (pixels > 1.2 * scene.width)).any(dim=1)
    assert outside.float().mean() > 0.2
    lab.assert_alike(scene)


def test_opacities_at_the_thresholds(lab):
    scene = lab.random_scene(4, size=2.0)
    at = torch.tensor([1 / 255, 1.0001 / 255, 0.9999 / 255, 0.0, 0.998, 0.9995, 1.0], dtype=torch.float64)
    opacities = at[torch.arange(len(scene.means)) % len(at)]
    lab.assert_alike(lab.replace(scene, opacities=opacities).rounded())


def test_stacks_that_saturate(lab):
    scene = lab.random_scene(5, count=300, size=4.0, channels=4)
    scene = lab.replace(scene, opacities=(0.6 + 0.4 * scene.opacities)).rounded()
    assert (lab.draw(scene, "oracle").alpha > 0.999).float().mean() > 0.5
    lab.assert_alike(scene)


@pytest.mark.parametrize("antialiased", [False, True])
def test_gaussians_smaller_than_a_pixel(lab, antialiased):
    lab.assert_alike(lab.random_scene(6, count=400, size=0.08, antialiased=antialiased))


def test_huge_gaussians(lab):
    scene = lab.random_scene(7, count=40, size=60.0)
    lab.assert_alike(lab.replace(scene, opacities=0.2 * scene.opacities).rounded())


def test_needles(lab):
    """Sigma of a needle is the small difference of large numbers, so float32 is less exact here."""
    scene = lab.random_scene(8)
    scene = lab.replace(scene, scales=scene.scales * torch.tensor([6.0, 0.05, 0.05])).rounded()
    lab.assert_alike(scene, tolerance=1e-3, margin=1e-3)


def test_equal_depths_are_drawn_in_the_order_of_the_rows(lab):
    scene = lab.random_scene(9, count=60, size=2.0)
    points = scene.means @ scene.T_camera_world[:3, :3].T + scene.T_camera_world[:3, 3]
    points = points / points[:, 2:] * 4
    scene = lab.replace(scene, means=points, T_camera_world=torch.eye(4, dtype=torch.float64)).rounded()
    lab.assert_alike(scene)
    turned = lab.replace(scene, **{name: getattr(scene, name).flip(0) for name in lab.INPUTS[:5]})
    first, second = (lab.draw(s, "cpu", dtype=torch.float32).image for s in (scene, turned))
    assert (first - second).abs().max() > 0.01


BACKENDS = pytest.mark.parametrize(("backend", "dtype"), [("cpu", torch.float32), ("oracle", torch.float64)])


@BACKENDS
def test_no_gaussians(lab, backend, dtype):
    scene = lab.random_scene(0, count=0)
    inputs = scene.inputs(dtype)
    rendered = lab.draw(scene, backend, inputs, dtype)
    assert torch.equal(rendered.image, scene.background.to(dtype).expand_as(rendered.image))
    assert not rendered.alpha.any()
    assert not rendered.depth.any()
    rendered.image.sum().backward()
    assert torch.equal(inputs["background"].grad, torch.full((3,), float(scene.width * scene.height), dtype=dtype))
    weights = torch.ones(scene.height, scene.width, 2, dtype=dtype)
    gaussians = [inputs[name].detach() for name in lab.INPUTS[:4]]
    camera = {"T_camera_world": scene.T_camera_world, "K": scene.K}
    assert accumulate_weights(*gaussians, weights, **camera, backend=backend).shape == (0, 2)


@BACKENDS
def test_nothing_visible(lab, backend, dtype):
    scene = lab.random_scene(0, count=20)
    inputs = scene.inputs(dtype) | {"opacities": torch.zeros(20, dtype=dtype, requires_grad=True)}
    rendered = lab.draw(scene, backend, inputs, dtype)
    rendered.image.sum().backward()
    assert not rendered.radii.any()
    assert all(not inputs[name].grad.any() for name in lab.INPUTS if name != "background")


@BACKENDS
def test_a_lonely_gaussian_leaves_tiles_empty(lab, backend, dtype):
    scene = lab.random_scene(0, count=1, width=100, height=100, size=0.5)
    alpha = lab.draw(scene, backend, dtype=dtype).alpha
    assert 0 < (alpha > 0).float().mean() < 0.5


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize(
    "settings", [{}, {"antialiased": True}, {"near": 3.1, "far": 5.2, "radius_clip": 4.5}], ids=str
)
def test_accumulated_weights(lab, channels, settings):
    scene = lab.replace(lab.random_scene(40, size=2.0), **settings)
    assert lab.weights_error(scene, "cpu", channels) < 1e-5
