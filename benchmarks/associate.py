"""Masks that every view numbers in its own way: how well they are made to agree, beside two other ways, and how fast.

    python benchmarks/associate.py [--seeds N] [--results DIR] [--also NAME DIR TRUTH]... [--backend NAME] [--scale]

The masks are the true objects of the demo scene, then its true parts, all of them renumbered in every view, and

    permuted        nothing else
    merged_split    a fifth of them joined with a neighbour or cut in two
    shifted         every outline moved by up to 3 pixels
    dropped         three in ten missing
    unordered       as permuted, with the views in random order

`ari` is the adjusted Rand index (Hubert and Arabie, 1985) between the true objects and the numbers given, over the
pixels of all views that show an object and have a mask in the input; a pixel that was given none counts as a number of
its own. `filled` is the part of the objects' pixels without a mask in the input that got the number of their object,
which is that of most of its pixels. Pixels without a mask are called unknown, as where everything is segmented. DIR is
a folder of results with a trained scene; the demo is trained here where it is not given. `--scale` adds one run on a
made-up scene of the size of a real one, for its seconds and memory.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from association_rivals import iou_tracking, memory_bank
from common import ROOT, save
from mask_errors import LabelMaps, dropped, merged_or_split, renumbered, shifted
from surface_scene import orbit_camera, surface_scene

from splatsmith.base.memory import peak_memory_bytes
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.label_maps import read_label_map
from splatsmith.scenes.prepared import read_prepared
from splatsmith.segment2d.association import Given, Projector, associate
from splatsmith.segment2d.masks import Mask, ViewMasks

CASES: dict[str, Callable[[LabelMaps, np.random.Generator], LabelMaps]] = {
    "permuted": lambda maps, draw: maps,
    "merged_split": merged_or_split,
    "shifted": shifted,
    "dropped": dropped,
    "unordered": lambda maps, draw: maps,
}
TRUTH = ROOT / "resources" / "demo" / "ground_truth"
SCALE = {"gaussians": 300_000, "views": 100, "masks": 40, "width": 986, "height": 728}
"""Of the made-up scene; every view shows most of its `masks` things."""


def trained_demo(results: Path) -> Path:
    """Prepare and train the demo scene in `results`."""
    from train_demo import prepared_demo

    from splatsmith.stages import train_3dgs

    scene = prepared_demo(results)
    config = train_3dgs.Config(preset="standard", backend="cpu")
    outputs = train_3dgs.Outputs.within(results / "gaussians", results / ".resume")
    train_3dgs.main(config, train_3dgs.Inputs(scene), outputs)
    return results


def rows_of(name: str, results: Path, truth_folder: Path, seeds: Sequence[int], backend: str) -> list[dict]:
    """All cases, seeds and methods on one scene."""
    views = read_prepared(results / "scene").views
    truth = {view.name: read_label_map(truth_folder / f"{view.name}.png").astype(int) for view in views}
    projector = Projector.of(read_ply(results / "gaussians" / "point_cloud.ply"), backend)
    means = projector.gaussians.means.double().cpu().numpy()
    methods = {
        "gva": lambda order, maps: agreed(projector, order, maps),
        "gaga": lambda order, maps: memory_bank(order, maps, means),
        "iou_tracking": iou_tracking,
    }
    rows = []
    for seed in seeds:
        for case, spoil in CASES.items():
            draw = np.random.default_rng(seed)
            maps = renumbered(spoil(truth, draw), draw)
            order = [views[i] for i in draw.permutation(len(views))] if case == "unordered" else views
            for method, run in methods.items():
                begun = time.perf_counter()
                found = run(order, maps)
                seconds = round(time.perf_counter() - begun, 2)
                rows.append({"scene": name, "case": case, "seed": seed, "method": method, "seconds": seconds})
                rows[-1] |= measured(views, truth, maps, found)
                print(rows[-1], flush=True)
    return rows


def agreed(projector: Projector, views: Sequence[View], maps: LabelMaps) -> LabelMaps:
    """Ours. Every view trains, since the other ways take all of them too."""
    masks = {name: tuple(Mask(score=1.0) for _ in range(labels.max())) for name, labels in maps.items()}
    given = [Given(view, ViewMasks(maps[view.name].astype(np.uint16), masks[view.name]), True) for view in views]
    _, found = associate(projector, given, label="gva")
    return {name: map.labels.astype(int) for name, map in found.items()}


def measured(views: Sequence[View], truth: LabelMaps, given: LabelMaps, found: LabelMaps) -> dict:
    """The figures of one run, as the module describes them."""
    t, g, f = (np.concatenate([maps[view.name].ravel() for view in views]) for maps in (truth, given, found))
    seen, missing = (t > 0) & (g > 0), (t > 0) & (g == 0)
    ari = adjusted_rand(t[seen], f[seen])
    table = contingency(t[t > 0], f[t > 0])
    names, numbers = np.unique(t[t > 0]), np.unique(f[t > 0])
    number_of = dict(zip(names.tolist(), numbers[table.argmax(axis=1)].tolist(), strict=True))
    right = np.array([number_of[object] for object in t[missing].tolist()]) == f[missing]
    filled = {"filled": round(float((right & (f[missing] > 0)).mean()), 4)} if missing.any() else {}
    return {"ari": round(ari, 5), **filled, "objects": len(names), "numbers": len(np.unique(f[f > 0]))}


def adjusted_rand(truth: np.ndarray, found: np.ndarray) -> float:
    """Adjusted Rand index of two labellings (P,) of the same things: 1 for the same parts, about 0 for chance."""
    table = contingency(truth, found)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1.0) / 2).sum())

    together, in_truth, in_found = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected, most = in_truth * in_found / pairs(np.array([len(truth)])), (in_truth + in_found) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def contingency(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(R, C) how many things have the r-th value of the one and the c-th of the other."""
    rows, columns = (np.unique(labels, return_inverse=True)[1] for labels in (truth, found))
    shape = (rows.max() + 1, columns.max() + 1)
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def summary_of(rows: Sequence[dict], scene: str, prefix: str = "") -> dict:
    """Means over seeds by method and case; ours without a prefix of its own."""
    means = {}
    for method, own in (("gva", ""), ("gaga", "gaga_"), ("iou_tracking", "iou_tracking_")):
        ours = [row for row in rows if row["scene"] == scene and row["method"] == method]
        for case in CASES:
            of_case = [row for row in ours if row["case"] == case]
            means[f"{prefix}{own}ari_{case}"] = round(statistics.mean(row["ari"] for row in of_case), 4)
        filled = [row["filled"] for row in ours if row["case"] == "dropped"]
        means[f"{prefix}{own}filled_dropped"] = round(statistics.mean(filled), 4)
        means[f"{prefix}{own}seconds"] = round(statistics.mean(row["seconds"] for row in ours), 2)
    return means


