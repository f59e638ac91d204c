"""Runs inside the environment of SAM 3D Objects (Meta, 2025; github.com/facebookresearch/sam-3d-objects).

A job has `image`, a path of an RGBA picture whose alpha is the object's mask; `points`, a path of a `.npy` (H, W, 3)
float32 with the point that each pixel shows, in PyTorch3D's camera frame (x left, y up, z forward), NaN where unknown;
and a `seed`. Its file is a PLY of Gaussians in the object's own frame, z up. The facts place it in that camera frame:
x_camera = scale * R(rotation)^T x_object + translation, with a quaternion w x y z.
"""

import os
import sys
from pathlib import Path

MODULES = ("torch", "sam3d_objects", "pytorch3d", "kaolin", "gsplat", "moge", "hydra", "numpy", "PIL")


def load(request):
    """The authors' own entry point, in their notebook folder."""
    os.environ.setdefault("CONDA_PREFIX", sys.prefix)  # which that file counts on
    sys.path.insert(0, str(Path(request["repo"]) / "notebook"))
    from inference import Inference

    return Inference(str(Path(request["weights"]) / "pipeline.yaml"), compile=False)


def run(inference, job):
    """One object from the picture, the points and the seed of a job."""
    import numpy as np
    import torch
    from PIL import Image

    picture = np.asarray(Image.open(job["image"]).convert("RGBA"))
    points = torch.from_numpy(np.load(job["points"], allow_pickle=False))
    mask = picture[:, :, 3] > 127
    found = inference(np.ascontiguousarray(picture[:, :, :3]), mask, seed=job["seed"], pointmap=points)
    file = job["name"] + ".ply"
    found["gs"].save_ply(file)
    names = ("rotation", "translation", "scale")
    return file, {name: [float(value) for value in found[name].detach().cpu().reshape(-1)] for name in names}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from answering import answer

    sys.path.pop(0)
    answer(MODULES, load, run)
