"""The training loop: one photo, one step, until the steps are done (Kerbl et al. 2023, section 5 and appendix B).

Everything random is drawn from a generator that the seed and the step determine, none from a running one. So the state
of a run is its parameters, its statistics and its step; and on the CPU a run that was killed and resumed ends with the
same bits as one that was not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.progress import Progress
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows
from splatsmith.render import Rendered, rasterize
from splatsmith.render.choice import device_of, settled_backend
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.train import densify, mcmc
from splatsmith.train.companion import Companion
from splatsmith.train.config import TrainConfig
from splatsmith.train.exposure import Exposure
from splatsmith.train.initialise import initial_gaussians, scene_extent
from splatsmith.train.losses import photometric_loss, psnr
from splatsmith.train.optimizer import GaussianAdam
from splatsmith.train.photos import Photos
from splatsmith.train.resume import Checkpoint

BLOCK = 100  # steps between two rows of metrics; values are checked and checkpoints written only there
LOOK_EVERY = 10  # steps between two looks at the PSNR
TESTS = 10  # times that a run looks at the held-out photos


@dataclass(frozen=True)
class Task:
    """What is to be learnt and how: all that stays the same from step to step."""

    photos: Photos
    held_out: Photos
    config: TrainConfig
    """With the number of Gaussians and the backend settled."""
    extent: float
    """Size of the scene, in its units."""
    background: Tensor
    """(3,). What a finished scene is drawn on."""


@dataclass
class Run:
    """A training run at a moment: all that changes from step to step."""

    step: int
    optimizer: GaussianAdam
    statistics: densify.Statistics
    exposure: Exposure | None
    rows: list[dict]
    """Metrics so far: step, loss and psnr_db (means over the block, training photos), gaussians; some test_psnr_db."""
    companion: Companion | None = None

    def state(self) -> dict:
        """Nested dicts of tensors and plain values, that `load` brings back."""
        return {
            "step": self.step,
            "optimizer": self.optimizer.state(),
            "statistics": {"gradients": self.statistics.gradients, "views": self.statistics.views},
            "exposure": self.exposure.state() if self.exposure else {},
            "rows": {str(row["step"]): row for row in self.rows},
            "companion": self.companion.state() if self.companion else {},
        }

    def load(self, state: dict) -> None:
        self.step = state["step"]
        self.optimizer.load(state["optimizer"])
        self.statistics = densify.Statistics(**state["statistics"])
        if self.exposure:
            self.exposure.load(state["exposure"])
        self.rows = list(state["rows"].values())
        if self.companion:
            self.companion.load(state["companion"])


def train(
    scene: PreparedScene,
    config: TrainConfig,
    *,
    companion: Companion | None = None,
    checkpoint: Checkpoint | None = None,
    checkpoint_seconds: float = 30.0,
    label: str = "train",
    say: Callable[[str], None] = print,
) -> tuple[Gaussians, list[dict]]:
    """Gaussians trained on the scene's training views, in its world frame, and the rows of metrics (see `Run.rows`).

    Goes on from `checkpoint` where it holds a state, and saves there every `checkpoint_seconds`, which does not change
    the result. Raises InputError when a value is no longer finite; the checkpoint then still holds the last good state.
    A `companion` is trained along; its columns are those of the result's `extra`.
    """
    task = _task(scene, config)
    run = _begin(scene, task, companion)
    if checkpoint is not None:
        state, word = checkpoint.load(run.optimizer.device)
        say(word)
        if state is not None:
            run.load(state)
    test_every = max(BLOCK, config.steps // TESTS // BLOCK * BLOCK)
    saved = time.monotonic()
    with Progress(label, config.steps, "steps", done=run.step) as bar:
        while run.step < config.steps:
            row = _block(run, task, bar)
            if len(task.held_out) and (run.step % test_every == 0 or run.step == config.steps):
                row["test_psnr_db"] = evaluate(run.optimizer.gaussians(), task)
            run.rows.append(row)
            if checkpoint is not None and run.step < config.steps and time.monotonic() - saved >= checkpoint_seconds:
                checkpoint.save(run.state())
                saved = time.monotonic()
    return run.optimizer.gaussians().map(Tensor.cpu), run.rows


def _task(scene: PreparedScene, config: TrainConfig) -> Task:
    config = config.model_copy(update={"backend": settled_backend(config.backend)})
    device = device_of(config.backend)
    budget = config.image_cache_mb * 2**20
    photos = Photos(scene.train_views, device, budget)
    held_out = Photos(scene.test_views, device, budget - photos.kept_bytes)
    config = config.model_copy(update={"max_gaussians": config.most_gaussians(photos.pixels, len(scene.points))})
    color = torch.tensor(config.background_color, device=device)
    return Task(photos, held_out, config, scene_extent(scene.train_views, scene.points), color)


def _begin(scene: PreparedScene, task: Task, companion: Companion | None) -> Run:
    config, device = task.config, task.photos.device
    strategy = mcmc if config.strategy == "mcmc" else densify
    gaussians = initial_gaussians(
        scene.points,
        scene.train_views,
        method=config.init,
        sh_degree=config.sh_degree,
        opacity=strategy.INITIAL_OPACITY,
        scale=strategy.INITIAL_SCALE,
        most=config.max_gaussians,
        seed=config.seed,
    ).map(lambda column: column.to(device))
    if companion:
        gaussians = replace(gaussians, extra=companion.begin(gaussians))
    rates = {"rates": config.learning_rates, "extra_rates": companion.rates if companion else {}}
    optimizer = GaussianAdam(gaussians, **rates, extent=task.extent, steps=config.steps)
    exposure = Exposure(len(task.photos), config.steps, device) if config.exposure else None
    return Run(0, optimizer, densify.no_statistics(len(gaussians), device), exposure, [], companion)


def _block(run: Run, task: Task, bar: Progress) -> dict:
    """Steps up to the next multiple of BLOCK, or to the end, and the row of metrics that tells of them."""
    losses, looks = [], []
    views = len(task.photos)
    for step in range(run.step, min(run.step + BLOCK, task.config.steps)):
        view_idx = view_order(views, step // views, task.config.seed)[step % views]
        target = task.photos.picture(view_idx)
        image, loss = _descend(run, task, view_idx, target)
        _adapt(run, task)
        losses.append(loss)
        if step % LOOK_EVERY == 0:
            looks.append(psnr(image, target))
            bar.advance(step - bar.done, gaussians=len(run.optimizer))
        run.step = step + 1
    loss, look = torch.stack(losses).mean(), torch.stack(looks).mean()  # on a GPU, the only wait in a block
    _require_finite(run, loss)
    row = {"step": run.step, "loss": loss.item(), "psnr_db": look.item(), "gaussians": len(run.optimizer)}
    bar.advance(run.step - bar.done, psnr=row["psnr_db"], gaussians=row["gaussians"])
    return row


def _descend(run: Run, task: Task, view_idx: int, target: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one view, compare it with its photo, follow the gradient. The image and the loss, out of the graph."""
    config, camera = task.config, task.photos.camera(view_idx)
    gaussians = run.optimizer.gaussians(sh_degree=min(run.step // config.sh_every, config.sh_degree))
    beside = None  # the companion's gradient by projected centres
    try:
        if run.companion:
            beside = run.companion.descend(gaussians, task.photos.views[view_idx].name, run.step)
        rendered = _draw(gaussians, camera, config, _background(task, run.step))
    except InputError as error:  # of `rasterize`: a value that is not finite
        raise diverged(run.step, error.problems[0].where) from None
    observing = config.strategy == "default" and run.step < config.refine_stop
    if observing:
        rendered.means2d.retain_grad()
    image = run.exposure.apply(rendered.image, view_idx) if run.exposure else rendered.image
    loss = photometric_loss(image, target, config.ssim_weight)
    if config.strategy == "mcmc":
        loss = loss + mcmc.regulariser(gaussians, task.extent)
    loss.backward()
    if observing:
        seen, gradient = run.statistics, rendered.means2d.grad
        if beside is not None:
            gradient = gradient + beside
        run.statistics = densify.observe(seen, gradient, rendered.radii, camera["width"], camera["height"])
    run.optimizer.step(run.step)
    if run.exposure:
        run.exposure.step(run.step)
    return image.detach(), loss.detach()


def _draw(gaussians: Gaussians, camera: dict, config: TrainConfig, background: Tensor) -> Rendered:
    """`rasterize`, as `config` wants it."""
    return rasterize(
        gaussians.means,
        gaussians.quats,
        gaussians.scales,
        gaussians.opacities,
        gaussians.sh,
        **camera,
        sh_degree=gaussians.sh_degree,
        background=background,
        antialiased=config.antialiased,
        backend=config.backend,
    )


def _adapt(run: Run, task: Task) -> None:
    """Change which Gaussians there are, where the schedule says so."""
    step, optimizer, config = run.step, run.optimizer, task.config
    refining = config.refine_start < step < config.refine_stop and step % config.refine_every == 0
    match config.strategy:
        case "default":
            if refining:
                rows = densify.refine(
                    optimizer.gaussians(),
                    run.statistics,
                    task.extent,
                    grow_grad2d=config.grow_grad2d,
                    most=config.max_gaussians,
                    prune_oversized=2 * step > config.refine_start + config.refine_stop,
                    generator=random_generator(config.seed, step, optimizer.device),
                )
                _remap(run, rows)
            if 0 < step < config.refine_stop and config.reset_every and step % config.reset_every == 0:
                optimizer.replace("logit_opacities", densify.reset_opacities(optimizer.gaussians().logit_opacities))
        case "mcmc":
            generator = random_generator(config.seed, step, optimizer.device)
            if refining:
                _remap(run, mcmc.refine(optimizer.gaussians(), config.max_gaussians, generator))
            gaussians = optimizer.gaussians()
            gaussians.means.add_(mcmc.noise(gaussians, optimizer.means_rate(step), task.extent, generator))
        case _:
            assert_never(config.strategy)
    if run.companion and (rows := run.companion.refine(optimizer.gaussians(), step)):
        _remap(run, rows)


def _remap(run: Run, rows: Rows) -> None:
    """Take over a changed scene; what was seen of the old one is forgotten."""
    run.optimizer.remap(rows)
    run.statistics = densify.no_statistics(len(run.optimizer), run.optimizer.device)
    if run.companion:
        run.companion.follow(rows)


def _require_finite(run: Run, loss: Tensor) -> None:
    """On a GPU `rasterize` does not look: a look at every value costs a wait, so it is taken once per block."""
    tensors = {"loss": loss, **run.optimizer.parameters}
    bad = torch.stack([(~tensor.detach().isfinite()).sum() for tensor in tensors.values()]).tolist()
    for name, count in zip(tensors, bad, strict=True):
        if count:
            raise diverged(run.step, f"{count} values of {name}")


def diverged(step: int, where: str) -> InputError:
    """Training ran into values that are not finite."""
    fix = "lower the learning rates, or look for a photo or camera that is wrong; the last checkpoint, if any, is kept"
    return InputError(Problem(f"training diverged at step {step}", where, fix, "finite numbers", "NaN or infinity"))


@torch.no_grad()
def evaluate(gaussians: Gaussians, task: Task) -> float:
    """Mean PSNR in dB over the held-out photos. They have no exposure of their own."""
    photos = task.held_out
    drawn = (_draw(gaussians, photos.camera(idx), task.config, task.background).image for idx in range(len(photos)))
    return torch.stack([psnr(image, photos.picture(idx)) for idx, image in enumerate(drawn)]).mean().item()


def _background(task: Task, step: int) -> Tensor:
    """(3,). The colour behind everything at `step`."""
    if task.config.background != "random":
        return task.background
    device = task.background.device
    return torch.rand(3, generator=random_generator(task.config.seed, step, device), device=device)


@lru_cache(maxsize=1)
def view_order(views: int, epoch: int, seed: int) -> list[int]:
    """Every view once, in an order of its own for each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(views).tolist()


def random_generator(seed: int, step: int, device: torch.device) -> torch.Generator:
    """A generator of its own for each step."""
    state = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state))
