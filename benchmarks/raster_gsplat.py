"""Our CPU backend beside gsplat on a GPU: the same scenes, the same gradients given, images and gradients compared.

    python benchmarks/raster_gsplat.py

Needs a CUDA device, gsplat 1.5.3, torch, numba and numpy. Writes results/raster_gsplat.json: for every case and tensor
the largest, 99.9 % and median absolute error and the relative L2 error; mismatched radii; milliseconds of a forward and
backward pass on both, and of gsplat's own `rasterization` as the measure of what our wrapping of it costs.

gsplat is compiled with fast-math, so in a few pixels a Gaussian at the threshold alpha = 1/255 is drawn by one of the
two only: the largest error of an image is about 1/255 of a colour there, while its relative L2 error stays small.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from common import save
from surface_scene import orbit_camera, surface_scene
from torch import Tensor

from splatsmith.render import Rendered, rasterize
from splatsmith.render.cpu import get_threads

SEEN = 0.05
"""Least alpha where expected depth is compared: nearer 0, it is the quotient of two roundings."""
INPUTS = ("means", "quats", "scales", "opacities", "colors", "T_camera_world")


@dataclass(frozen=True)
class Case:
    """What to draw; `channels` None stands for spherical harmonics of degree 3."""

    name: str
    count: int
    width: int
    height: int
    size: float = 1.0
    channels: int | None = None
    antialiased: bool = False
    depth: bool = False
    background: bool = True
    opaque: bool = False


CASES = (
    Case("classic", 2000, 200, 150),
    Case("antialiased, expected depth", 2000, 200, 150, antialiased=True, depth=True, background=False),
    Case("16 features, depth", 3000, 320, 240, channels=16, depth=True),
    Case("saturating", 6000, 160, 120, size=2.5, opaque=True),
    Case("smaller than a pixel", 8000, 160, 120, size=0.06, antialiased=True),
    Case("43 channels", 800, 96, 64, channels=43, background=False),
    Case("large", 100_000, 960, 540),
)


def tensors_of(case: Case, seed: int) -> dict[str, Tensor]:
    """Inputs of `rasterize`, and the gradients given to image, alpha and depth (v_...)."""
    draw = torch.Generator().manual_seed(1000 + seed)
    scene = surface_scene(case.count, size=case.size, seed=seed)
    if case.opaque:
        scene["opacities"] = torch.rand(case.count, generator=draw) ** 0.3
    channels = case.channels or 3
    shape = (case.count, 16, 3) if case.channels is None else (case.count, channels)
    camera = orbit_camera(case.width, case.height, turn=0.1 * seed)
    pixels = case.height, case.width
    return {
        **scene,
        "colors": (0.3 if case.channels is None else 1.0) * torch.randn(shape, generator=draw),
        "background": torch.rand(channels, generator=draw) * case.background,
        "T_camera_world": camera["T_camera_world"],
        "K": camera["K"],
        "v_image": torch.randn(*pixels, channels, generator=draw),
        "v_alpha": torch.randn(pixels, generator=draw),
        "v_depth": torch.randn(pixels, generator=draw),
    }


def on(tensors: dict[str, Tensor], backend: str) -> dict[str, Tensor]:
    """The tensors as a backend wants them, the inputs as leaves with gradients."""
    device, dtype = {
        "cpu": ("cpu", torch.float32),
        "gsplat": ("cuda", torch.float32),
        "oracle": ("cpu", torch.float64),
    }[backend]
    moved = {name: tensor.to(device, dtype, copy=True) for name, tensor in tensors.items()}
    for name in (*INPUTS, "background"):
        moved[name].requires_grad_()
    return moved


def draw(case: Case, tensors: dict[str, Tensor], backend: str) -> Rendered:
    given = {name: tensors[name] for name in (*INPUTS, "background", "K")}
    degree = 3 if case.channels is None else None
    options = {"sh_degree": degree, "depth": case.depth, "antialiased": case.antialiased}
    return rasterize(**given, **options, width=case.width, height=case.height, backend=backend)


def loss_of(tensors: dict[str, Tensor], drawn: Rendered, seen: Tensor) -> Tensor:
    loss = (drawn.image * tensors["v_image"]).sum() + (drawn.alpha * tensors["v_alpha"]).sum()
    if drawn.depth is not None:
        loss = loss + (drawn.depth * tensors["v_depth"]).sum()
        loss = loss + (drawn.expected_depth * tensors["v_depth"] * seen.to(loss.device)).sum()
    return loss


def outcome(case: Case, tensors: dict[str, Tensor], backend: str, seen: Tensor | None) -> dict[str, Tensor]:
    """Every image and gradient, on the CPU."""
    tensors = on(tensors, backend)
    drawn = draw(case, tensors, backend)
    drawn.means2d.retain_grad()
    seen = drawn.alpha.detach() > SEEN if seen is None else seen
    loss_of(tensors, drawn, seen).backward()
    visible = (drawn.radii > 0).all(dim=1)
    found = {"image": drawn.image, "alpha": drawn.alpha, "radii": drawn.radii, "seen": seen}
    if drawn.depth is not None:
        found |= {"depth": drawn.depth, "expected depth": drawn.expected_depth * seen.to(drawn.depth.device)}
    found |= {f"gradient {name}": tensors[name].grad for name in (*INPUTS, "background")}
    found["gradient means2d"] = torch.where(visible[:, None], drawn.means2d.grad, 0.0)
    return {name: tensor.detach().cpu() for name, tensor in found.items()}


def errors(got: Tensor, expected: Tensor) -> dict[str, float]:
    difference = (got.double() - expected.double()).abs().flatten()
    norm = expected.double().norm().item()
    rank = max(1, round(0.999 * len(difference)))
    return {
        "max": difference.max().item(),
        "p99.9": difference.kthvalue(rank).values.item(),
        "median": difference.median().item(),
        "relative_l2": difference.norm().item() / norm if norm else difference.norm().item(),
        "largest_expected": expected.abs().max().item(),
    }


def milliseconds(work: Callable[[], None], rounds: int, device: str) -> float:
    """Median wall time of a round, after two rounds to warm up."""

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    took = []
    for _ in range(rounds + 2):
        wait()
        started = time.perf_counter()
        work()
        wait()
        took.append(1e3 * (time.perf_counter() - started))
    return statistics.median(took[2:])


def forward_backward(case: Case, tensors: dict[str, Tensor], backend: str) -> Callable[[], None]:
    tensors = on(tensors, backend)
    everywhere = torch.ones_like(tensors["v_alpha"])

    def work() -> None:
        for name in (*INPUTS, "background"):
            tensors[name].grad = None
        loss_of(tensors, draw(case, tensors, backend), everywhere).backward()

    return work


def gsplats_own(case: Case, tensors: dict[str, Tensor]) -> Callable[[], Tensor]:
    """A forward and backward pass through gsplat's `rasterization`; returns its image."""
    from gsplat import rasterization

    tensors = on(tensors, "gsplat")

    def work() -> Tensor:
        for name in (*INPUTS, "background"):
            tensors[name].grad = None
        image, alpha, _ = rasterization(
            *(tensors[name] for name in INPUTS[:5]),
            tensors["T_camera_world"][None],
            tensors["K"][None],
            case.width,
            case.height,
            sh_degree=3 if case.channels is None else None,
            packed=False,
            backgrounds=tensors["background"][None],
            render_mode="RGB+D" if case.depth else "RGB",
            rasterize_mode="antialiased" if case.antialiased else "classic",
        )
        colors = image[0, ..., : len(tensors["background"])]
        loss = (colors * tensors["v_image"]).sum() + (alpha[0, ..., 0] * tensors["v_alpha"]).sum()
        if case.depth:
            loss = loss + (image[0, ..., -1] * tensors["v_depth"]).sum()
        loss.backward()
        return colors.detach()

    return work


