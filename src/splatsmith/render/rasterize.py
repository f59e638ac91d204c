"""The one way to draw Gaussians: `rasterize`, its transpose `accumulate_weights`, and both for a scene:
`render_view`, `accumulate_view`.

    s_i = alpha_i * product over j in front of i of (1 - alpha_j)        weight of Gaussian i in a pixel
    image = sum_i s_i * color_i + (1 - alpha) * background               alpha = sum_i s_i

Source: Kerbl et al., 3D Gaussian Splatting, 2023, section 4 to 6; Zwicker et al., EWA Splatting, 2002 (projection);
Yu et al., Mip-Splatting, 2024, section 5.2 (antialiasing). The exact rules are those of gsplat 1.5.3, and `oracle.py`
spells them out.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.render import checks
from splatsmith.render.constants import EPS2D, FAR, NEAR
from splatsmith.render.splats import Projection, Splats
from splatsmith.scenes.cameras import Camera

Backend = Literal["cpu", "gsplat", "oracle"]


@dataclass(frozen=True)
class Rendered:
    """One drawn image and what the drawing found out."""

    image: Tensor
    """(H, W, C). Colours over the background."""
    alpha: Tensor
    """(H, W). Opacity, 0 to 1."""
    depth: Tensor | None
    """(H, W). Accumulated depth, the sum of s_i * z_i with camera z in scene units; None unless asked for."""
    means2d: Tensor
    """(N, 2). Projected centres in pixels, part of the graph: after `means2d.retain_grad()` and a backward pass,
    `means2d.grad` is the gradient that densification looks at. Rows with radius 0 hold nothing of meaning."""
    radii: Tensor
    """(N, 2) int32. Half the size of each Gaussian's box along x and y in pixels; 0 where it is not visible."""

    @property
    def expected_depth(self) -> Tensor:
        """(H, W). Mean camera z of what is seen, `depth / alpha`, in scene units; 0 where nothing is."""
        if self.depth is None:
            raise ValueError("expected_depth needs rasterize(..., depth=True)")
        return self.depth / self.alpha.clamp(min=1e-10)


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    *,
    T_camera_world: Tensor | np.ndarray,
    K: Tensor | np.ndarray,
    width: int,
    height: int,
    background: Tensor | None = None,
    sh_degree: int | None = None,
    depth: bool = False,
    antialiased: bool = False,
    near: float = NEAR,
    far: float = FAR,
    eps2d: float = EPS2D,
    radius_clip: float = 0.0,
    backend: Backend = "cpu",
) -> Rendered:
    """Draw N Gaussians into one pinhole camera.

    means, quats, scales, opacities: (N, 3), (N, 4) as wxyz in any length, (N, 3) standard deviations, (N,) in [0, 1];
        activated values, in the world frame and scene units.
    colors: (N, C) with any C >= 1; or, with `sh_degree` 0 to 3, spherical harmonics (N, K, 3), K >= (sh_degree + 1)^2,
        of which the bands up to `sh_degree` are used: rgb = max(0, 0.5 + Y . sh).
    T_camera_world, K: (4, 4) rigid world-to-camera transform and (3, 3) intrinsics in pixels, pixel centres at +0.5.
    background: (C,), black if None.
    depth: also draw the accumulated depth, which costs one more channel.
    antialiased: scale opacities so that a splat smaller than a pixel keeps its energy.
    near, far: depths drawn. eps2d: widening of every splat, square pixels. radius_clip: splats whose box is not larger
        than this, in pixels, are left out.
    backend: "cpu" (float32 tensors on the CPU), "gsplat" (float32 on CUDA), "oracle" (any float type, slow).

    Gradients flow from image, alpha and depth to means, quats, scales, opacities, colors, background and T_camera_world
    (K too with "oracle"). T_camera_world counts as 12 free numbers, with the camera centre as -R^T t: only the part of
    its gradient along rigid motions has a meaning.

    Raises InputError where a backend is not installed or a tensor on the CPU is not finite (on a GPU, looking would
    make every call wait); ValueError where shapes, types or devices do not fit.
    """
    projection = _projection(means, T_camera_world, K, width, height, near, far, eps2d, radius_clip, antialiased)
    checks.check_gaussians(means, quats, scales, opacities)
    checks.check_colors(means, colors, sh_degree)
    channels = 3 if sh_degree is not None else colors.shape[1]
    background = means.new_zeros(channels) if background is None else background
    checks.check_background(means, background, channels)
    given = {"means": means, "quats": quats, "scales": scales, "opacities": opacities}
    camera = {"T_camera_world": projection.T_camera_world, "K": projection.K}
    checks.check_finite(**given, colors=colors, background=background, **camera)

    renderer = _renderer(backend, means, projection.K)
    splats = renderer.project(means, quats, scales, opacities, projection)
    if sh_degree is not None:
        colors = renderer.spherical_harmonics(sh_degree, means - projection.center, colors, splats.radii)
    if depth:
        colors = torch.cat([colors, splats.depths[:, None]], dim=1)
        background = torch.cat([background, background.new_zeros(1)])
    image, alpha = renderer.composite(splats, colors, _drawn(opacities, splats), background, width, height)
    return Rendered(
        image=image[..., :channels] if depth else image,
        alpha=alpha,
        depth=image[..., channels] if depth else None,
        means2d=splats.means2d,
        radii=splats.radii,
    )


