"""Stand-ins for the tools' packages, and for torch: they take what the real ones take, and refuse what those would.

How one misbehaves follows from the seed: CRASH, HANG, CUT, NAN, EMPTY, HUGE, RAISE.
"""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from splatsmith.models.tools.catalogue import TOOLS
from splatsmith.models.tools.settings import Tool
from splatsmith.models.tools.setup import Installed, find_tool

CRASH, HANG, CUT, NAN, EMPTY, HUGE, RAISE = 13, 14, 15, 16, 17, 18, 19

TORCH = '''
"""What the runners use of torch."""
import json
import types

import numpy as np

__version__ = "0"


def load(path, map_location, weights_only):
    assert weights_only is True
    with open(path) as file:
        return json.load(file)


def _fetch(repo, name, source="github", pretrained=True):
    assert source == "local", "this would fetch code"
    assert not pretrained, "this would fetch weights"
    from pathlib import Path

    assert (Path(repo) / "hubconf.py").is_file()
    encoder = types.SimpleNamespace(name=name, tensors=None)
    encoder.load_state_dict = lambda tensors: setattr(encoder, "tensors", tensors)
    return encoder


hub = types.SimpleNamespace(load=_fetch)
cuda = types.SimpleNamespace(is_available=lambda: False)


class Tensor:
    def __init__(self, array):
        self.array = np.asarray(array)

    shape = property(lambda self: self.array.shape)
    detach = cpu = lambda self: self
    numpy = lambda self: self.array
    reshape = lambda self, *shape: Tensor(self.array.reshape(*shape))
    squeeze = lambda self, axis: Tensor(self.array.squeeze(axis))
    __iter__ = lambda self: iter(self.array)


from_numpy = Tensor
'''
SPLATS = '''
"""What both generators give back, and how each misbehaves."""
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

NAMES = ("x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3").split()


def misbehave(seed):
    if seed == 13:
        print("Segmentation fault", flush=True)
        os._exit(139)
    if seed == 14:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Path("pids.txt").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(60)
    if seed == 19:
        raise RuntimeError("CUDA out of memory")


class Gaussians:
    def __init__(self, seed, means):
        self.seed, self.means = seed, np.asarray(means, np.float32)

    def save_ply(self, path, transform="z up to y up"):
        count = 5 if self.seed == 17 else len(self.means)
        rows = np.zeros((count, len(NAMES)), "<f4")
        rows[:, :3] = self.means[:count]
        rows[:, 6] = self.seed / 10
        rows[:, 9:13] = 2, -3, -3, -3
        rows[:, 13] = 1
        if transform is not None:
            rows[:, 0] = np.nan  # what no caller should want
        if self.seed == 16:
            rows[3, 1] = np.nan
        if self.seed == 18:
            rows[:, :3] *= 100
        header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
        header += [f"property float {name}" for name in NAMES] + ["end_header", ""]
        data = "\\n".join(header).encode() + rows.tobytes()
        Path(path).write_bytes(data[:-100] if self.seed == 15 else data)
'''
PIPELINES = """
import json
from pathlib import Path

import numpy as np
import torch
from splats import Gaussians, misbehave


class TrellisImageTo3DPipeline:
    @classmethod
    def from_pretrained(cls, path):
        pipeline = cls()
        name = json.loads((Path(path) / "pipeline.json").read_text())["image_cond_model"]
        pipeline.encoder = torch.hub.load("facebookresearch/dinov2", name, pretrained=True)
        return pipeline

    def cuda(self):
        pass

    def run(self, image, num_samples=1, seed=42, formats=("mesh", "gaussian"), preprocess_image=True):
        return self._made([image], seed, formats)

    def run_multi_image(self, images, num_samples=1, seed=42, formats=("mesh",), mode="stochastic"):
        return self._made(images, seed, formats)

    def _made(self, images, seed, formats):
        assert list(formats) == ["gaussian"]
        assert self.encoder.tensors == {"weights": "of dinov2"}
        misbehave(seed)
        means = np.random.default_rng(seed).uniform(-0.5, 0.5, (200, 3))
        means[:, 0] *= len(images)
        return {"gaussian": [Gaussians(seed, means)]}
"""
INFERENCE = """
import os

import numpy as np
import torch
from sam3d_objects import splats

os.environ["CUDA_HOME"] = os.environ["CONDA_PREFIX"]


class Inference:
    def __init__(self, config_file, compile=False):
        assert not compile
        if "tdfy" not in open(config_file).read():
            raise RuntimeError("not a pipeline")

    def __call__(self, image, mask, seed=None, pointmap=None):
        assert image.dtype == np.uint8 and image.shape[2] == 3 and mask.dtype == bool
        points = pointmap.array
        assert points.shape == image.shape and points.dtype == np.float32
        splats.misbehave(seed)
        middle = np.nanmean(points[mask], axis=0)
        draw = np.random.default_rng(seed)
        means = draw.uniform(-0.5, 0.5, (200, 3))
        w, x, y, z = q = np.array([0.8, 0.0, 0.6, 0.0]) if seed else np.array([1.0, 0, 0, 0])
        # as a row: x R s + t, as in pytorch3d
        R = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        np.save(f"expected-{seed}.npy", 0.3 * means @ R + middle)
        return {
            "gs": UpGaussians(seed, means),
            "rotation": torch.Tensor(q[None]),
            "translation": torch.Tensor(middle[None]),
            "scale": torch.Tensor([[0.3, 0.3, 0.3]]),
        }


class UpGaussians(splats.Gaussians):
    def save_ply(self, path):
        super().save_ply(path, transform=None)
"""
MODEL = """
from pathlib import Path


class AsymmetricMASt3R:
    @classmethod
    def from_pretrained(cls, path, strict=False):
        assert Path(path).is_dir() and strict
        if (Path(path) / "model.safetensors").read_text() != "of mast3r":
            raise RuntimeError("missing keys: head.weight")
        return cls()

    def to(self, device):
        return self
"""
FAST_NN = """
import numpy as np
from scipy.spatial import cKDTree


def fast_reciprocal_NNs(a, b, subsample_or_initxy1, device, dist, block_size):
    # pixels of the same colour, on a grid in a; grey ones are left out, which are many
    a, b = a.array, b.array
    step = subsample_or_initxy1
    y, x = np.mgrid[step // 2 : a.shape[0] : step, step // 2 : a.shape[1] : step].reshape(2, -1)
    x, y = x[(a[y, x] != 128).any(axis=1)], y[(a[y, x] != 128).any(axis=1)]
    seen = (b.reshape(-1, 3) != 128).any(axis=1).nonzero()[0]
    nearest = seen[cKDTree(b.reshape(-1, 3)[seen]).query(a[y, x])[1]]
    return np.stack([x, y], axis=1), np.stack([nearest % b.shape[1], nearest // b.shape[1]], axis=1)
"""
DUST3R = """
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "dust3r"))
"""
IMAGE = '''
import numpy as np
import torch
from PIL import Image


def load_images(paths, size, square_ok=False, verbose=True):
    """The long edge to `size`, cropped to multiples of 16, squares to 4:3."""
    views = []
    for path in paths:
        image = Image.open(path).convert("RGB")
        scale = size / max(image.size)
        image = image.resize([round(side * scale) for side in image.size])
        half_w, half_h = image.width // 32 * 16, image.height // 32 * 16
        if image.width == image.height and not square_ok:
            half_h = 3 * half_w // 4
        x, y = image.width // 2, image.height // 2
        pixels = np.asarray(image.crop((x - half_w, y - half_h, x + half_w, y + half_h)))
        views.append({"img": torch.Tensor(pixels.transpose(2, 0, 1)[None])})
    return views
'''
DUST3R_INFERENCE = """
import torch


def inference(pairs, model, device, batch_size=8, verbose=True):
    ((a, b),) = pairs
    found = []
    for view in (a, b):
        colours = view["img"].array.transpose(0, 2, 3, 1)
        found.append({"desc": torch.Tensor(colours), "desc_conf": torch.Tensor(colours[..., 2] / 16 + 1)})
    return {"pred1": found[0], "pred2": found[1]}
"""
REPOS = {
    "trellis": {
        "torch.py": TORCH,
        "splats.py": SPLATS,
        "trellis/__init__.py": "",
        "trellis/pipelines.py": PIPELINES,
        "dinov2/hubconf.py": "",
    },
    "sam3d": {
        "torch.py": TORCH,
        "sam3d_objects/__init__.py": "",
        "sam3d_objects/splats.py": SPLATS,
        "notebook/inference.py": INFERENCE,
    },
    "mast3r": {
        "torch.py": TORCH,
        "mast3r/__init__.py": "",
        "mast3r/model.py": MODEL,
        "mast3r/fast_nn.py": FAST_NN,
        "mast3r/utils/__init__.py": "",
        "mast3r/utils/path_to_dust3r.py": DUST3R,
        "dust3r/dust3r/__init__.py": "",
        "dust3r/dust3r/inference.py": DUST3R_INFERENCE,
        "dust3r/dust3r/utils/__init__.py": "",
        "dust3r/dust3r/utils/image.py": IMAGE,
        "dust3r/croco/models/__init__.py": "",
    },
}
WEIGHTS = {
    "trellis": {
        "pipeline.json": '{"image_cond_model": "dinov2_vitl14_reg"}',
        "dinov2_vitl14_reg4_pretrain.pth": '{"weights": "of dinov2"}',
    },
    "sam3d": {"pipeline.yaml": "_target_: tdfy"},
    "mast3r": {"config.json": "{}", "model.safetensors": "of mast3r"},
}


