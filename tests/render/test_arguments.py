"""Wrong arguments are told apart and named; wrong values give one clear message."""

import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.gaussians import Gaussians
from splatsmith.render import accumulate_weights, rasterize, render_view
from splatsmith.scenes.cameras import Camera

N = 6
CAMERA = {
    "T_camera_world": torch.eye(4),
    "K": torch.tensor([[20.0, 0, 8], [0, 20, 8], [0, 0, 1]]),
    "width": 16,
    "height": 12,
}


def arguments(**changed):
    given = {
        "means": torch.tensor([0.0, 0, 3]).expand(N, 3) + 0.1 * torch.arange(N)[:, None],
        "quats": torch.ones(N, 4),
        "scales": torch.full((N, 3), 0.2),
        "opacities": torch.full((N,), 0.5),
        "colors": torch.ones(N, 3),
    }
    return given | CAMERA | changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"means": torch.zeros(N, 2)}, r"means: expected shape \(6, 3\), got \(6, 2\)"),
        ({"quats": torch.ones(N, 3)}, r"quats: expected shape \(6, 4\), got \(6, 3\)"),
        ({"scales": torch.ones(N - 1, 3)}, r"scales: expected shape \(6, 3\), got \(5, 3\)"),
        ({"opacities": torch.ones(N, 1)}, r"opacities: expected shape \(6,\), got \(6, 1\)"),
        ({"colors": torch.ones(N, 4, 3)}, r"colors: expected shape \(6, C\) .* without sh_degree, got \(6, 4, 3\)"),
        ({"colors": torch.ones(N, 0)}, r"colors: expected shape \(6, C\) with C >= 1"),
        ({"sh_degree": 1}, r"colors: expected shape \(6, K, 3\) with K >= 4 for sh_degree 1, got \(6, 3\)"),
        ({"sh_degree": 4, "colors": torch.ones(N, 25, 3)}, "sh_degree: expected 0, 1, 2 or 3, got 4"),
        ({"background": torch.ones(4)}, r"background: expected shape \(3,\), got \(4,\)"),
        ({"T_camera_world": torch.eye(3)}, r"T_camera_world: expected shape \(4, 4\), got \(3, 3\)"),
        ({"K": torch.eye(4)}, r"K: expected shape \(3, 3\), got \(4, 4\)"),
        ({"width": 0}, "width, height: expected at least 1 x 1 pixel, got 0 x 12"),
        ({"quats": torch.ones(N, 4).double()}, "quats: expected torch.float32 on cpu, as means, got torch.float64"),
    ],
)
def test_wrong_shapes_and_types(changed, message):
    with pytest.raises(ValueError, match=message):
        rasterize(**arguments(**changed))


def test_cpu_wants_float32():
    doubles = {name: value.double() for name, value in arguments().items() if isinstance(value, torch.Tensor)}
    with pytest.raises(ValueError, match="backend 'cpu': expected torch.float32 on cpu, got torch.float64 on cpu"):
        rasterize(**arguments(**doubles))


def test_cpu_refuses_to_leave_out_a_gradient():
    with pytest.raises(ValueError, match="no gradient by K"):
        rasterize(**arguments(K=CAMERA["K"].clone().requires_grad_()))


@pytest.mark.parametrize(
    "name", ["means", "quats", "scales", "opacities", "colors", "background", "T_camera_world", "K"]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_named(name, value):
    given = arguments(background=torch.zeros(3))
    given[name] = given[name].clone()
    given[name].view(len(given[name]), -1)[2, -1] = value
    with pytest.raises(InputError) as caught:
        rasterize(**given)
    assert f"{name} holds values that are not finite" in str(caught.value)
    assert f"row 2 of {name}, the first of 1 bad rows" in str(caught.value)


def test_a_background_that_is_not_finite_is_named_where_there_are_no_gaussians():
    nothing = {name: tensor[:0] for name, tensor in arguments().items() if name not in CAMERA}
    with pytest.raises(InputError, match="row 1 of background"):
        rasterize(**arguments(**nothing, background=torch.tensor([0.0, float("nan"), 0.0])))


def test_large_finite_values_are_not_taken_for_infinity():
    rendered = rasterize(**arguments(colors=torch.full((N, 3), 3e38)))
    assert rendered.radii.any()


def test_unknown_backend():
    with pytest.raises(AssertionError, match="metal"):
        rasterize(**arguments(backend="metal"))


def test_gsplat_without_a_gpu_is_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="needs an NVIDIA GPU") as caught:
        rasterize(**arguments(backend="gsplat"))
    assert "choose backend 'cpu'" in str(caught.value)


def test_gsplat_that_is_not_installed_names_the_extra(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'splatsmith\[gpu\]'"):
        rasterize(**arguments(backend="gsplat"))


@pytest.mark.parametrize("shape", [(12, 16), (12, 16, 0), (0, 16, 2)])
def test_weights_of_a_wrong_shape(shape):
    given = [value for name, value in arguments().items() if name in ("means", "quats", "scales", "opacities")]
    with pytest.raises(ValueError, match=r"weights: expected shape \(H, W, C\)"):
        accumulate_weights(*given, torch.ones(shape), T_camera_world=CAMERA["T_camera_world"], K=CAMERA["K"])


def test_weights_that_are_not_finite():
    given = [value for name, value in arguments().items() if name in ("means", "quats", "scales", "opacities")]
    weights = torch.ones(12, 16, 2)
    weights[3, 4, 1] = float("nan")
    with pytest.raises(InputError, match="row 3 of weights"):
        accumulate_weights(*given, weights, T_camera_world=CAMERA["T_camera_world"], K=CAMERA["K"])


@pytest.mark.parametrize("sh_degree", [None, 0, 1])
def test_render_view_activates_the_parameters(lab, sh_degree):
    scene = lab.random_scene(0, sh_degree=1)
    gaussians = Gaussians(
        means=scene.means.float(),
        quats=scene.quats.float(),
        log_scales=scene.scales.log().float(),
        logit_opacities=scene.opacities.logit().float(),
        sh=scene.colors[:, :4].float(),
    )
    camera = Camera(scene.width, scene.height, *(scene.K[i, j].item() for i, j in ((0, 0), (1, 1), (0, 2), (1, 2))))
    background = scene.background.float()
    got = render_view(gaussians, camera, scene.T_camera_world.numpy(), background=background, sh_degree=sh_degree)
    expected = lab.draw(lab.replace(scene, sh_degree=1 if sh_degree is None else sh_degree), "oracle")
    sure = lab.sure_pixels(scene)
    assert (got.image - expected.image)[sure].abs().max() < 1e-4

    features = torch.randn(len(gaussians), 5)
    got = render_view(gaussians, camera, scene.T_camera_world.numpy(), colors=features)
    assert got.image.shape == (scene.height, scene.width, 5)
