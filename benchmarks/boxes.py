"""Masks from one box per object (the source `boxes`): how well they are carried into every other view, and how fast.

    python benchmarks/boxes.py [--seeds N] [--scene NAME RESULTS TRUTH]...

Each object gets one box in one view: around its true pixels, every side off by up to 5 % of the box's length as if a
person had drawn it, in a view drawn from those three that show most of the object, whole. `iou` is that of an object's
mask and its true pixels, averaged over all views that show it and over objects; a mask that is missing counts as 0.
RESULTS is a folder of results with a trained scene, TRUTH one with object_mask/ and labels.json. Without any, the demo
is trained here.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from associate import trained_demo
from common import ROOT, save

from splatsmith.gaussians.ply import read_ply
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object, slug_of
from splatsmith.scenes.label_maps import read_label_map
from splatsmith.scenes.prepared import read_prepared
from splatsmith.segment2d.boxes import Boxes
from splatsmith.segment2d.masks import Request, ViewMasks

FEWEST = 20
"""True pixels of an object in a view that is counted."""
LARGEST = 3
OFF = 0.05


def boxed(name: str, truth: dict[str, np.ndarray], views: tuple[View, ...], draw: np.random.Generator) -> Object:
    """An object with one box. truth: its true pixels (H, W) bool in each view, by the view's name."""
    sized = []
    for view in views:
        y, x = np.nonzero(truth[view.name])
        if len(x) >= FEWEST:
            height, width = truth[view.name].shape
            whole = x.min() > 1 and y.min() > 1 and x.max() < width - 2 and y.max() < height - 2
            sized.append((whole, len(x), view.name, np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], float)))
    sized.sort(key=lambda entry: entry[:3], reverse=True)
    _, _, view, box = sized[draw.integers(min(LARGEST, len(sized)))]
    sides = np.tile(box[2:] - box[:2], 2)
    moved = np.maximum(box + draw.uniform(-OFF, OFF, 4) * sides, 0)
    return Object(name=name, boxes={view: tuple(moved.tolist())})


def iou(found: ViewMasks, name: str, truth: np.ndarray) -> float:
    """Of one object in one view."""
    numbers = [place for place, mask in enumerate(found.masks, 1) if mask.object == name]
    mask = np.isin(found.labels, numbers)
    return float((mask & truth).sum() / (mask | truth).sum())


def measured(name: str, results: Path, truth_folder: Path, seed: int) -> dict:
    """One scene with boxes of one seed."""
    scene = read_prepared(results / "scene")
    gaussians = read_ply(results / "gaussians" / "point_cloud.ply")
    names = json.loads((truth_folder / "labels.json").read_text(encoding="utf-8"))["objects"]
    maps = {view.name: read_label_map(truth_folder / "object_mask" / f"{view.name}.png") for view in scene.views}
    draw = np.random.default_rng(seed)
    truth = {
        slug_of(text, f"object-{id}"): {view: labels == int(id) for view, labels in maps.items()}
        for id, text in names.items()
    }
    objects = [boxed(object, masks, scene.train_views, draw) for object, masks in truth.items()]
    started = time.perf_counter()
    found = dict(Boxes().find(Request(scene, objects, gaussians, "cpu")).views)
    seconds = time.perf_counter() - started
    of_object = {
        object: statistics.mean(iou(found[view], object, mask) for view, mask in masks.items() if mask.sum() >= FEWEST)
        for object, masks in truth.items()
    }
    rounded = {object: round(value, 4) for object, value in of_object.items()}
    return {
        "scene": name,
        "seed": seed,
        "iou": round(statistics.mean(of_object.values()), 4),
        "seconds": round(seconds, 1),
        "objects": rounded,
    }


def main() -> None:
    """Every scene, with boxes of every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scene", nargs=3, action="append", default=[], metavar=("NAME", "RESULTS", "TRUTH"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        scenes = args.scene
        if not scenes:
            trained_demo(Path(folder))
            scenes = [("demo", folder, ROOT / "resources" / "demo" / "ground_truth")]
        rows = []
        for name, results, truth in scenes:
            for seed in range(args.seeds):
                rows.append(measured(name, Path(results), Path(truth), seed))
                print(rows[-1], flush=True)
    summary: dict[str, float] = {}
    for name, *_ in scenes:
        ious = [row["iou"] for row in rows if row["scene"] == name]
        summary |= {f"{name}_iou": round(statistics.mean(ious), 4), f"{name}_spread": round(max(ious) - min(ious), 4)}
        summary[f"{name}_seconds"] = round(statistics.mean(row["seconds"] for row in rows if row["scene"] == name), 1)
    save("boxes", seeds=list(range(args.seeds)), rows=rows, summary=summary)


if __name__ == "__main__":
    main()