@torch.no_grad()
def accumulate_weights(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    weights: Tensor,
    *,
    T_camera_world: Tensor | np.ndarray,
    K: Tensor | np.ndarray,
    antialiased: bool = False,
    near: float = NEAR,
    far: float = FAR,
    eps2d: float = EPS2D,
    radius_clip: float = 0.0,
    backend: Backend = "cpu",
) -> Tensor:
    """Carry a picture back onto the Gaussians: the transpose of `rasterize` with respect to colours.

    weights: (H, W, C), any C >= 1; the image size is taken from it. The rest is as in `rasterize`.
    Returns (N, C): for every Gaussian, the sum over pixels of s_i * weights, without gradient.
    """
    checks.check_weights(means, weights)
    height, width, _ = weights.shape
    projection = _projection(means, T_camera_world, K, width, height, near, far, eps2d, radius_clip, antialiased)
    checks.check_gaussians(means, quats, scales, opacities)
    given = {"means": means, "quats": quats, "scales": scales, "opacities": opacities}
    camera = {"T_camera_world": projection.T_camera_world, "K": projection.K}
    checks.check_finite(**given, weights=weights, **camera)

    renderer = _renderer(backend, means, projection.K)
    splats = renderer.project(means, quats, scales, opacities, projection)
    return renderer.accumulate_weights(splats, _drawn(opacities, splats), weights)


def render_view(
    gaussians: Gaussians,
    camera: Camera,
    T_camera_world: Tensor | np.ndarray,
    *,
    colors: Tensor | None = None,
    sh_degree: int | None = None,
    background: Tensor | None = None,
    depth: bool = False,
    antialiased: bool = False,
    backend: Backend = "cpu",
) -> Rendered:
    """Draw a scene as a camera sees it: `rasterize` with the raw parameters of `gaussians` activated.

    colors: (N, C) drawn in place of the spherical harmonics. sh_degree: bands to use, all that the scene holds if None.
    The rest, and what is raised, is as in `rasterize`.
    """
    if colors is None:
        colors, sh_degree = gaussians.sh, gaussians.sh_degree if sh_degree is None else sh_degree
    return rasterize(
        gaussians.means,
        gaussians.quats,
        gaussians.scales,
        gaussians.opacities,
        colors,
        T_camera_world=T_camera_world,
        K=camera.K,
        width=camera.width,
        height=camera.height,
        background=background,
        sh_degree=sh_degree,
        depth=depth,
        antialiased=antialiased,
        backend=backend,
    )


def accumulate_view(
    gaussians: Gaussians,
    camera: Camera,
    T_camera_world: Tensor | np.ndarray,
    weights: Tensor,
    *,
    antialiased: bool = False,
    backend: Backend = "cpu",
) -> Tensor:
    """(N, C). The transpose of `render_view`: `accumulate_weights` with the raw parameters of `gaussians` activated.

    weights: (H, W, C), as large as the camera's picture. What is raised is as in `accumulate_weights`.
    """
    return accumulate_weights(
        gaussians.means,
        gaussians.quats,
        gaussians.scales,
        gaussians.opacities,
        weights,
        T_camera_world=T_camera_world,
        K=camera.K,
        antialiased=antialiased,
        backend=backend,
    )


def _projection(
    means: Tensor,
    T_camera_world: Tensor | np.ndarray,
    K: Tensor | np.ndarray,
    width: int,
    height: int,
    near: float,
    far: float,
    eps2d: float,
    radius_clip: float,
    antialiased: bool,
) -> Projection:
    T_camera_world = torch.as_tensor(T_camera_world, dtype=means.dtype, device=means.device)
    K = torch.as_tensor(K, dtype=means.dtype, device=means.device)
    checks.check_camera(T_camera_world, K, width, height)
    return Projection(T_camera_world, K, width, height, near, far, eps2d, radius_clip, antialiased)


def _drawn(opacities: Tensor, splats: Splats) -> Tensor:
    return opacities if splats.compensations is None else opacities * splats.compensations


def _renderer(backend: Backend, means: Tensor, K: Tensor):
    """The module that draws. Each has `project`, `spherical_harmonics`, `composite` and `accumulate_weights`."""
    match backend:
        case "cpu":
            from splatsmith.render import cpu as renderer
        case "gsplat":
            from splatsmith.render import gsplat_backend as renderer
        case "oracle":
            from splatsmith.render import oracle as renderer
        case _:
            assert_never(backend)
    renderer.check_supported(means, K)
    return renderer
