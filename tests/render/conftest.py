"""Scenes to draw, and how to compare what two backends made of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.render import Rendered, accumulate_weights, oracle, rasterize
from splatsmith.render.constants import ALPHA_MAX, ALPHA_MIN, EPS2D, FAR, NEAR, TRANSMITTANCE_MIN
from splatsmith.render.splats import Projection

INPUTS = ("means", "quats", "scales", "opacities", "colors", "background", "T_camera_world")
"""What `rasterize` has gradients for."""
NATIVE = {"oracle": ("cpu", torch.float64), "cpu": ("cpu", torch.float32), "gsplat": ("cuda", torch.float32)}
"""Device and type that a backend is tested with."""


@dataclass(frozen=True)
class Scene:
    """Arguments of `rasterize`, in float64 numbers that float32 holds exactly."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor
    background: Tensor
    T_camera_world: Tensor
    K: Tensor
    width: int
    height: int
    sh_degree: int | None = None
    antialiased: bool = False
    depth: bool = True
    near: float = NEAR
    far: float = FAR
    eps2d: float = EPS2D
    radius_clip: float = 0.0

    @property
    def projecting(self) -> dict:
        """What `rasterize` and `accumulate_weights` both take beside tensors of Gaussians."""
        names = ("T_camera_world", "K", "antialiased", "near", "far", "eps2d", "radius_clip")
        return {name: getattr(self, name) for name in names}

    def inputs(self, dtype: torch.dtype, device: str = "cpu") -> dict[str, Tensor]:
        return {name: getattr(self, name).to(device, dtype, copy=True).requires_grad_() for name in INPUTS}

    def rounded(self) -> "Scene":
        return replace(self, **{name: getattr(self, name).float().double() for name in (*INPUTS, "K")})


def random_scene(
    seed: int = 0,
    *,
    count: int = 150,
    width: int = 67,
    height: int = 45,
    channels: int = 3,
    sh_degree: int | None = None,
    antialiased: bool = False,
    spread: float = 1.0,
    size: float = 1.0,
) -> Scene:
    """Gaussians in front of a camera anywhere. No two have nearly the same depth: their order is beyond doubt.

    spread: 1 fills the image. size: 1 makes splats of a few pixels.
    """
    draw = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw, dtype=torch.float64)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    focal = 0.9 * width
    K = torch.tensor([[focal, 0, 0.48 * width], [0, 1.1 * focal, 0.53 * height], [0, 0, 1]], dtype=torch.float64)
    depth = 2 + 4 * (torch.randperm(count, generator=draw).double() + 0.5 * uniform(count)) / max(count, 1)
    pixels = torch.tensor([width, height]) * (0.5 + spread * (uniform(count, 2) - 0.5))
    rays = torch.cat([pixels, torch.ones(count, 1, dtype=torch.float64)], dim=1) @ torch.linalg.inv(K).T
    points = rays * depth[:, None]

    T = torch.eye(4, dtype=torch.float64)
    T[:3, :3] = rotation_matrices(normal(4))
    T[:3, 3] = normal(3)
    means = (points - T[:3, 3]) @ T[:3, :3]
    colors = normal(count, channels) if sh_degree is None else 0.5 * normal(count, 16, 3)
    return Scene(
        means=means,
        quats=normal(count, 4),
        scales=size * 0.15 * torch.exp(0.7 * normal(count, 3)),
        opacities=uniform(count).clamp(min=0.01),
        colors=colors,
        background=uniform(channels),
        T_camera_world=T,
        K=K,
        width=width,
        height=height,
        sh_degree=sh_degree,
        antialiased=antialiased,
    ).rounded()


def draw(scene: Scene, backend: str, inputs: dict[str, Tensor] | None = None, dtype=torch.float64) -> Rendered:
    """`rasterize` a scene, with some of its tensors put in place of its own."""
    inputs = scene.inputs(dtype) if inputs is None else inputs
    gaussians = [inputs[name] for name in ("means", "quats", "scales", "opacities", "colors")]
    return rasterize(
        *gaussians,
        **scene.projecting | {"T_camera_world": inputs["T_camera_world"]},
        background=inputs["background"],
        width=scene.width,
        height=scene.height,
        sh_degree=scene.sh_degree,
        depth=scene.depth,
        backend=backend,
    )


@torch.no_grad()
def sure_pixels(scene: Scene, margin: float = 1e-4) -> Tensor:
    """(H, W) bool. Pixels where no decision hangs on rounding: no alpha, no transmittance is nearly at a threshold.

    Elsewhere two correct programs may differ by a whole Gaussian.
    """
    limits = (scene.near, scene.far, scene.eps2d, scene.radius_clip)
    settings = Projection(scene.T_camera_world, scene.K, scene.width, scene.height, *limits, scene.antialiased)
    splats = oracle.project(scene.means, scene.quats, scene.scales, scene.opacities, settings)
    opacities = scene.opacities * splats.compensations if scene.antialiased else scene.opacities
    visible = (splats.radii > 0).all(dim=1).nonzero()[:, 0]
    order = visible[splats.depths[visible].argsort(stable=True)]
    x = torch.arange(scene.width) + 0.5
    y = (torch.arange(scene.height) + 0.5)[:, None]
    through = torch.ones(scene.height, scene.width, dtype=torch.float64)
    sure = torch.ones(scene.height, scene.width, dtype=torch.bool)
    for i in order:
        dx, dy = splats.means2d[i, 0] - x, splats.means2d[i, 1] - y
        xx, xy, yy = splats.conics[i]
        unclamped = opacities[i] * torch.exp(-0.5 * (xx * dx * dx + yy * dy * dy) - xy * dx * dy)
        sure &= (unclamped / ALPHA_MIN - 1).abs() > margin
        sure &= (unclamped / ALPHA_MAX - 1).abs() > margin
        alpha = torch.where(unclamped >= ALPHA_MIN, unclamped.clamp(max=ALPHA_MAX), 0.0)
        going = through > TRANSMITTANCE_MIN
        through = torch.where(going, through * (1 - alpha), through)
        sure &= (through / TRANSMITTANCE_MIN - 1).abs() > 10 * margin
    return sure


