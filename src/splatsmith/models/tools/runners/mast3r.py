"""Runs inside the environment of MASt3R (Leroy et al., ECCV 2024; github.com/naver/mast3r).

A job has `a` and `b`, paths of RGB pictures of 384 x 512 pixels (h x w), which the authors' loader neither scales nor
crops. Its file is an `.npz`: `a` and `b`, (M, 2) int32 indices x y of matching pixels, and `confidence` (M,) float32.
"""

import sys
from pathlib import Path

MODULES = ("torch", "torchvision", "mast3r", "roma", "einops", "cv2", "sklearn", "numpy", "PIL")
SIZE = (384, 512)
"""Height and width of all pictures: one that the model was trained with."""
BORDER = 3
"""Pixels along the edges of a picture whose matches are left out, as the authors do."""


def load(request):
    """The model and its device. Only a folder is read: a `.pth` would run code that it brings along."""
    import torch
    from mast3r.model import AsymmetricMASt3R

    if not (Path(request["weights"]) / "model.safetensors").is_file():
        raise ValueError("no model.safetensors among the weights")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return AsymmetricMASt3R.from_pretrained(request["weights"], strict=True).to(device), device


def run(loaded, job):
    """Matches of the pair of a job."""
    import mast3r.utils.path_to_dust3r  # noqa: F401  makes dust3r importable
    import numpy as np
    from dust3r.inference import inference
    from dust3r.utils.image import load_images
    from mast3r.fast_nn import fast_reciprocal_NNs

    model, device = loaded
    pair = load_images([job["a"], job["b"]], size=max(SIZE), verbose=False)
    if any(tuple(view["img"].shape[-2:]) != SIZE for view in pair):
        raise ValueError("the loader has cropped or scaled a picture")
    found = inference([tuple(pair)], model, device, batch_size=1, verbose=False)
    first, second = found["pred1"], found["pred2"]
    a, b = fast_reciprocal_NNs(
        first["desc"].squeeze(0).detach(),
        second["desc"].squeeze(0).detach(),
        subsample_or_initxy1=8,
        device=device,
        dist="dot",
        block_size=2**13,
    )
    a, b = np.asarray(a, np.int32), np.asarray(b, np.int32)
    inner = _inner(a) & _inner(b)
    a, b = a[inner], b[inner]
    sure = [
        view["desc_conf"].squeeze(0).detach().cpu().numpy()[p[:, 1], p[:, 0]] for view, p in ((first, a), (second, b))
    ]
    file = job["name"] + ".npz"
    np.savez(file, a=a, b=b, confidence=np.minimum(*sure).astype(np.float32))
    return file, {}


def _inner(points):
    height, width = SIZE
    x, y = points[:, 0], points[:, 1]
    return (x >= BORDER) & (x < width - BORDER) & (y >= BORDER) & (y < height - BORDER)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from answering import answer

    sys.path.pop(0)
    answer(MODULES, load, run)
