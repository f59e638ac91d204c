"""Objects that are seen from one side: how good their completion is in the views that were withheld.

    python benchmarks/complete.py [--seeds N] [--proxies NAME...] [--run SCENE SHARE RESULTS SOURCE]...

SHARE of the full turn is withheld (two_thirds, four_fifths, six_sevenths). RESULTS is a folder of results up to
objects/, made with exact masks and a split of `splatsmith withhold`; SOURCE is the scene's own folder, with the truth.
Without any, the demo is trained here, once per share.

    hullsym     the embedded proxy: silhouettes, depth, support, symmetry
    true        the true surface as a user's proxy, turned at random, stretched by up to 20 % along each axis and in a
                light of its own: what a perfect generator would give (anew for every seed)

Each object goes through the stages select_views to refine_proxy, and is measured by evaluate_completion: IoU with its
true mask, and PSNR on white, in all views that were withheld. `gain` is over no completion. An object whose completion
fails is left as it was, and counts as that. `seconds` are those of all its stages.
"""

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from align_truth import distorted, true_gaussians, true_surface
from common import ROOT, save

from splatsmith.gaussians.ply import write_ply
from splatsmith.scenes.description import slug_of
from splatsmith.scenes.label_maps import read_legend
from splatsmith.scenes.prepared import read_prepared
from splatsmith.scenes.truth import find_truth
from splatsmith.scenes.withhold import withhold
from splatsmith.segment2d.settings import ProvidedSettings
from splatsmith.stages import (
    align_proxy,
    associate_masks,
    compose_scene,
    evaluate_completion,
    extract_objects,
    generate_proxy,
    prepare_scene,
    refine_proxy,
    segment_2d,
    segment_3d,
    select_views,
    train_3dgs,
    truncate_proxy,
)

SHARES = {"two_thirds": 2 / 3, "four_fifths": 4 / 5, "six_sevenths": 6 / 7}
STAGES = ("views", "proxy", "truncated", "aligned", "refined")
CPU = {"backend": "cpu"}


def results_of(source: Path, share: str, folder: Path, split_folder: Path) -> Path:
    """Results up to the objects of a scene, with exact masks, all but one side withheld."""
    split = split_folder / f"{share}.yml"
    withhold(source, split, share=SHARES[share], anchor=None)
    masks = find_truth(source).folder.relative_to(source).as_posix()
    scene, ply, raw, agreed = (
        folder / "scene",
        folder / "gaussians" / "point_cloud.ply",
        "masks/raw",
        "masks/consistent",
    )
    prepare_scene.main(prepare_scene.Config(), prepare_scene.Inputs(source, split), prepare_scene.Outputs(scene))
    trained = train_3dgs.Outputs.within(folder / "gaussians", folder / ".resume")
    train_3dgs.main(train_3dgs.Config(preset="draft", **CPU), train_3dgs.Inputs(scene), trained)
    asked = segment_2d.Config(source="provided", provided=ProvidedSettings(folder=masks))
    segment_2d.main(asked, segment_2d.Inputs(scene, source, (), None, Path("models")), segment_2d.Outputs(folder / raw))
    associate_masks.main(
        associate_masks.Config(**CPU),
        associate_masks.Inputs(scene, folder / raw, ply),
        associate_masks.Outputs(folder / agreed),
    )
    votes = folder / "segmentation" / "votes"
    segment_3d.main(
        segment_3d.Config(methods=("votes",), **CPU),
        segment_3d.Inputs(scene, ply, folder / agreed),
        segment_3d.Outputs(votes),
    )
    extract_objects.main(
        extract_objects.Config(),
        extract_objects.Inputs(votes, scene, folder / agreed),
        extract_objects.Outputs(folder / "objects"),
    )
    return folder


