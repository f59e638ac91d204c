"""What 3D segmentation costs on a scene of a real one's size: seconds and memory of each step, on a GPU or a CPU.

    python benchmarks/segment_gpu.py [--backend gsplat|cpu] [--gaussians 300000] [--views 100] [--masks 40]

The scene is made up (surface_scene.py): its Gaussians are parted among the nearest of `masks` centres, and every view
of 986x728 pixels gets the label map that they draw. Steps:

    votes        the weights of all pixels, counted
    sparse-id    votes with neighbours, made nearly hard
    cut          one round of finding and cutting Gaussians on boundaries
    gradiseg     a step of the fit of learnt codes, look-ahead neighbours included
    identity     a step that trains colours and learnt codes together, over the same step without the codes

`peak_gb` is what a step takes on top of the scene. Association is measured by associate.py --scale.
"""

import argparse
import time
from collections.abc import Callable

import torch
from common import save
from surface_scene import orbit_camera, surface_scene

from splatsmith.base.memory import peak_memory_bytes
from splatsmith.gaussians import Gaussians
from splatsmith.render import rasterize
from splatsmith.render.choice import device_of
from splatsmith.segment3d import gradiseg, identity, igd, sparse_id
from splatsmith.segment3d.config import GradisegConfig
from splatsmith.segment3d.targets import Camera, Still, Target
from splatsmith.segment3d.votes import vote_mass
from splatsmith.train.losses import photometric_loss

WIDTH, HEIGHT = 986, 728
STEPS = 50
"""Steps that are timed together."""


def made_up(gaussians: int, views: int, masks: int, backend: str) -> tuple[Gaussians, Still, list[Target]]:
    """The scene, and its labelled views."""
    device, scene = device_of(backend), surface_scene(gaussians)
    raw = Gaussians(
        means=scene["means"],
        quats=scene["quats"],
        log_scales=scene["scales"].log(),
        logit_opacities=scene["opacities"].logit(eps=1e-6),
        sh=torch.zeros(gaussians, 16, 3),
    ).map(lambda column: column.to(device))
    centres = raw.means[torch.randperm(gaussians, generator=torch.Generator().manual_seed(0))[:masks].to(device)]
    of = torch.nn.functional.one_hot(torch.cdist(raw.means, centres).argmin(dim=1), masks).float()
    still, targets = Still.of(raw, backend=backend), []
    for i in range(views):
        placed = orbit_camera(WIDTH, HEIGHT, i / views)
        camera = Camera(placed["T_camera_world"].to(device), placed["K"].to(device), WIDTH, HEIGHT)
        drawn = torch.cat([still.draw(some, camera).image for some in of.split(32, dim=1)], dim=2)
        targets.append(Target(camera, torch.where(drawn.sum(dim=2) > 0.5, drawn.argmax(dim=2) + 1, 0)))
    return raw, still, targets


def measured(step: Callable[[], object], repeats: int = 1) -> dict:
    """Seconds of one of `repeats` runs, and memory on top of what was there before."""
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if on_gpu else peak_memory_bytes()
    started = time.perf_counter()
    for _ in range(repeats):
        step()
    if on_gpu:
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - started) / repeats
    after = torch.cuda.max_memory_allocated() if on_gpu else peak_memory_bytes()
    return {"seconds": round(seconds, 4), "peak_gb": round((after - before) / 2**30, 3)}


def training_step(raw: Gaussians, target: Target, classes: int, backend: str, codes_too: bool) -> Callable[[], None]:
    """A step's drawing, losses and gradients, with or without identity codes; parameters stay."""
    device = raw.means.device
    activated = [t.clone().requires_grad_() for t in (raw.means, raw.quats, raw.scales, raw.opacities)]
    sh, photo = raw.sh.clone().requires_grad_(), torch.rand(HEIGHT, WIDTH, 3, device=device)
    random = torch.Generator(device).manual_seed(0)
    codes = identity.initial_codes(len(raw), random).requires_grad_()
    classifier = identity.initial_classifier(classes, random)

    def step() -> None:
        drawing = vars(target.camera) | {"backend": backend}
        loss = photometric_loss(rasterize(*activated, sh, **drawing, sh_degree=3).image, photo, 0.2)
        if codes_too:
            loss = loss + identity.pixel_loss(rasterize(*activated, codes, **drawing).image, classifier, target.classes)
        loss.backward()

    return step


def main() -> None:
    """All steps, after each was run once on a few views to load kernels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=["cpu", "gsplat"], default="gsplat")
    parser.add_argument("--gaussians", type=int, default=300_000)
    parser.add_argument("--views", type=int, default=100)
    parser.add_argument("--masks", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    classes = 1 + args.masks
    raw, still, targets = made_up(args.gaussians, args.views, args.masks, args.backend)
    most = int(0.03 * args.gaussians)

    def fitted() -> None:
        gradiseg.fit(raw, targets, classes, GradisegConfig(steps=STEPS, boundaries="none"), still=still)

    steps = {
        "votes": lambda: vote_mass(still, targets, classes),
        "sparse-id": lambda: sparse_id.fit(still, targets, classes),
        "cut": lambda: igd.cut_along_boundaries(raw, still, targets, classes, most),
        f"gradiseg, {STEPS} steps": fitted,
    }
    vote_mass(still, targets[:2], classes)
    rows = [{"step": name, **measured(step)} for name, step in steps.items()]
    for codes_too in (False, True):
        step = training_step(raw, targets[0], classes, args.backend, codes_too)
        step()
        rows.append({"step": f"training step, codes: {codes_too}", **measured(step, repeats=STEPS)})
    by_name = {row["step"]: row for row in rows}
    identity_ratio = (
        by_name["training step, codes: True"]["seconds"] / by_name["training step, codes: False"]["seconds"]
    )
    summary = {
        "gaussians": args.gaussians,
        "views": args.views,
        "masks": args.masks,
        "votes_s": by_name["votes"]["seconds"],
        "cut_round_s": by_name["cut"]["seconds"],
        "gradiseg_600_steps_s": round(by_name[f"gradiseg, {STEPS} steps"]["seconds"] * 600 / STEPS, 2),
        "peak_gb": max(row["peak_gb"] for row in rows),
        "identity_step_ratio": round(identity_ratio, 3),
    }
    save("segment_gpu", seeds=[0], rows=rows, summary=summary, backend=args.backend)


if __name__ == "__main__":
    main()
