"""What a training run will take, told before it starts; and what to do when memory ran out all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.progress import clock
from splatsmith.render.cpu.pool import get_threads
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.train.config import TrainConfig

# Bytes, counted from what the loop holds at its peak, a refinement: parameters, gradients, Adam's two moments, and the
# changed scene beside the old one; on top of the parameters, what a render keeps for its backward pass.
COPIES_OF_PARAMETERS = 8
BYTES_PER_GAUSSIAN_DRAWN = 400
BYTES_PER_PIXEL_DRAWN = 200
BYTES_TO_BEGIN_WITH = 512 * 2**20

KNOBS = (
    "lower train.max_gaussians (now the bound above), prepare smaller photos (prepare.max_side), "
    "or lower train.image_cache_mb"
)
"""What to turn for less memory."""
OUT_OF_MEMORY = ("can't allocate memory", "CUDA error: out of memory")
"""Words of torch's on the CPU, and of CUDA's where it is not torch that asked for memory."""

# Seconds a step, on one core of 2024 or one data-centre GPU of 2023, for each thing.
CPU_STEP, CPU_PIXEL, CPU_GAUSSIAN = 2e-3, 1.0e-7, 0.8e-6
GPU_STEP, GPU_PIXEL, GPU_GAUSSIAN = 2e-3, 2e-9, 6e-9


@dataclass(frozen=True)
class Estimate:
    """Upper bound of memory, rough time."""

    gaussians: int
    """At most so many."""
    photo_bytes: int
    """Decoded photos kept in memory."""
    memory_bytes: int
    """Photos included; the GPU's with gsplat."""
    seconds: float

    def __str__(self) -> str:
        return (
            f"at most {self.gaussians:,} Gaussians and {self.memory_bytes / 2**30:.1f} GB of memory"
            f" (photos {self.photo_bytes / 2**30:.1f} GB), very roughly {clock(self.seconds)}"
        )


def estimate(scene: PreparedScene, config: TrainConfig) -> Estimate:
    """What training on this scene takes; `config.backend` must be settled."""
    train_sizes, test_sizes = (
        [view.camera.width * view.camera.height for view in views] for views in (scene.train_views, scene.test_views)
    )
    sizes = train_sizes + test_sizes
    gaussians = config.most_gaussians(sum(train_sizes), len(scene.points))
    photos = min(3 * sum(sizes), config.image_cache_mb * 2**20)
    parameters = 11 + 3 * (config.sh_degree + 1) ** 2
    per_gaussian = 4 * parameters * COPIES_OF_PARAMETERS + BYTES_PER_GAUSSIAN_DRAWN
    memory = BYTES_TO_BEGIN_WITH + photos + gaussians * per_gaussian + max(sizes) * BYTES_PER_PIXEL_DRAWN
    mean_pixels = sum(sizes) / len(sizes)
    if config.backend == "gsplat":
        step = GPU_STEP + GPU_PIXEL * mean_pixels + GPU_GAUSSIAN * gaussians
    else:
        step = CPU_STEP + (CPU_PIXEL * mean_pixels + CPU_GAUSSIAN * gaussians) / get_threads()
    return Estimate(gaussians, photos, memory, config.steps * step)


def available_bytes(backend: str) -> int:
    """Free memory where a settled backend works: the GPU's with gsplat."""
    if backend == "gsplat":
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def shortage(expected: Estimate, available: int) -> str | None:
    """A warning where training may take more than the `available` bytes."""
    if expected.memory_bytes <= available:
        return None
    return f"only {available / 2**30:.1f} GB of memory are free; should it run out, {KNOBS}"


@contextmanager
def explaining_out_of_memory(expected: Estimate) -> Iterator[None]:
    """Retell an allocation that failed as an InputError that names the knobs."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        typed = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not typed and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        first_line = str(error).strip().partition("\n")[0] or type(error).__name__
        problem = Problem(
            what="training ran out of memory",
            where=str(expected),
            fix=KNOBS,
            got=first_line,
        )
        raise InputError(problem) from None
