"""The demo scene, standard preset, on the CPU: held-out PSNR and SSIM, and how long training takes.

    python benchmarks/train_demo.py [SEEDS]

Runs prepare once, then train and render for each of SEEDS seeds (default 3), with the preset as it is;
`./run demo` trains for fewer steps (config/demo.yaml).
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, save

from splatsmith.stages import prepare_scene, render_views, train_3dgs


def prepared_demo(results: Path) -> Path:
    """The demo scene, ready for training."""
    demo, outputs = ROOT / "resources" / "demo", prepare_scene.Outputs(results / "scene")
    inputs = prepare_scene.Inputs(demo, demo / "split.yml")
    prepare_scene.main(prepare_scene.Config(), inputs, outputs)
    return outputs.folder


def one_seed(scene: Path, results: Path, seed: int) -> dict:
    """Train with `seed` and measure on the held-out views."""
    config = train_3dgs.Config(preset="standard", backend="cpu", seed=seed)
    trained = train_3dgs.Outputs.within(results / "gaussians", results / ".resume")
    cpu = time.process_time()
    train_3dgs.main(config, train_3dgs.Inputs(scene), trained)
    cpu = time.process_time() - cpu
    rendered = render_views.Outputs(results / "renders")
    drawing = render_views.Config(backend="cpu", turntable_frames=1)
    render_views.main(drawing, render_views.Inputs(scene, trained.ply), rendered)
    stage = json.loads(trained.stage_json.read_text(encoding="utf-8"))
    mean = json.loads((rendered.folder / "metrics.json").read_text(encoding="utf-8"))["mean"]
    measured = {"psnr_db": mean["psnr_db"], "ssim": mean["ssim"], "gaussians": stage["metrics"]["gaussians"]}
    return {"seed": seed, **measured, "seconds": stage["seconds"], "cpu_seconds": round(cpu, 1)}


def main() -> None:
    """All seeds, and their means."""
    seeds = list(range(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
    with tempfile.TemporaryDirectory() as name:
        scene = prepared_demo(Path(name))
        rows = [one_seed(scene, Path(name) / f"seed {seed}", seed) for seed in seeds]
    means = {key: round(statistics.mean(row[key] for row in rows), 4) for key in rows[0] if key != "seed"}
    spread = max(row["psnr_db"] for row in rows) - min(row["psnr_db"] for row in rows)
    save("train_demo", seeds=seeds, rows=rows, summary={**means, "psnr_spread_db": round(spread, 4)})


if __name__ == "__main__":
    main()
