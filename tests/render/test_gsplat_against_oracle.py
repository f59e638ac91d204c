"""The gsplat backend draws what the oracle draws in float64, and has its gradients; only where it can run.

gsplat is compiled with fast-math: it decides at thresholds, and rounds, less exactly than the CPU backend.
"""

import importlib.util

import pytest
import torch

from splatsmith.render import accumulate_weights

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("gsplat") is None, reason="needs a GPU and gsplat"
)
LOOSE = {"backend": "gsplat", "tolerance": 1e-3, "margin": 1e-3}


@pytest.mark.parametrize("antialiased", [False, True])
def test_random_scenes(lab, antialiased):
    lab.assert_alike(lab.random_scene(0, sh_degree=3, antialiased=antialiased), **LOOSE)


@pytest.mark.parametrize("channels", [1, 7, 35])
def test_any_number_of_channels(lab, channels):
    lab.assert_alike(lab.random_scene(10 + channels, channels=channels), **LOOSE)


def test_limits_leave_gaussians_out(lab):
    scene = lab.replace(lab.random_scene(60), near=3.1, far=5.2, radius_clip=4.5)
    lab.assert_alike(scene, visible_share=0.1, **LOOSE)


@pytest.mark.parametrize("channels", [3, 40])
def test_accumulated_weights(lab, channels):
    assert lab.weights_error(lab.random_scene(40, size=2.0), "gsplat", channels) < 1e-3


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("sh_degree", [None, 2])
def test_no_gaussians(lab, antialiased, sh_degree):
    scene = lab.random_scene(0, count=0, antialiased=antialiased, sh_degree=sh_degree)
    inputs = scene.inputs(torch.float32, "cuda")
    rendered = lab.draw(scene, "gsplat", inputs)
    assert torch.equal(rendered.image, inputs["background"].expand_as(rendered.image))
    assert not rendered.alpha.any()
    assert not rendered.depth.any()
    rendered.image.sum().backward()
    assert inputs["background"].grad.tolist() == [scene.width * scene.height] * 3
    weights = torch.ones(scene.height, scene.width, 2, device="cuda")
    gaussians = [inputs[name].detach() for name in lab.INPUTS[:4]]
    assert accumulate_weights(*gaussians, weights, **scene.projecting, backend="gsplat").shape == (0, 2)