def compare(case: Case, seed: int, against: str) -> dict:
    """One row of the results."""
    tensors = tensors_of(case, seed)
    ours = outcome(case, tensors, "cpu", None)
    theirs = outcome(case, tensors, against, ours["seen"])
    radii, seen = (ours.pop("radii"), theirs.pop("radii")), ours.pop("seen")
    row = {
        "case": case.name,
        "gaussians": case.count,
        "pixels": case.width * case.height,
        "channels": case.channels or "sh degree 3",
        "share_of_pixels_seen": seen.double().mean().item(),
        "radii_mismatched": (radii[0] != radii[1]).any(dim=1).double().mean().item(),
        "visibility_mismatched": ((radii[0] > 0).all(dim=1) != (radii[1] > 0).all(dim=1)).double().mean().item(),
        "errors": {name: errors(ours[name], theirs[name]) for name in ours},
        "ms_cpu": milliseconds(forward_backward(case, tensors, "cpu"), 5, "cpu"),
    }
    if against == "gsplat":
        own = gsplats_own(case, tensors)
        row["wrapper_max_difference"] = (own().cpu() - theirs["image"]).abs().max().item()
        row["ms_gsplat_backend"] = milliseconds(forward_backward(case, tensors, "gsplat"), 20, "cuda")
        row["ms_gsplat_rasterization"] = milliseconds(own, 20, "cuda")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=("gsplat", "oracle"), default="gsplat", help=argparse.SUPPRESS)
    against = parser.parse_args().against
    torch.set_num_threads(1)  # its threads would wait busily beside ours
    # Against the oracle, only printed: it shows that this script works where there is no GPU.
    cases = CASES if against == "gsplat" else [case for case in CASES if case.count < 10_000]
    rows = []
    for seed, case in enumerate(cases):
        rows.append(compare(case, seed, against))
        worst = max(rows[-1]["errors"].items(), key=lambda item: item[1]["relative_l2"])
        print(f"{case.name}: largest relative L2 error {worst[1]['relative_l2']:.1e} in {worst[0]}", flush=True)
    found = [error for row in rows for error in row["errors"].values()]
    summary = {
        "max_rel_error": max(error["relative_l2"] for error in found),
        "image_p99.9_abs_error": max(row["errors"]["image"]["p99.9"] for row in rows),
        "radii_mismatched": max(row["radii_mismatched"] for row in rows),
        "cpu_threads": get_threads(),
    }
    if against == "oracle":
        print(json.dumps({"summary": summary, "rows": rows}, indent=2))
        return
    import gsplat

    summary["wrapper_max_difference"] = max(row["wrapper_max_difference"] for row in rows)
    summary["wrapper_time_ratio"] = rows[-1]["ms_gsplat_backend"] / rows[-1]["ms_gsplat_rasterization"]
    save("raster_gsplat", seeds=list(range(len(rows))), rows=rows, summary=summary, gsplat=gsplat.__version__)


if __name__ == "__main__":
    main()
