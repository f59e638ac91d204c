"""Real photos, `fox` (50 phone photos, 6 held out): training on a CPU, and on a GPU beside gsplat's own loop.

    python benchmarks/train_fox.py --device cpu  [--data FOX]     draft preset, 270x480
    python benchmarks/train_fox.py --device cuda [--data FOX]     standard preset, 540x960, gsplat backend
    python benchmarks/train_fox.py --sweep [--data FOX]           the same with other numbers of steps, or settings

FOX is the scene's folder, or a prepared scene. Each of the three replaces its own part of the results and keeps the
others'.

On the GPU each seed is trained twice, by turns: by us, and by a plain loop over gsplat's public functions as its
examples/simple_trainer.py has it, with gsplat's DefaultStrategy and default rates, for equally many steps. Both loops
start from the same points, read the same photos, use the same L1 and SSIM functions and are timed from reading the
photos to the last step. The plain loop is spared what its example does besides (logging, a wait for the loss's value at
each step, worker processes that load photos), which would slow it down.

`--variant JSON`, as often as wanted, makes the sweep one over other settings.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import RESULTS, ROOT, commit, machine, save

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.render import render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.prepared import PreparedScene, read_prepared
from splatsmith.stages import prepare_scene
from splatsmith.train.config import TrainConfig
from splatsmith.train.initialise import neighbour_distance, scene_extent
from splatsmith.train.loop import train
from splatsmith.train.losses import psnr, ssim
from splatsmith.train.photos import Photos

SWEEP = (4_000, 10_000, 15_000)


def prepared(data: Path, images: str, folder: Path) -> PreparedScene:
    """`data` as a prepared scene: as it is, or prepared from the pictures in its folder `images`."""
    if (data / "manifest.json").exists():
        return read_prepared(data)
    config, outputs = prepare_scene.Config(images=images), prepare_scene.Outputs(folder)
    prepare_scene.main(config, prepare_scene.Inputs(data, data / "split.yml"), outputs)
    return read_prepared(folder)


def timed(loop, *arguments) -> tuple[Gaussians, float, float]:
    """What `loop` returns, its wall and its CPU seconds."""
    _wait()
    wall, cpu = time.perf_counter(), time.process_time()
    gaussians = loop(*arguments)
    _wait()
    return gaussians, time.perf_counter() - wall, time.process_time() - cpu


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ours(scene: PreparedScene, config: TrainConfig) -> Gaussians:
    """Our loop."""
    return train(scene, config, label=f"ours, {config.steps} steps, seed {config.seed}")[0]


@torch.no_grad()
def measured(scene: PreparedScene, gaussians: Gaussians, config: TrainConfig) -> dict:
    """Held-out PSNR and SSIM, drawn by our rasterizer."""
    device = device_of(config.backend)
    gaussians, photos = gaussians.map(lambda column: column.to(device)), Photos(scene.test_views, device, 2**33)
    values = []
    for idx, view in enumerate(photos.views):
        image = render_view(gaussians, view.camera, view.T_camera_world, backend=config.backend).image.clamp(0, 1)
        values.append((psnr(image, photos.picture(idx)).item(), ssim(image, photos.picture(idx)).item()))
    psnr_db, similarity = np.mean(values, axis=0)
    return {"psnr_db": round(float(psnr_db), 4), "ssim": round(float(similarity), 5), "gaussians": len(gaussians)}


def row(device: str, loop: str, scene: PreparedScene, config: TrainConfig, result: tuple, **more: object) -> dict:
    """What one training gave."""
    gaussians, wall, cpu = result
    figures = measured(scene, gaussians, config)
    facts = {"device": device, "loop": loop, "steps": config.steps, "seed": config.seed, **more}
    found = {**facts, **figures, "seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}
    print(json.dumps(found), flush=True)
    return found


def gsplat_loop(scene: PreparedScene, config: TrainConfig) -> Gaussians:
    """A plain loop over gsplat's public functions with its default strategy, rates and schedule.

    Source: gsplat 1.5.3, examples/simple_trainer.py and gsplat/strategy/default.py.
    """
    from gsplat import rasterization
    from gsplat.strategy import DefaultStrategy

    torch.manual_seed(42 + config.seed)
    photos = Photos(scene.train_views, torch.device("cuda"), 2**33)
    extent = scene_extent(scene.train_views, scene.points)
    splats, optimizers = _gsplat_start(scene, extent)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizers["means"], gamma=0.01 ** (1 / config.steps))
    strategy = DefaultStrategy()
    strategy.check_sanity(splats, optimizers)
    state = strategy.initialize_state(scene_scale=extent)
    order: list[int] = []
    for step in range(config.steps):
        order = order or torch.randperm(len(photos)).tolist()
        idx = order.pop()
        camera, target = photos.camera(idx), photos.picture(idx)
        images, _, info = rasterization(
            means=splats["means"],
            quats=splats["quats"],
            scales=torch.exp(splats["scales"]),
            opacities=torch.sigmoid(splats["opacities"]),
            colors=torch.cat([splats["sh0"], splats["shN"]], dim=1),
            viewmats=camera["T_camera_world"][None],
            Ks=camera["K"][None],
            width=camera["width"],
            height=camera["height"],
            sh_degree=min(step // 1000, 3),
            packed=False,
        )
        strategy.step_pre_backward(splats, optimizers, state, step, info)
        image = images[0]
        loss = torch.lerp((image - target).abs().mean(), 1 - ssim(image, target), 0.2)
        loss.backward()
        for optimizer in optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        decay.step()
        strategy.step_post_backward(splats, optimizers, state, step, info, packed=False)
    with torch.no_grad():
        return Gaussians(
            means=splats["means"].data,
            quats=splats["quats"].data,
            log_scales=splats["scales"].data,
            logit_opacities=splats["opacities"].data,
            sh=torch.cat([splats["sh0"].data, splats["shN"].data], dim=1),
        )


def _gsplat_start(scene: PreparedScene, extent: float) -> tuple[torch.nn.ParameterDict, dict]:
    points = torch.from_numpy(scene.points.xyz).float()
    n, gap = len(points), torch.from_numpy(neighbour_distance(scene.points.xyz)).float()
    start = {
        "means": (points, 1.6e-4 * extent),
        "scales": (gap.log()[:, None].repeat(1, 3), 5e-3),
        "quats": (torch.rand(n, 4), 1e-3),
        "opacities": (torch.full((n,), math.log(0.1 / 0.9)), 5e-2),
        "sh0": (rgb_to_dc(torch.from_numpy(scene.points.rgb).float() / 255)[:, None], 2.5e-3),
        "shN": (torch.zeros(n, 15, 3), 2.5e-3 / 20),
    }
    splats = torch.nn.ParameterDict({name: torch.nn.Parameter(value.cuda()) for name, (value, _) in start.items()})
    optimizers = {
        name: torch.optim.Adam([{"params": splats[name], "lr": rate, "name": name}], eps=1e-15, fused=True)
        for name, (_, rate) in start.items()
    }
    return splats, optimizers


def on_cpu(scene: PreparedScene, seeds: list[int]) -> tuple[list[dict], dict]:
    """Draft preset, every seed."""
    torch.set_num_threads(1)
    configs = [TrainConfig(preset="draft", backend="cpu", seed=seed) for seed in seeds]
    rows = [row("cpu", "ours", scene, config, timed(ours, scene, config)) for config in configs]
    return rows, means(rows)


def on_gpu(scene: PreparedScene, seeds: list[int]) -> tuple[list[dict], dict]:
    """Standard preset beside gsplat's loop, every seed."""
    usual = TrainConfig(preset="standard", backend="gsplat")
    both = (("ours", ours), ("gsplat", gsplat_loop))
    _warm_up(scene, *(loop for _, loop in both))
    rows = []
    for seed in seeds:
        config = usual.model_copy(update={"seed": seed})
        for name, loop in both if seed % 2 == 0 else both[::-1]:
            rows.append(row("gpu", name, scene, config, timed(loop, scene, config)))
    mine, theirs = (means([r for r in rows if r["loop"] == name]) for name in ("ours", "gsplat"))
    gap, ratio = theirs["psnr_db"] - mine["psnr_db"], mine["seconds"] / theirs["seconds"]
    return rows, {**mine, "gsplat": theirs, "psnr_gap_db": round(gap, 4), "time_ratio": round(ratio, 4)}