def scale_row(backend: str, gaussians: int, views: int, masks: int, width: int, height: int) -> dict:
    """One run on small Gaussians on surfaces, cut into things by the nearest of some of their centres."""
    scene = surface_scene(gaussians)
    raw = Gaussians(
        means=scene["means"],
        quats=scene["quats"],
        log_scales=scene["scales"].log(),
        logit_opacities=scene["opacities"].logit(eps=1e-6),
        sh=torch.zeros(gaussians, 1, 3),
    )
    projector = Projector.of(raw, backend)
    seeds = raw.means[torch.randperm(gaussians, generator=torch.Generator().manual_seed(0))[:masks]]
    thing_of = torch.cdist(raw.means, seeds).argmin(dim=1).to(projector.device)
    rows = [((thing_of == k).nonzero()[:, 0], torch.ones((), device=projector.device)) for k in range(masks)]
    posed, truth = [], {}
    for i in range(views):
        camera = orbit_camera(width, height, i / views)
        focal, T = float(camera["K"][0, 0]), camera["T_camera_world"].double().numpy()
        view = View(f"{i:03}", Path(f"{i:03}"), Camera(width, height, focal, focal, width / 2, height / 2), T)
        halves = [projector.draw(view, rows[first : first + 20]).image for first in range(0, masks, 20)]
        weights = torch.cat(halves, dim=2)
        labels = torch.where(weights.sum(dim=2) > 0.5, weights.argmax(dim=2) + 1, 0)
        posed, truth = [*posed, view], truth | {view.name: labels.cpu().numpy()}
    maps = renumbered(merged_or_split(truth, np.random.default_rng(0)), np.random.default_rng(0))
    begun = time.perf_counter()
    found = agreed(projector, posed, maps)
    seconds = round(time.perf_counter() - begun, 1)
    return {"seconds": seconds, **memory(), **measured(posed, truth, maps, found)}


def memory() -> dict:
    """The most that was taken, in MiB; of the process, and on the GPU."""
    found = {"peak_memory_mb": round(peak_memory_bytes() / 2**20)}
    if torch.cuda.is_available():
        found["peak_gpu_memory_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return found


def main() -> None:
    """The demo and what else is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, help="results of the demo scene, trained")
    parser.add_argument("--also", nargs=3, action="append", default=[], metavar=("NAME", "DIR", "TRUTH"))
    parser.add_argument("--backend", choices=("cpu", "gsplat"), default="cpu")
    parser.add_argument("--scale", action="store_true")
    arguments = parser.parse_args()
    seeds = list(range(arguments.seeds))
    with tempfile.TemporaryDirectory() as name:
        results = arguments.results or trained_demo(Path(name))
        rows = rows_of("demo", results, TRUTH / "object_mask", seeds, arguments.backend)
        rows += rows_of("demo_parts", results, TRUTH / "part_mask", seeds, arguments.backend)
    summary = summary_of(rows, "demo") | summary_of(rows, "demo_parts", "parts_")
    for scene, folder, truth in arguments.also:
        rows += rows_of(scene, Path(folder), Path(truth), seeds, arguments.backend)
        summary |= summary_of(rows, scene, f"{scene}_")
    if arguments.scale:
        scale = scale_row(arguments.backend, **SCALE)
        summary |= {f"scale_{key}": value for key, value in (SCALE | scale).items()}
    save("associate", seeds=seeds, rows=rows, summary=summary, backend=arguments.backend)


if __name__ == "__main__":
    main()
