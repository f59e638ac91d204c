"""GradiSeg's two modules switched on one by one, beside votes and sparse ids, with exact masks and with wrong ones.

    python benchmarks/segment_ablation.py [--seeds N] [--scene NAME RESULTS TRUTH BACKGROUND]... [--backend NAME]

Arms, each on the same trained scene and the same masks of its training views:

    knn          learnt codes, nearest neighbours: Gaussian Grouping, fitted to a trained scene
    look-ahead   knn with look-ahead neighbours (LA-KNN)
    igd          knn with Gaussians cut along boundaries (IGD)
    both         look-ahead and igd: GradiSeg
    random       knn with as many Gaussians split at random: does igd only add Gaussians?
    votes        weights of pixels, counted
    sparse-id    votes, neighbours as a prior, made nearly hard, and cut along boundaries: the default

`exact` masks are the truth; `corrupted` ones are spoilt as trackers spoil them (mask_errors.as_trackers_do), anew for
every seed. Measured on the held-out views by the names of objects: mIoU and mean boundary IoU in percent, of the
likeliest class of each pixel (argmax) and of all pixels above a probability of 0.2 (soft, Gaussian Grouping's rule).
PSNR is that of the held-out photos, after what was cut was trained on.

RESULTS is a folder of results with a trained scene, TRUTH one with object_mask/, BACKGROUND black or white, as in its
training. Without any, the demo is trained here.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from associate import trained_demo
from common import ROOT, save
from mask_errors import as_trackers_do

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply
from splatsmith.render import render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.label_maps import KEPT, read_label_map
from splatsmith.scenes.prepared import PreparedScene, read_image, read_prepared
from splatsmith.segment3d.config import GradisegConfig, SparseIdConfig
from splatsmith.segment3d.evaluation import evaluate_maps
from splatsmith.segment3d.methods import Lifted, lift
from splatsmith.segment3d.restore import restored
from splatsmith.segment3d.targets import Camera, targets_of
from splatsmith.train.losses import psnr

ARMS = {
    "knn": {"neighbours": "knn", "boundaries": "none"},
    "look-ahead": {"neighbours": "look-ahead", "boundaries": "none"},
    "igd": {"neighbours": "knn", "boundaries": "moments"},
    "both": {"neighbours": "look-ahead", "boundaries": "moments"},
    "random": {"neighbours": "knn", "boundaries": "random"},
    "votes": {},
    "sparse-id": {},
}
SCENE = ("NAME", "RESULTS", "TRUTH", "BACKGROUND")
MASKS = ("exact", "corrupted")
BACKGROUNDS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}
FIGURES = ("miou", "mbiou", "miou_soft", "mbiou_soft")


class Bench:
    """A trained scene with its truth."""

    def __init__(self, name: str, results: Path, truth: Path, background: str, backend: str):
        self.name, self.backend, self.device = name, backend, device_of(backend)
        self.background = BACKGROUNDS[background]
        self.scene: PreparedScene = read_prepared(results / "scene")
        ply = results / "gaussians" / "point_cloud.ply"
        self.gaussians = read_ply(ply).map(lambda column: column.to(self.device))
        self.maps = {
            view.name: read_label_map(
                truth / "object_mask" / f"{view.name}.png", (view.camera.width, view.camera.height)
            )
            for view in self.scene.views
        }
        self.ids = sorted({0, *(int(id) for labels in self.maps.values() for id in np.unique(labels))})
        self.psnr_db = self._psnr(self.gaussians)

    def run(self, arm: str, masks: str, seed: int) -> dict:
        """One arm, measured."""
        maps = {view.name: self.maps[view.name] for view in self.scene.train_views}
        if masks == "corrupted":
            maps = as_trackers_do(maps, np.random.default_rng(seed))
        targets = targets_of(self.scene.train_views, maps, self.ids, rest_is_known=True, device=self.device)
        method = arm if arm in ("votes", "sparse-id") else "gradiseg"
        settings = {
            "gradiseg_config": GradisegConfig(seed=seed, **ARMS[arm]),
            "sparse_id_config": SparseIdConfig(),
            "backend": self.backend,
        }
        started = time.perf_counter()
        lifted = lift(method, self.gaussians, targets, len(self.ids), **settings, repair=self._repair, label=arm)
        seconds = time.perf_counter() - started
        change = self._psnr(lifted.gaussians) - self.psnr_db if lifted.cut else 0.0
        facts = {"scene": self.name, "masks": masks, "seed": seed, "arm": arm, **self._figures(lifted)}
        return {**facts, "cut": lifted.cut, "psnr_change_db": round(change, 4), "seconds": round(seconds, 2)}

    def _figures(self, lifted: Lifted) -> dict[str, float]:
        numbers, drawn = np.array(self.ids), {}
        for view in self.scene.test_views:
            top = lifted.draw(Camera.of(view, self.device)).detach().topk(min(KEPT, len(numbers)), dim=-1)
            drawn[view.name] = numbers[top.indices.cpu().numpy()], top.values.cpu().numpy()
        truth = {view.name: self.maps[view.name] for view in self.scene.test_views}
        table = evaluate_maps(drawn, truth, {id: str(id) for id in self.ids if id})
        hard, soft = table["named", "argmax"].mean, table["named", "soft"].mean
        shares = zip(FIGURES, (hard.miou, hard.mbiou, soft.miou, soft.mbiou), strict=True)
        return {name: round(100 * share, 3) for name, share in shares}

    def _repair(self, cut: Gaussians, rows: torch.Tensor) -> Gaussians:
        drawing = {"background": self.background, "antialiased": False, "backend": self.backend}
        return restored(cut, rows, self.scene.train_views, **drawing, label="restore")

    @torch.no_grad()
    def _psnr(self, gaussians: Gaussians) -> float:
        values = []
        for view in self.scene.test_views:
            drawing = {"background": torch.tensor(self.background, device=self.device), "backend": self.backend}
            image = render_view(gaussians, view.camera, view.T_camera_world, **drawing).image
            values.append(float(psnr(image, torch.from_numpy(read_image(view)).to(image) / 255)))
        return statistics.mean(values)


def summarised(rows: list[dict]) -> dict:
    """Means over scenes and seeds of each arm, the spread over seeds of its mIoU, and what the modules gain."""
    summary: dict[str, object] = {}
    for masks in MASKS:
        arms = {arm: [row for row in rows if row["masks"] == masks and row["arm"] == arm] for arm in ARMS}
        means = {
            arm: {key: round(statistics.mean(row[key] for row in some), 3) for key in FIGURES}
            for arm, some in arms.items()
        }
        for arm, some in arms.items():
            by_seed = [[row["miou"] for row in some if row["seed"] == seed] for seed in {row["seed"] for row in some}]
            of_seeds = [statistics.mean(values) for values in by_seed]
            means[arm]["miou_spread"] = round(max(of_seeds) - min(of_seeds), 3)
        summary[masks] = means
        for arm in ("both", "sparse-id"):
            for key in FIGURES:
                summary[f"gain_{key}_{arm}_{masks}"] = round(means[arm][key] - means["knn"][key], 3)
    summary["gain_miou"], summary["gain_mbiou"] = (
        summary["gain_miou_both_corrupted"],
        summary["gain_mbiou_both_corrupted"],
    )
    for arm in ("both", "sparse-id"):
        summary[f"psnr_change_db_{arm}"] = round(
            statistics.mean(r["psnr_change_db"] for r in rows if r["arm"] == arm), 4
        )
    return summary


def by_scene(rows: list[dict]) -> dict:
    """mIoU and mBIoU of each scene, kind of masks and arm, means over seeds."""

    def mean(scene: str, masks: str, arm: str, key: str) -> float:
        some = [row[key] for row in rows if (row["scene"], row["masks"], row["arm"]) == (scene, masks, arm)]
        return round(statistics.mean(some), 2)

    names = dict.fromkeys(row["scene"] for row in rows)
    return {
        scene: {
            masks: {arm: {key: mean(scene, masks, arm, key) for key in ("miou", "mbiou")} for arm in ARMS}
            for masks in MASKS
        }
        for scene in names
    }


def main() -> None:
    """Every arm, with exact and with corrupted masks, for every seed and scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scene", nargs=4, action="append", default=[], metavar=SCENE)
    parser.add_argument("--backend", choices=["cpu", "gsplat"], default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        scenes = args.scene
        if not scenes:
            trained_demo(Path(folder))
            scenes = [("demo", folder, ROOT / "resources" / "demo" / "ground_truth", "black")]
        rows = []
        for name, results, truth, background in scenes:
            bench = Bench(name, Path(results), Path(truth), background, args.backend)
            for masks in MASKS:
                for seed in range(args.seeds):
                    for arm in ARMS:
                        rows.append(bench.run(arm, masks, seed))
                        print(rows[-1], flush=True)
    save(
        "segment_ablation",
        seeds=list(range(args.seeds)),
        rows=rows,
        summary=summarised(rows) | {"scenes": by_scene(rows)},
    )


if __name__ == "__main__":
    main()