class Bench:
    """Results of one scene, and its truth."""

    def __init__(self, scene: str, share: str, results: Path, source: Path):
        self.scene, self.share, self.source = scene, share, source
        self.places = tuple(results / name for name in ("scene", "masks/consistent", "objects"))
        self.truth = find_truth(source)
        labels = json.loads(self.truth.legend.read_text(encoding="utf-8"))["objects"]
        self.ids = {slug_of(text, f"object-{id}").replace("_", "-"): int(id) for id, text in labels.items()}
        legend = read_legend(self.places[2] / "legend.json")
        self.names = [entry.name for entry in legend.entries if entry.parent is None and entry.name in self.ids]

    def run(self, proxy: str, seed: int, folder: Path) -> list[dict]:
        """All objects, by one kind of proxy."""
        for name in self.names:
            self._complete(name, self._given(name, seed, folder) if proxy == "true" else None, folder / name)
        refined = tuple(folder / name / "refined" for name in self.names)
        composed, judged = folder / "composed", folder / "judged"
        compose_scene.main(
            compose_scene.Config(**CPU), compose_scene.Inputs(*self.places, refined), compose_scene.Outputs(composed)
        )
        evaluate_completion.main(
            evaluate_completion.Config(**CPU),
            evaluate_completion.Inputs(
                self.places[0], self.source, *self.places[1:], composed, refined, Path("models")
            ),
            evaluate_completion.Outputs(judged),
        )
        told = json.loads((judged / "metrics.json").read_text(encoding="utf-8"))["objects"]
        return [self._row(name, proxy, seed, told[name], folder / name) for name in self.names]

    def _given(self, name: str, seed: int, folder: Path) -> Path:
        points, normals = true_surface(self.truth.points, self.ids[name])
        views = read_prepared(self.places[0]).views
        true = true_gaussians(points, normals, views, self.truth.folder, self.ids[name])
        moved, _ = distorted(true, np.random.default_rng([seed, self.ids[name]]))
        write_ply(folder / f"{name}.ply", moved)
        return folder / f"{name}.ply"

    def _complete(self, name: str, file: Path | None, folder: Path) -> None:
        views, proxy, truncated, aligned, refined = (folder / stage for stage in STAGES)
        subject = (*self.places, name)
        select_views.main(select_views.Config(**CPU), select_views.Inputs(*subject), select_views.Outputs(views))
        generate_proxy.main(
            generate_proxy.Config(**CPU), generate_proxy.Inputs(*subject, views, file), generate_proxy.Outputs(proxy)
        )
        truncate_proxy.main(truncate_proxy.Config(), truncate_proxy.Inputs(proxy), truncate_proxy.Outputs(truncated))
        align_proxy.main(
            align_proxy.Config(**CPU), align_proxy.Inputs(*subject, views, truncated), align_proxy.Outputs(aligned)
        )
        refine_proxy.main(
            refine_proxy.Config(**CPU), refine_proxy.Inputs(*subject, aligned), refine_proxy.Outputs(refined)
        )

    def _row(self, name: str, proxy: str, seed: int, told: dict, folder: Path) -> dict:
        stages = [json.loads((folder / stage / "stage.json").read_text(encoding="utf-8")) for stage in STAGES]
        before, after = (told["mean"][when] for when in ("before", "after"))
        return {
            "scene": self.scene,
            "withheld": self.share,
            "object": name,
            "proxy": proxy,
            "seed": seed,
            "status": told["status"],
            "reason": told["reason"],
            "iou_before": before["iou"],
            "iou": after["iou"],
            "psnr_before_db": before["psnr_db"],
            "psnr_db": after["psnr_db"],
            "seconds": round(math.fsum(stage["seconds"] for stage in stages), 1),
        }


def summarised(rows: list[dict]) -> dict:
    """By share and proxy: means over scenes, objects and seeds, and how many objects were completed at all."""
    summary: dict[str, object] = {}
    for share in SHARES:
        for proxy in dict.fromkeys(row["proxy"] for row in rows):
            some = [row for row in rows if (row["withheld"], row["proxy"]) == (share, proxy)]
            if some:
                gains = [row["psnr_db"] - row["psnr_before_db"] for row in some]
                summary.setdefault(share, {})[proxy] = {
                    "mask_iou": round(statistics.mean(row["iou"] for row in some), 4),
                    "mask_iou_before": round(statistics.mean(row["iou_before"] for row in some), 4),
                    "psnr_gain_db": round(statistics.mean(gains), 3),
                    "worst_gain_db": round(min(gains), 3),
                    "completed": round(statistics.mean(row["status"] != "failed" for row in some), 3),
                    "objects": len({(row["scene"], row["object"]) for row in some}),
                }
    seconds = [row["seconds"] for row in rows]
    return summary | {"seconds_per_object": round(statistics.mean(seconds), 1), "slowest_object_s": max(seconds)}


def main() -> None:
    """Every scene and share, by every kind of proxy; those that depend on chance for every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--proxies", nargs="+", choices=("hullsym", "true"), default=["hullsym", "true"])
    about = ("SCENE", "SHARE", "RESULTS", "SOURCE")
    parser.add_argument("--run", nargs=4, action="append", default=[], metavar=about)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, runs = Path(name), args.run
        if not runs:
            demo = ROOT / "resources" / "demo"
            runs = [("demo", share, results_of(demo, share, folder / share, folder), demo) for share in SHARES]
        for scene, share, results, source in runs:
            bench = Bench(scene, share, Path(results), Path(source))
            for proxy in args.proxies:
                for seed in range(args.seeds if proxy == "true" else 1):
                    with tempfile.TemporaryDirectory() as scratch:
                        rows += bench.run(proxy, seed, Path(scratch))
                    for row in rows[-len(bench.names) :]:
                        print(row, flush=True)
    save("complete", seeds=list(range(args.seeds)), rows=rows, summary=summarised(rows))


if __name__ == "__main__":
    main()
