"""Stage train_3dgs: a prepared scene in, trained 3D Gaussians out, in the world frame of the input.

A scene that came with trained Gaussians is not trained again: they are checked and written out in our dialect.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from splatsmith.base import files
from splatsmith.base.manifest import MANIFEST_NAME, remove_manifest, write_manifest
from splatsmith.stages.record import Record, record
from splatsmith.train.config import TrainConfig

if TYPE_CHECKING:
    from splatsmith.scenes.prepared import PreparedScene


class Config(TrainConfig):
    """A preset and overrides; see `TrainConfig`."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of the prepared scene."""


@dataclass(frozen=True)
class Outputs:
    """What the stage writes."""

    ply: Path
    """The trained Gaussians."""
    metrics: Path
    """JSON lines: step, loss, psnr_db (training photos), gaussians, and now and then test_psnr_db (held-out photos)."""
    figure: Path
    """PNG of these curves."""
    stage_json: Path
    """What the stage did; `manifest.json` stands beside it."""
    resume: Path
    """Folder of the resumable state, emptied when all is done."""

    @classmethod
    def within(cls, folder: Path, resume: Path) -> Self:
        """The usual names in `folder`."""
        names = ("point_cloud.ply", "metrics.jsonl", "training.png", "stage.json")
        return cls(*(folder / name for name in names), resume=resume)


def main(
    config: Config,
    inputs: Inputs,
    outputs: Outputs,
    *,
    threads: int | None = None,
    checkpoint_seconds: float = 30.0,
) -> None:
    """Train, or pass trained Gaussians through. A killed run goes on from its last checkpoint.

    Neither `threads` nor `checkpoint_seconds` changes the result. Raises InputError on a damaged scene, a backend that
    cannot run, divergence, or too little memory.
    """
    from splatsmith.render.cpu import set_threads
    from splatsmith.scenes.prepared import read_prepared

    folder, sources = outputs.stage_json.parent, [inputs.scene / MANIFEST_NAME]
    remove_manifest(folder)
    with record(outputs.stage_json, stage="train_3dgs", config=config, inputs=sources, seed=config.seed) as entry:
        scene = read_prepared(inputs.scene)
        if scene.trained is not None:
            _pass_through(scene.trained, outputs, entry)
        else:
            if threads is not None:
                set_threads(threads)
            _train(scene, config, outputs, entry, checkpoint_seconds)
        written = (outputs.ply, outputs.metrics, outputs.figure)
        write_manifest(folder, [path.relative_to(folder).as_posix() for path in written])


def _train(scene: "PreparedScene", config: Config, outputs: Outputs, entry: Record, checkpoint_seconds: float) -> None:
    import torch

    from splatsmith.gaussians.ply import write_ply
    from splatsmith.render.choice import settled_backend
    from splatsmith.train.estimate import available_bytes, estimate, explaining_out_of_memory, shortage
    from splatsmith.train.loop import train
    from splatsmith.train.resume import Checkpoint, run_key

    torch.set_num_threads(1)  # our kernels bring their own threads; OpenMP's would only wait, and wait busily
    entry.backend = settled_backend(config.backend)
    config = config.model_copy(update={"backend": entry.backend})
    facts = {"config": config.model_dump(mode="json"), "inputs": list(entry.inputs.values()), "code": entry.code}
    checkpoint = Checkpoint(outputs.resume, run_key(**facts, versions=entry.versions))
    label = f"train {outputs.ply.absolute().parent.parent.name}"
    expected = estimate(scene, config)
    print(f"{label}: {len(scene.train_views)} photos, backend {entry.backend}; {expected}", flush=True)
    if warning := shortage(expected, available_bytes(config.backend)):
        print(f"{label}: warning: {warning}", flush=True)
    with explaining_out_of_memory(expected):
        gaussians, rows = train(
            scene, config, checkpoint=checkpoint, checkpoint_seconds=checkpoint_seconds, label=label, say=_say
        )
    write_ply(outputs.ply, gaussians, antialiased=config.antialiased)
    _write_metrics(outputs, rows, label)
    entry.metrics |= {"gaussians": len(gaussians), **rows[-1]}
    checkpoint.remove()


def _say(word: str) -> None:
    print(word, flush=True)


def _pass_through(trained: Path, outputs: Outputs, entry: Record) -> None:
    from splatsmith.gaussians.ply import ANTIALIASED, header_comments, read_ply, write_ply

    gaussians, comments = read_ply(trained), header_comments(trained)
    write_ply(outputs.ply, gaussians, comments, antialiased=ANTIALIASED in comments)
    _write_metrics(outputs, [], "not trained here: the scene came with trained Gaussians")
    entry.reason = "the scene came with trained Gaussians, which were checked and passed through"
    entry.metrics["gaussians"] = len(gaussians)


def _write_metrics(outputs: Outputs, rows: Sequence[dict], title: str) -> None:
    from splatsmith.train.figure import write_training_curve

    files.write_text(outputs.metrics, "".join(json.dumps(row) + "\n" for row in rows))
    write_training_curve(outputs.figure, rows, title)