def swept(scene: PreparedScene, variants: list[str]) -> tuple[list[dict], dict]:
    """Standard preset with other settings, one seed each; the best of them by PSNR."""
    _warm_up(scene, ours)
    rows = []
    for changes in map(json.loads, variants) if variants else [{"steps": steps} for steps in SWEEP]:
        config = TrainConfig(**{"preset": "standard", "backend": "gsplat"} | changes)
        rows.append(row("sweep", "ours", scene, config, timed(ours, scene, config), changes=changes))
    best = max(rows, key=lambda one: one["psnr_db"])
    return rows, {"best": best["changes"], "psnr_db": best["psnr_db"]}


def _warm_up(scene: PreparedScene, *loops) -> None:
    """Build and load kernels."""
    for loop in loops:
        loop(scene, TrainConfig(preset="standard", backend="gsplat").model_copy(update={"steps": 50}))


def means(rows: list[dict]) -> dict:
    """Of the figures of several seeds, and how far apart their PSNRs are."""
    keys = ("psnr_db", "ssim", "gaussians", "seconds", "cpu_seconds")
    values = [one["psnr_db"] for one in rows]
    found = {key: round(statistics.mean(one[key] for one in rows), 4) for key in keys}
    return {**found, "psnr_spread_db": round(max(values) - min(values), 4)}


def merge_and_save(part: str, seeds: list[int], rows: list[dict], summary: dict) -> None:
    """Put this part in the place of its older one."""
    path = RESULTS / "train_fox.json"
    older = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": [], "summary": {}}
    kept = [one for one in older["rows"] if one["device"] != part]
    told = {**summary, "machine": machine(), "commit": commit()}
    save("train_fox", seeds=seeds, rows=kept + rows, summary={**older["summary"], part: told})


def main() -> None:
    """One device, all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--device", choices=["cpu", "cuda"])
    what.add_argument("--sweep", action="store_true", help=f"on the GPU, {SWEEP} steps or the variants")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "fox")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variant", action="append", default=[], metavar="JSON", help="for --sweep: these settings")
    args = parser.parse_args()
    seeds = list(range(args.seeds))
    if not args.data.exists():
        raise SystemExit(f"no scene at {args.data}: name it with --data")
    with tempfile.TemporaryDirectory() as folder:
        scene = prepared(args.data, "images" if args.device == "cpu" else "images_960", Path(folder))
        if args.device == "cpu":
            merge_and_save("cpu", seeds, *on_cpu(scene, seeds))
        elif args.device == "cuda":
            merge_and_save("gpu", seeds, *on_gpu(scene, seeds))
        else:
            merge_and_save("sweep", seeds, *swept(scene, args.variant))


if __name__ == "__main__":
    main()