def write(folder: Path, texts: dict[str, str]) -> None:
    """Files by their paths."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def git(repo: Path, *words: str) -> str:
    """Run it in a checkout, as nobody in particular."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, "-C", str(repo), *words], check=True, capture_output=True, text=True).stdout


def checkout(repo: Path, texts: dict[str, str]) -> str:
    """A git checkout with these files; hex digits of its commit."""
    write(repo, texts)
    git(repo, "init", "--quiet")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--allow-empty", "--message", "all of it")
    return git(repo, "rev-parse", "HEAD").strip()


@dataclass(frozen=True)
class Place:
    """Where a tool was set up."""

    name: str
    tools: dict[str, Tool]
    models_dir: Path

    @property
    def repo(self) -> Path:
        return Path(self.tools[self.name].repo)

    @property
    def weights(self) -> Path:
        return self.models_dir / self.name

    def with_settings(self, **settings: object) -> "Place":
        tool = self.tools[self.name].model_copy(update=settings)
        return replace(self, tools={self.name: tool})

    def find(self, accepted: tuple[str, ...] = ("mast3r",)) -> Installed:
        return find_tool(self.name, self.tools, self.models_dir, accepted)


def set_up(name: str, folder: Path, monkeypatch) -> Place:
    """A tool in full below `folder`, its commit among those that are known to fit."""
    repo, models_dir = folder / "repos" / name, folder / "models"
    commit = checkout(repo, REPOS[name])
    write(models_dir / name, WEIGHTS[name])
    monkeypatch.setitem(TOOLS, name, replace(TOOLS[name], commits=(commit[:7],)))
    return Place(name, {name: Tool(python=sys.executable, repo=str(repo), timeout_s=60)}, models_dir)
