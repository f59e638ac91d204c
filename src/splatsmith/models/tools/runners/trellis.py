"""Runs inside the environment of TRELLIS (Xiang et al., CVPR 2025; github.com/microsoft/TRELLIS).

A job has `images`, paths of RGBA pictures of one object, and a `seed`. Its file is a PLY of Gaussians in TRELLIS's own
frame: z up, within -0.5 to 0.5. One picture conditions every step; several take turns, as the authors have it.
"""

import os
import sys
from pathlib import Path

MODULES = ("torch", "trellis", "spconv", "rembg", "PIL")
DINOV2_WEIGHTS = "dinov2_vitl14_reg4_pretrain.pth"
"""Of the image encoder, as published by its authors."""


def load(request):
    """The pipeline on the GPU. Its image encoder, which it would fetch, comes from folders of the user."""
    os.environ.setdefault("SPCONV_ALGO", "native")
    os.environ.setdefault("ATTN_BACKEND", "xformers")
    import torch

    hub_load = torch.hub.load
    weights = Path(request["weights"])

    def local_encoder(_, name, *__, **___):
        encoder = hub_load(str(Path(request["repo"]) / "dinov2"), name, source="local", pretrained=False)
        tensors = torch.load(str(weights / DINOV2_WEIGHTS), map_location="cpu", weights_only=True)
        encoder.load_state_dict(tensors)
        return encoder

    torch.hub.load = local_encoder
    from trellis.pipelines import TrellisImageTo3DPipeline

    pipeline = TrellisImageTo3DPipeline.from_pretrained(str(weights))
    pipeline.cuda()
    return pipeline


def run(pipeline, job):
    """One object from the pictures and the seed of a job."""
    from PIL import Image

    pictures = [Image.open(path).convert("RGBA") for path in job["images"]]
    if any(picture.getextrema()[3][0] == 255 for picture in pictures):
        raise ValueError("a picture without background: TRELLIS would look for one itself")
    options = {"seed": job["seed"], "formats": ["gaussian"]}
    if len(pictures) == 1:
        found = pipeline.run(pictures[0], **options)
    else:
        found = pipeline.run_multi_image(pictures, **options)
    file = job["name"] + ".ply"
    found["gaussian"][0].save_ply(file, transform=None)  # by default it would turn z up to y up
    return file, {}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from answering import answer

    sys.path.pop(0)  # this file has the name of a package that is to be imported
    answer(MODULES, load, run)