def cotangents(scene: Scene, sure: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Random gradients of image, alpha and depth, 0 in pixels that are not sure."""
    draw = torch.Generator().manual_seed(0)
    channels = len(scene.background)
    shapes = (scene.height, scene.width, channels), (scene.height, scene.width), (scene.height, scene.width)
    v_image, v_alpha, v_depth = (torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes)
    return v_image * sure[..., None], v_alpha * sure, v_depth * sure


def loss(rendered: Rendered, given: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """One number from image, alpha and, where drawn, depth."""
    v_image, v_alpha, v_depth = (v.to(rendered.image) for v in given)
    total = (rendered.image * v_image).sum() + (rendered.alpha * v_alpha).sum()
    return total if rendered.depth is None else total + (rendered.depth * v_depth).sum()


def relative_error(got: Tensor, expected: Tensor) -> float:
    """L2 distance relative to the L2 norm of what is expected; 0 where both are 0."""
    distance = (got.double() - expected.double()).norm().item()
    return distance / max(expected.double().norm().item(), math.ulp(0.0)) if distance else 0.0


def assert_alike(
    scene: Scene, *, backend: str = "cpu", tolerance: float = 2e-5, margin: float = 1e-4, visible_share: float = 0.3
) -> None:
    """A backend draws what the oracle draws in float64: image, alpha, depth, radii; gradients, of means2d too."""
    sure = sure_pixels(scene, margin=margin)
    assert sure.float().mean() > 0.9, "too few pixels are left to compare"
    given = cotangents(scene, sure)
    expected, expected_gradients = drawn_with_gradients(scene, "oracle", given)
    got, gradients = drawn_with_gradients(scene, backend, given)
    visible = (expected["radii"] > 0).all(dim=1)
    assert visible.float().mean() >= visible_share
    decided = (255 * scene.opacities - 1).abs() > 1e-6  # else rounding decides whether the box is empty
    unequal = (got["radii"] != expected["radii"]).any(dim=1) & decided
    assert unequal.float().mean() <= 0.02, "radii differ by more than rounding up"
    for name in ("image", "alpha", "depth"):
        a, b = got[name][sure], expected[name][sure]
        assert (a - b).abs().max() <= tolerance * max(1.0, b.abs().max()), name
    for name, b in expected_gradients.items():
        a = gradients[name]
        assert a.isfinite().all(), name
        if name == "means2d":
            a, b = a[visible], b[visible]
        assert relative_error(a, b) <= tolerance, name


def drawn_with_gradients(scene: Scene, backend: str, given: tuple[Tensor, ...]) -> tuple[dict, dict]:
    """What a backend draws and the gradients of `loss`, by name, on the CPU."""
    device, dtype = NATIVE[backend]
    inputs = scene.inputs(dtype, device)
    rendered = draw(scene, backend, inputs)
    rendered.means2d.retain_grad()
    loss(rendered, given).backward()
    drawn = {name: getattr(rendered, name).detach().cpu() for name in ("image", "alpha", "depth", "radii")}
    gradients = {name: tensor.grad.cpu() for name, tensor in {**inputs, "means2d": rendered.means2d}.items()}
    return drawn, gradients


def weights_error(scene: Scene, backend: str, channels: int) -> float:
    """Relative error of `accumulate_weights`, with random weights where pixels are sure."""
    weights = torch.rand(scene.height, scene.width, channels, generator=torch.Generator().manual_seed(0))
    weights *= sure_pixels(scene, margin=1e-3)[..., None]

    def accumulated(backend: str) -> Tensor:
        device, dtype = NATIVE[backend]
        gaussians = [getattr(scene, name).to(device, dtype) for name in INPUTS[:4]]
        return accumulate_weights(*gaussians, weights.to(device, dtype), **scene.projecting, backend=backend).cpu()

    return relative_error(accumulated(backend), accumulated("oracle"))


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> Iterator[None]:
    """torch's threads wait busily, at the cost of ours and of other tests that run at the same time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """The functions of this file; test folders are no packages, so they cannot be imported."""
    return SimpleNamespace(
        INPUTS=INPUTS,
        Scene=Scene,
        assert_alike=assert_alike,
        cotangents=cotangents,
        draw=draw,
        loss=loss,
        random_scene=random_scene,
        relative_error=relative_error,
        replace=replace,
        sure_pixels=sure_pixels,
        weights_error=weights_error,
    )
