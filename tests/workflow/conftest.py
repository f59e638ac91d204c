"""A captured scene small enough to run every stage on it in seconds, and a copy of the project to run them in."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, FOCAL = 48, 36, 50.0
CONFIG = """\
scenes:
  tiny:
    path: resources/tiny
backend: cpu
train:
  steps: 10
render:
  turntable_frames: 4
masks:
  source: provided
"""
DESCRIPTION = """\
objects:
  - {name: core, complete: true}
edits:
  - {name: no-core, target: core, method: remove}
  - {name: red-core, target: core, method: recolour, color: red}
"""


def write_tiny_scene(folder: Path, views: int = 6, points: int = 200) -> None:
    """Coloured points in a ball, photographed from a circle around it; COLMAP text model, photos as PNG.

    Its core is an object with masks, has edits, and is completed.
    """
    random = np.random.default_rng(0)
    xyz, rgb = random.normal(size=(points, 3)) * 0.4, random.integers(60, 255, size=(points, 3))
    (folder / "images").mkdir(parents=True)
    (folder / "sparse" / "0").mkdir(parents=True)
    lines, tracks = [], [[] for _ in range(points)]
    for i in range(views):
        angle = 2 * np.pi * i / views
        R = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        t = np.array([0, 0, 3.0])
        at_camera = xyz @ R.T + t
        u = FOCAL * at_camera[:, 0] / at_camera[:, 2] + WIDTH / 2
        v = FOCAL * at_camera[:, 1] / at_camera[:, 2] + HEIGHT / 2
        photo = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
        for j in np.argsort(-at_camera[:, 2]):
            x, y = int(u[j]), int(v[j])
            photo[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = rgb[j]
            tracks[j] += [i + 1, j]
        Image.fromarray(photo).save(folder / "images" / f"{i}.png")
        q = [np.cos(angle / 2), 0, np.sin(angle / 2), 0]
        lines += [" ".join(map(str, [i + 1, *q, *t, 1, f"{i}.png"]))]
        lines += [" ".join(f"{a:.3f} {b:.3f} {j + 1}" for j, (a, b) in enumerate(zip(u, v, strict=True)))]
    sparse = folder / "sparse" / "0"
    (sparse / "cameras.txt").write_text(f"1 PINHOLE {WIDTH} {HEIGHT} {FOCAL} {FOCAL} {WIDTH / 2} {HEIGHT / 2}\n")
    (sparse / "images.txt").write_text("\n".join(lines) + "\n")
    rows = ([j + 1, *xyz[j], *rgb[j], 0.5, *tracks[j]] for j in range(points))
    (sparse / "points3D.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    (folder / "split.yml").write_text("train: [0, 1, 2, 3]\ntest: [4, 5]\n")
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    disk = np.hypot(u - WIDTH / 2, v - HEIGHT / 2) < HEIGHT / 4
    (folder / "object_mask").mkdir()
    for i in range(views):
        Image.fromarray(disk.astype(np.uint8)).save(folder / "object_mask" / f"{i}.png")
    (folder / "labels.json").write_text('{"objects": {"1": "core"}}')
    (folder / "description.yml").write_text(DESCRIPTION)


@dataclass(frozen=True)
class Project:
    """A copy of the project's code with one scene, run as a user would."""

    folder: Path

    def snakemake(self, *words: str, own_library: bool = False) -> subprocess.CompletedProcess:
        """Run Snakemake here, with the installed library (whose kernels are compiled) or the copy's own."""
        environment = os.environ | ({"PYTHONPATH": str(self.folder / "src")} if own_library else {})
        command = [sys.executable, "-m", "snakemake", *words]
        return subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def would_run(self, *words: str) -> dict[str, int]:
        """The jobs that a dry run lists, by rule; targets, which run nothing, left out."""
        answer = self.snakemake("--dry-run", *words, own_library=True)
        assert answer.returncode == 0, answer.stdout
        if "Nothing to be done" in answer.stdout:
            return {}
        table = answer.stdout.split("Job stats:")[1].split("total")[0]
        jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        return {name: count for name, count in jobs.items() if name not in TARGETS}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one occurrence of `old` in a file."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def append(self, file: str, text: str) -> None:
        """Add a line at the end of a file."""
        with open(self.folder / file, "a", encoding="utf-8") as opened:
            opened.write(text + "\n")


TARGETS = ("all", "prepare", "train", "render", "masks", "segment", "objects", "edit", "complete", "evaluate", "report")


def copy_project(folder: Path) -> Project:
    """The project's code in `folder`, with the tiny scene."""
    for name in ("Snakefile", "workflow", "config", "profiles", "src"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    write_tiny_scene(folder / "resources" / "tiny")
    (folder / "config" / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return Project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project whose scene has been through every stage; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "a project"
    folder.mkdir()
    project = copy_project(folder)
    answer = project.snakemake()
    assert answer.returncode == 0, answer.stdout
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A finished project of one's own, at another place, file times kept."""
    shutil.copytree(finished.folder, tmp_path / "a project")
    return Project(tmp_path / "a project")
