"""Proxies brought back to where they were taken from: geo9 beside SCORP's aligner, with most of the views withheld.

    python benchmarks/align.py --scene NAME RESULTS TRUTH... [--seeds N] [--aligners A B] [--floaters SHARE]

RESULTS holds scene/, masks/consistent/ and objects/ of a scene that was trained without the views of a sector; TRUTH
is its ground truth, with object_mask/ and surface_points.ply. The proxy is the true surface, filled in between its
points and coloured by all photos, then turned at random, stretched by up to 20 % along each of its axes, in colours
that are off by up to 20 % (align_truth.py). Floaters are added to the object's Gaussians, strewn over two and a half
times its box. A case is a success if the rotation is within 3 degrees, modulo the symmetry that objects.json tells of,
and every scale within 2 %; `scale_percent` is the worst of the three.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from align_truth import distorted, true_gaussians, true_surface
from common import save
from scipy.spatial.transform import Rotation

from splatsmith.base.outcome import Unusable
from splatsmith.complete.align.aligned import Aligned, affine_one, by_geo9
from splatsmith.complete.align.body import body_of
from splatsmith.complete.align.evidence import evidence_of
from splatsmith.complete.align.geo9 import Drawing
from splatsmith.complete.align.scorp import scorp
from splatsmith.complete.align.sights import sight_of
from splatsmith.complete.align.start import start
from splatsmith.complete.subject import Subject, read_subject
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat, select
from splatsmith.models.sift import Sift
from splatsmith.scenes.orientation import up_axis

WITHIN_DEG, WITHIN_PERCENT = 3.0, 2.0
DRAWING = {"backend": "cpu", "antialiased": False}


def with_floaters(subject: Subject, share: float, rng: np.random.Generator) -> Subject:
    """As many floaters as a share of the object's Gaussians, in 2.5 times their box."""
    rows = torch.from_numpy(rng.choice(np.flatnonzero(subject.member.numpy()), int(share * int(subject.member.sum()))))
    low, high = np.quantile(subject.observed.means.numpy(), [0.02, 0.98], axis=0)
    middle, reach = (low + high) / 2, 1.25 * (high - low)
    strewn = torch.from_numpy(rng.uniform(middle - reach, middle + reach, (len(rows), 3))).float()
    return replace(
        subject, gaussians=concat([subject.gaussians, replace(select(subject.gaussians, rows), means=strewn)])
    )


def aligned(aligner: str, subject: Subject, proxy: Gaussians, seed: int) -> Aligned:
    """One run, as the stage makes it."""
    seen = subject.observations(subject.views, **DRAWING)
    drawing = Drawing(body_of(proxy, seed), evidence_of(seen, ()), "cpu")
    if aligner == "geo9":
        return by_geo9(drawing, Sift(), None, up_axis(subject.views), seed=seed, label=subject.name)
    begin = start(proxy.means.double().numpy(), subject.observed.means.double().numpy(), seed)
    begin = replace(begin, T=begin.T @ np.linalg.inv(drawing.body.T_body_proxy))

    def sight_at(i: int):
        return sight_of(seen[i]) if seen[i].area else None

    told = {"iterations": 6, "shapes": (3, 4), "backend": "cpu", "seed": seed, "label": subject.name}
    return affine_one(drawing, *scorp(drawing.body, begin, sight_at, len(seen), Sift(), **told))


def errors(T: np.ndarray, truth: np.ndarray, axis: np.ndarray | None) -> tuple[float, float]:
    """Degrees and percent that a pose (4, 4) is off; turns about the world's `axis` (3,) count for nothing."""
    U, stretch, Vt = np.linalg.svd(T[:3, :3] @ np.linalg.inv(truth[:3, :3]))
    R = U @ Vt
    if axis is None:
        degrees = np.degrees(Rotation.from_matrix(R).magnitude()) if np.linalg.det(R) > 0 else 180.0
    else:
        degrees = np.degrees(np.arccos(np.clip(axis @ R @ axis, -1, 1)))
    return float(degrees), float(100 * np.abs(stretch - 1).max())


