"""The tools that the project can run: where each is published, under which licence, and what its folders must hold."""

from dataclasses import dataclass
from pathlib import Path

from splatsmith.models.tools.runners import mast3r, sam3d, trellis


@dataclass(frozen=True)
class Known:
    """A tool as its authors published it. Neither its code nor its weights are shipped with this project."""

    name: str
    """What the configuration calls it; also the name of the folder of its weights."""
    task: str
    """What it is for, in a few words."""
    runner: Path
    """Our script that runs inside its environment."""
    url: str
    """Where it is cloned from."""
    commits: tuple[str, ...]
    """Beginnings of the commits that the runner was written against, the recommended one first."""
    repo_files: tuple[str, ...]
    """What its checkout must hold."""
    weights: str
    """Repository on huggingface.co with its weights."""
    weights_files: tuple[str, ...]
    """What the folder of its weights must hold."""
    licence: str
    """Of code and weights."""
    commercial: bool
    """Whether that licence allows commercial use."""
    needs: str
    """Of the machine."""


TOOLS = {
    tool.name: tool
    for tool in (
        Known(
            name="trellis",
            task="generates an object's Gaussians from pictures",
            runner=Path(trellis.__file__),
            url="https://github.com/microsoft/TRELLIS",
            commits=("6b0d647",),
            repo_files=("trellis", "dinov2/hubconf.py"),
            weights="microsoft/TRELLIS-image-large",
            weights_files=("pipeline.json", trellis.DINOV2_WEIGHTS),
            licence="MIT, some of its requirements for research only",
            commercial=True,
            needs="Linux, an NVIDIA GPU with 16 GB",
        ),
        Known(
            name="sam3d",
            task="generates an object's Gaussians from a picture, and where they stand",
            runner=Path(sam3d.__file__),
            url="https://github.com/facebookresearch/sam-3d-objects",
            commits=("cf06676",),
            repo_files=("sam3d_objects", "notebook/inference.py"),
            weights="facebook/sam-3d-objects",
            weights_files=("pipeline.yaml",),
            licence="SAM License (commercial use allowed; no military use)",
            commercial=True,
            needs="Linux, an NVIDIA GPU with 32 GB",
        ),
        Known(
            name="mast3r",
            task="matches points of two pictures",
            runner=Path(mast3r.__file__),
            url="https://github.com/naver/mast3r",
            commits=("f5209af",),
            repo_files=("mast3r", "dust3r/dust3r", "dust3r/croco/models"),
            weights="naver/MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric",
            weights_files=("config.json", "model.safetensors"),
            licence="CC BY-NC-SA 4.0, weights restricted further by their data",
            commercial=False,
            needs="8 GB of memory; faster on an NVIDIA GPU",
        ),
    )
}
"""By name."""
