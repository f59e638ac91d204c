"""The CPU rasterizer: beside the oracle in the same process, over sizes, and against what the processor could do.

    python benchmarks/raster_cpu.py [--quick]

A row is one forward and backward pass from splats to pixels and back: sorting, binning, compositing, gradients, sums.

cpu_ms is processor time with one thread, the least of several passes: it hardly depends on what else runs. wall_ms is
only worth something on an idle machine; `load` says how idle it was. A pair is a pixel where a Gaussian's alpha is at
least 1/255, whatever hides it: 2 pi ln(255 o) / sqrt(det conic) for a Gaussian, from the area of its ellipse.

The floor of a row is its number of pairs at the speed of an ideal scene, whose splats cover whole tiles and hide
nothing, so that no lane of a vector is in vain. ratio_to_floor is what small splats and tile borders cost.
"""

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

import torch
from common import RESULTS, ROOT, save
from surface_scene import orbit_camera, surface_scene
from torch import Tensor

from splatsmith.render import cpu, oracle, rasterize
from splatsmith.render.constants import EPS2D, FAR, NEAR
from splatsmith.render.cpu import set_threads
from splatsmith.render.cpu.photometric import l1_ssim
from splatsmith.render.splats import Projection, Splats

MAIN = (10_000, 320, 240, 3)
CASES = (
    MAIN,
    (10_000, 320, 240, 19),
    (10_000, 640, 480, 3),
    (10_000, 640, 480, 19),
    (50_000, 320, 240, 3),
    (50_000, 640, 480, 3),
    (200_000, 640, 480, 3),
)
"""Gaussians, width, height, channels."""
SCALING = {
    "gaussians": [(count, 320, 240, 3) for count in (2500, 5000, 10_000, 20_000, 40_000, 80_000)],
    "pixels": [(10_000, width, width * 3 // 4, 3) for width in (80, 160, 320, 640, 1280)],
    "channels": [(10_000, 320, 240, channels) for channels in (1, 3, 4, 8, 16, 32, 64)],
}
FIRST_STEP = "import sys; sys.path.insert(0, 'benchmarks'); import raster_cpu; raster_cpu.time_first_step()"


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass, ready to be timed with either backend."""

    splats: Splats
    leaves: tuple[Tensor, ...]
    """Centres, conics, colours, opacities."""
    v_image: Tensor
    v_alpha: Tensor

    def run(self, renderer: ModuleType) -> list[Tensor]:
        """Image, alpha and the gradient of every leaf."""
        means2d, conics, colors, opacities = (leaf.detach().requires_grad_() for leaf in self.leaves)
        height, width, channels = self.v_image.shape
        splats = replace(self.splats, means2d=means2d, conics=conics)
        image, alpha = renderer.composite(splats, colors, opacities, torch.zeros(channels), width, height)
        torch.autograd.backward([image, alpha], [self.v_image, self.v_alpha])
        return [image.detach(), alpha.detach(), means2d.grad, conics.grad, colors.grad, opacities.grad]

    @property
    def pairs(self) -> float:
        _, conics, _, opacities = (leaf[self.splats.radii[:, 0] > 0] for leaf in self.leaves)
        roots = (conics[:, 0] * conics[:, 2] - conics[:, 1] ** 2).sqrt()
        return (2 * math.pi * (255 * opacities).log() / roots).sum().item()


def surface_pass(count: int, width: int, height: int, channels: int) -> Pass:
    scene, camera = surface_scene(count), orbit_camera(width, height)
    limits = (NEAR, FAR, EPS2D, 0.0)
    settings = Projection(camera["T_camera_world"], camera["K"], width, height, *limits, antialiased=False)
    return make_pass(cpu.project(*scene.values(), settings), scene["opacities"], width, height, channels)


def ideal_rate(channels: int, seconds: float) -> float:
    """Pairs per second, forward and backward, of 400 faint splats that reach every pixel of 20 x 15 tiles."""
    count, width, height = 400, 320, 240
    splats = Splats(
        means2d=torch.tensor([width / 2, height / 2]).expand(count, 2).contiguous(),
        conics=torch.tensor([1e-7, 0.0, 1e-7]).expand(count, 3).contiguous(),
        depths=torch.linspace(1, 2, count),
        compensations=None,
        radii=torch.full((count, 2), 1000, dtype=torch.int32),
    )
    one = make_pass(splats, torch.full((count,), 0.01), width, height, channels)
    return 1e3 * count * width * height / least(lambda: one.run(cpu), seconds, time.process_time)


def make_pass(splats: Splats, opacities: Tensor, width: int, height: int, channels: int) -> Pass:
    draw = torch.Generator().manual_seed(0)
    colors = torch.rand(len(opacities), channels, generator=draw)
    v_image = torch.randn(height, width, channels, generator=draw)
    v_alpha = torch.randn(height, width, generator=draw)
    return Pass(splats, (splats.means2d, splats.conics, colors, opacities), v_image, v_alpha)


def least(work: Callable[[], object], seconds: float, clock: Callable[[], float]) -> float:
    """Milliseconds of the fastest of at least three calls, and of as many as fit into `seconds` of processor time."""
    work()
    best, calls, started = math.inf, 0, time.process_time()
    while calls < 3 or time.process_time() - started < seconds:
        before = clock()
        work()
        best, calls = min(best, clock() - before), calls + 1
    return 1e3 * best


def measure(case: tuple[int, int, int, int], rates: dict[int, float], seconds: float, beside_oracle: bool) -> dict:
    """One row. rates: pairs per second of the ideal scene, by channels."""
    count, width, height, channels = case
    one = surface_pass(*case)
    set_threads(1)
    cpu_ms = least(lambda: one.run(cpu), seconds, time.process_time)
    floor_ms = 1e3 * one.pairs / rates[min(rates, key=lambda known: abs(known - channels))]
    row = {
        "gaussians": count,
        "width": width,
        "height": height,
        "channels": channels,
        "pairs": round(one.pairs),
        "cpu_ms": cpu_ms,
        "pairs_per_second": 1e3 * one.pairs / cpu_ms,
        "floor_ms": floor_ms,
        "ratio_to_floor": cpu_ms / floor_ms,
    }
    if beside_oracle:
        oracle_ms = least(lambda: one.run(oracle), 0, time.process_time)
        row |= {"oracle_cpu_ms": oracle_ms, "ratio_oracle_over_cpu": oracle_ms / cpu_ms}
    return row


def measure_threads(case: tuple[int, int, int, int], seconds: float) -> list[dict]:
    """Wall time by number of threads, the numbers taking turns."""
    one = surface_pass(*case)
    counts = range(1, max(2, len(os.sched_getaffinity(0))) + 1)
    wall = dict.fromkeys(counts, math.inf)
    for _ in range(5):
        for threads in counts:
            set_threads(threads)
            wall[threads] = min(wall[threads], least(lambda: one.run(cpu), seconds / 5, time.perf_counter))
    return [{"threads": n, "wall_ms": wall[n], "speedup": wall[1] / wall[n], "case": case} for n in counts]


def same_bits(case: tuple[int, int, int, int]) -> dict[str, str]:
    """MD5 of every result, by number of threads."""
    one = surface_pass(*case)
    digests = {}
    for threads in (1, 2, 3):
        set_threads(threads)
        digest = hashlib.md5()
        for tensor in one.run(cpu):
            digest.update(tensor.numpy().tobytes())
        digests[str(threads)] = digest.hexdigest()
    return digests


def training_step(count: int, width: int, height: int) -> Callable[[], None]:
    """Projection, harmonics of degree 3, pixels, L1 and SSIM, all gradients: a step of training but the optimiser."""
    scene = {name: tensor.requires_grad_() for name, tensor in surface_scene(count).items()}
    sh = (0.1 * torch.randn(count, 16, 3)).requires_grad_()
    camera, target = orbit_camera(width, height), torch.rand(height, width, 3)

    def work() -> None:
        for tensor in (*scene.values(), sh):
            tensor.grad = None
        l1, ssim = l1_ssim(rasterize(*scene.values(), sh, **camera, sh_degree=3).image, target)
        (0.8 * l1 + 0.2 * (1 - ssim)).backward()

    return work


def time_first_step() -> None:
    """For a process of its own: print the seconds of its first step, compiling or loading of kernels included."""
    work = training_step(300, 64, 48)
    started = time.perf_counter()
    work()
    print(time.perf_counter() - started)


def first_steps() -> dict[str, float]:
    """Seconds of the first step without compiled kernels, and with them."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        command = [sys.executable, "-c", FIRST_STEP]
        runs = [
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
            for _ in range(2)
        ]
    return dict(zip(("cold_s", "warm_s"), (float(run.stdout) for run in runs), strict=True))


def gsplat_error() -> float | None:
    """Largest relative error that raster_gsplat.py found, if it was run."""
    path = RESULTS / "raster_gsplat.json"
    return json.loads(path.read_text())["summary"]["max_rel_error"] if path.exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the main case only, and print instead of writing")
    quick = parser.parse_args().quick
    seconds = 0.3 if quick else 1.5
    torch.set_num_threads(1)
    set_threads(1)
    load = os.getloadavg()[0]
    rates = {channels: ideal_rate(channels, seconds) for channels in (3, 16)}
    rows = []
    for case in (MAIN,) if quick else CASES:
        rows.append(measure(case, rates, seconds, beside_oracle=True))
        print(json.dumps(rows[-1]), flush=True)
    main_row, dense_row = rows[0], rows[min(2, len(rows) - 1)]
    threads = measure_threads(MAIN if quick else CASES[5], seconds)
    digests = same_bits(MAIN)
    set_threads(1)
    summary = {
        "ratio_oracle_over_cpu": main_row["ratio_oracle_over_cpu"],
        "pairs_per_second_per_thread": dense_row["pairs_per_second"],
        "ideal_pairs_per_second_per_thread": rates[3],
        "ratio_to_floor": main_row["ratio_to_floor"],
        "two_thread_speedup": threads[1]["speedup"],
        "same_bits_for_1_2_3_threads": len(set(digests.values())) == 1,
        "training_step_cpu_ms": least(training_step(10_000, 320, 240), seconds, time.process_time),
        "fixed_cost_cpu_ms": least(training_step(300, 64, 48), seconds, time.process_time),
        "max_rel_error_vs_gsplat": gsplat_error(),
        "load": load,
    }
    if quick:
        print(json.dumps(summary, indent=2))
        return
    scaling = {name: [measure(case, rates, seconds, False) for case in cases] for name, cases in SCALING.items()}
    scaling["threads"] = threads
    save("raster_cpu", seeds=[0], rows=rows, summary=summary, scaling=scaling, first_step=first_steps(), md5=digests)


if __name__ == "__main__":
    main()
