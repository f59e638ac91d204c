"""Parts lifted from poor soft maps by 3D-GALP, beside votes and beside the maps themselves.

    python benchmarks/parts.py [--seeds N] [--scene NAME RESULTS TRUTH]... [--backend NAME]

The maps are the true parts of every object with at least two, spoilt anew for every seed: outlines shifted by up to 3
pixels, a fifth of the masks misnamed as another part of the object, a tenth missing; then they are drawn as attention
maps are (mask_errors.as_attention_does): 32 x 32 soft cells around the object that bleed into each other, in every view
in another way. Arms, each on the same trained scene and the same maps of its training views:

    maps         nothing lifted: the spoilt map of the held-out view itself
    votes        the maps on average, by weights of pixels
    off          labels of GALP's default degree, without its loss of neighbours
    degree-0..3  GALP with labels of this degree
    paper        as published: RGB colours, of which maps have the likeliest, from grey, softness over all views, 50
                 neighbours; its schedule is GALP's

Measured on the held-out views by the names of parts: mIoU and mean boundary IoU in percent, of the likeliest class of
each pixel. The gain is that of GALP's default degree over `maps`.

RESULTS is a folder of results with a trained scene. TRUTH has labels.json and part_mask/; or gt/point_parts.csv, the
parts of the points of sparse/0, and object_mask/: then pixels of the object have the part of the nearest keypoint, only
keypoints are measured, and there is no boundary IoU. Without any, the demo is trained here.
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from associate import trained_demo
from common import ROOT, save
from mask_errors import LabelMaps, as_attention_does, dropped, flipped, shifted
from scipy import ndimage

from splatsmith.gaussians.ply import read_ply
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import KEPT, read_label_map
from splatsmith.scenes.prepared import PreparedScene, read_prepared
from splatsmith.segment3d.config import GalpConfig
from splatsmith.segment3d.evaluation import evaluate_maps
from splatsmith.segment3d.galp.fit import fit
from splatsmith.segment3d.galp.soft_targets import soft_targets_of
from splatsmith.segment3d.targets import Camera, Still, Target, drawn_probabilities
from splatsmith.segment3d.votes import shares, vote_mass

PAPER = {"coding": "paper", "initial": "grey", "softness": "paper", "agreement": 6.0, "k": 50, "degree": 3}
ARMS: dict[str, dict | None] = {
    "maps": None,
    "votes": None,
    "off": {"agreement": 0.0},
    **{f"degree-{degree}": {"degree": degree} for degree in range(4)},
    "paper": PAPER,
}
GALP = f"degree-{GalpConfig().degree}"
"""The default."""
FIGURES = ("miou", "mbiou")


class Bench:
    """A trained scene with its true parts."""

    def __init__(self, name: str, results: Path, truth: Path, backend: str):
        self.name, self.device = name, device_of(backend)
        self.scene: PreparedScene = read_prepared(results / "scene")
        ply = results / "gaussians" / "point_cloud.ply"
        gaussians = read_ply(ply).map(lambda column: column.to(self.device))
        self.still = Still.of(gaussians, backend=backend)
        self.sparse = not (truth / "part_mask").is_dir()
        self.maps, self.measured = (sparse_truth if self.sparse else dense_truth)(truth, self.scene.views)
        self.objects = parts_of(truth, self.maps)
        self.ids = np.array([0, *sorted(id for parts in self.objects for id in parts)])

    def run(self, seed: int) -> list[dict]:
        """All arms."""
        maps = self._soft_maps(np.random.default_rng(seed))
        targets = soft_targets_of(self.scene.train_views, maps, self.device)
        rows = []
        for arm, settings in ARMS.items():
            started = time.perf_counter()
            draw = self._drawing(arm, settings, maps, targets, seed)
            seconds = time.perf_counter() - started
            rows.append({"scene": self.name, "seed": seed, "arm": arm, **self._figures(draw)})
            rows[-1]["seconds"] = round(seconds, 1)
            print(rows[-1], flush=True)
        return rows

    def _drawing(self, arm: str, settings: dict | None, maps: dict, targets: list, seed: int) -> Callable:
        """A function of a view that gives (H, W, C) probabilities."""
        match arm:
            case "maps":
                return lambda view: torch.from_numpy(maps[view.name]).float()
            case "votes":
                pi = shares(vote_mass(self.still, targets, len(self.ids)))
                return lambda view: drawn_probabilities(self.still, pi, Camera.of(view, self.device))
            case _:
                if arm == "paper":
                    targets = [Target(target.camera, target.classes) for target in targets]
                labels = fit(self.still, targets, len(self.ids), GalpConfig(seed=seed, **settings), label=arm)
                return lambda view: labels.draw(Camera.of(view, self.device))

    def _soft_maps(self, draw: np.random.Generator) -> dict[str, np.ndarray]:
        """(H, W, C) float16 of every view, held out or not."""
        soft = {name: np.zeros((*labels.shape, len(self.ids)), np.float16) for name, labels in self.maps.items()}
        for parts in self.objects:
            own = {name: np.where(np.isin(labels, parts), labels, 0) for name, labels in self.maps.items()}
            spoilt = dropped(flipped(shifted(own, draw), draw), draw, rate=0.1)
            columns = np.searchsorted(self.ids, parts)
            for name, shares_of_parts in as_attention_does(spoilt, draw).items():
                soft[name][..., columns] += shares_of_parts[..., 1:]
        for shares_of_all in soft.values():
            total = shares_of_all.sum(2, keepdims=True)
            shares_of_all /= np.maximum(total, 1)  # crops of objects overlap
            shares_of_all[..., :1] = np.maximum(1 - total, 0)
        return soft

    def _figures(self, draw: Callable[[View], torch.Tensor]) -> dict[str, float | None]:
        drawn, truth = {}, {}
        for view in self.scene.test_views:
            top = draw(view).topk(min(KEPT, len(self.ids)), dim=-1)
            where = self.measured[view.name][..., None]
            drawn[view.name] = np.where(where, self.ids[top.indices.cpu().numpy()], 0), top.values.cpu().numpy()
            truth[view.name] = np.where(where[..., 0], self.maps[view.name], 0)
        mean = evaluate_maps(drawn, truth, {int(id): str(id) for id in self.ids[1:]})["named", "argmax"].mean
        return {"miou": round(100 * mean.miou, 3), "mbiou": None if self.sparse else round(100 * mean.mbiou, 3)}


def parts_of(truth: Path, maps: LabelMaps) -> list[list[int]]:
    """The numbers of the parts of each object, of those that some view shows; objects with one part are left out."""
    shown = {int(id) for labels in maps.values() for id in np.unique(labels)}
    objects: dict[int, list[int]] = {}
    for id, part in json.loads((truth / "labels.json").read_text(encoding="utf-8"))["parts"].items():
        if int(id) in shown:
            objects.setdefault(part["object_id"], []).append(int(id))
    return [sorted(parts) for parts in objects.values() if len(parts) > 1]


def dense_truth(truth: Path, views: tuple[View, ...]) -> tuple[LabelMaps, dict[str, np.ndarray]]:
    """Label maps of parts, and where they are measured, (H, W) bool: everywhere."""
    maps = {
        view.name: read_label_map(truth / "part_mask" / f"{view.name}.png", (view.camera.width, view.camera.height))
        for view in views
    }
    return maps, {name: np.ones(labels.shape, bool) for name, labels in maps.items()}


def sparse_truth(truth: Path, views: tuple[View, ...]) -> tuple[LabelMaps, dict[str, np.ndarray]]:
    """As `dense_truth`, of keypoints alone; between them, label maps have the part of the nearest."""
    from splatsmith.scenes.colmap_library import pycolmap

    with open(truth / "gt" / "point_parts.csv", encoding="utf-8") as file:
        part_of = {int(row["point3D_id"]): int(row["part_id"]) for row in csv.DictReader(file)}
    model = pycolmap.Reconstruction(str(truth / "sparse" / "0"))
    images = {Path(image.name).stem: image for image in model.images.values()}
    maps, measured = {}, {}
    for view in views:
        size = (view.camera.width, view.camera.height)
        known = np.zeros(size[::-1], np.int64)
        for point in images[view.name].points2D:
            column, row = (int(value) for value in point.xy)
            if point.has_point3D() and 0 <= row < size[1] and 0 <= column < size[0]:
                known[row, column] = part_of.get(point.point3D_id, 0)
        measured[view.name] = known > 0
        nearest = ndimage.distance_transform_edt(known == 0, return_distances=False, return_indices=True)
        whole = read_label_map(truth / "object_mask" / f"{view.name}.png", size) > 0
        maps[view.name] = np.where(whole | measured[view.name], known[tuple(nearest)], 0)
    return maps, measured


def means(rows: list[dict]) -> dict[str, float | None]:
    """Of each figure, over the rows that have it."""
    found = {key: [row[key] for row in rows if row[key] is not None] for key in FIGURES}
    return {key: round(statistics.mean(values), 3) if values else None for key, values in found.items()}


def summarised(rows: list[dict]) -> dict:
    """Means over scenes and seeds of each arm, those of each scene, and what GALP gains."""

    def of(arm: str, scene: str | None = None) -> dict[str, float | None]:
        return means([row for row in rows if row["arm"] == arm and scene in (None, row["scene"])])

    arms = {arm: of(arm) for arm in ARMS}
    return {
        "galp_miou": arms[GALP]["miou"],
        "galp_mbiou": arms[GALP]["mbiou"],
        "votes_miou": arms["votes"]["miou"],
        "maps2d_miou": arms["maps"]["miou"],
        "gain_miou": round(arms[GALP]["miou"] - arms["maps"]["miou"], 3),
        "gain_miou_over_votes": round(arms[GALP]["miou"] - arms["votes"]["miou"], 3),
        "gain_miou_over_off": round(arms[GALP]["miou"] - arms["off"]["miou"], 3),
        "arms": arms,
        "scenes": {scene: {arm: of(arm, scene) for arm in ARMS} for scene in dict.fromkeys(r["scene"] for r in rows)},
    }


def main() -> None:
    """Every arm, for every seed and scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scene", nargs=3, action="append", default=[], metavar=("NAME", "RESULTS", "TRUTH"))
    parser.add_argument("--backend", choices=["cpu", "gsplat"], default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        scenes = args.scene
        if not scenes:
            trained_demo(Path(folder))
            scenes = [("demo", folder, ROOT / "resources" / "demo" / "ground_truth")]
        rows = []
        for name, results, truth in scenes:
            bench = Bench(name, Path(results), Path(truth), args.backend)
            for seed in range(args.seeds):
                rows += bench.run(seed)
    save("parts", seeds=list(range(args.seeds)), rows=rows, summary=summarised(rows))


if __name__ == "__main__":
    main()