def axis_of(truth: Path, name: str) -> np.ndarray | None:
    """The axis (3,) that an object is painted symmetrically about, if objects.json tells of one."""
    path = truth / "objects.json"
    if not path.exists():
        return None
    entry = next(one for one in json.loads(path.read_text())["objects"] if one["name"] == name)
    return np.array(entry["T_world_object"])[:3, 2] if entry["symmetry"]["painted"] == "revolution" else None


def cases(name: str, results: Path, truth: Path, args: argparse.Namespace):
    """Every object, seed and aligner of a scene, measured."""
    points = next(path for path in (truth / "surface_points.ply", truth / "gt" / "surface_points.ply") if path.exists())
    labels = {
        word.replace("_", "-"): int(id)
        for id, word in json.loads((truth / "labels.json").read_text())["objects"].items()
    }
    legend = json.loads((results / "objects" / "legend.json").read_text())["entries"]
    for path in [entry["name"] for entry in legend if entry["parent"] is None]:
        subject = read_subject(results / "scene", results / "masks" / "consistent", results / "objects", path)
        true = true_gaussians(
            *true_surface(points, labels[path]), subject.scene.views, truth / "object_mask", labels[path]
        )
        for seed in range(args.seeds):
            rng = np.random.default_rng(seed)
            proxy, T = distorted(true, rng)
            strewn = with_floaters(subject, args.floaters, rng)
            for aligner in args.aligners:
                row = {"scene": name, "object": path, "seed": seed, "aligner": aligner}
                yield row | measured(aligner, strewn, proxy, T, axis_of(truth, path), seed)


def measured(
    aligner: str, subject: Subject, proxy: Gaussians, T: np.ndarray, axis: np.ndarray | None, seed: int
) -> dict:
    """Figures of one run."""
    began, worked = time.perf_counter(), time.process_time()
    try:
        found = aligned(aligner, subject, proxy, seed)
        degrees, percent = errors(found.T, T, axis)
        told = {"status": found.outcome.status, "iou": round(found.fit.iou, 4), "gap": found.gap}
    except Unusable as reason:
        degrees, percent, told = 180.0, 100.0, {"status": "failed", "reason": str(reason)}
    success = degrees <= WITHIN_DEG and percent <= WITHIN_PERCENT
    times = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - worked}
    figures = {"rotation_deg": round(degrees, 3), "scale_percent": round(percent, 3)}
    return {"success": success, **figures, **{key: round(value, 2) for key, value in times.items()}, **told}


def summarised(rows: list[dict]) -> dict:
    """Of each aligner: the share of successes, of right rotations, and medians; beside it the same of each scene."""

    def of(some: list[dict]) -> dict:
        told = {"cases": len(some), "success": statistics.mean(row["success"] for row in some)}
        told["rotation_right"] = statistics.mean(row["rotation_deg"] <= WITHIN_DEG for row in some)
        for key in ("rotation_deg", "scale_percent", "seconds", "cpu_seconds"):
            told[key] = statistics.median(row[key] for row in some)
        return {key: round(value, 3) for key, value in told.items()}

    summary = {}
    for aligner in dict.fromkeys(row["aligner"] for row in rows):
        own = [row for row in rows if row["aligner"] == aligner]
        scenes = dict.fromkeys(row["scene"] for row in own)
        summary[aligner] = of(own) | {"scenes": {name: of([r for r in own if r["scene"] == name]) for name in scenes}}
    return summary


def main() -> None:
    """All scenes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", nargs=3, action="append", required=True, metavar=("NAME", "RESULTS", "TRUTH"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--aligners", nargs="+", choices=["scorp", "geo9"], default=["scorp", "geo9"])
    parser.add_argument("--floaters", type=float, default=0.05)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name, results, truth in args.scene:
        for row in cases(name, Path(results), Path(truth), args):
            rows.append(row)
            print(row, flush=True)
    save("align", seeds=list(range(args.seeds)), rows=rows, summary=summarised(rows), floaters=args.floaters)


if __name__ == "__main__":
    main()
