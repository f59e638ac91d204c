"""A generated proxy: the best of several that TRELLIS or SAM 3D Objects makes, each run in an environment of its own.

Seeds differ much, and several pictures at once are often worse than the best one alone: so candidates are made of both,
and whoever calls says how good each is, best after aligning it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy.spatial.transform import Rotation

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.outcome import Unusable
from splatsmith.complete.observations import Observation
from splatsmith.complete.provenance import GIVEN, PROVENANCE
from splatsmith.complete.proxies.request import ChosenView, Proxy, Request
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply
from splatsmith.gaussians.transforms import similarity
from splatsmith.models.tools.contract import Done, ToolFailed, call, wrong_file
from splatsmith.models.tools.setup import Installed

FEWEST = 100
"""Gaussians of a proxy that is more than noise."""
REACH = 2.0
"""How far from the origin a Gaussian of a proxy, and how large, may be: tools make objects of length 1 around it."""
UP = np.array([0.0, 0.0, 1.0])
"""Of the frame of both tools."""
CV_OF_P3D = np.diag([-1.0, -1.0, 1.0])
"""PyTorch3D's camera frame (x left, y up, z forward) to ours (x right, y down, z forward), and back."""

Job = dict[str, Any]


@dataclass(frozen=True)
class Generative:
    """A `ProxyGenerator`. SAM 3D Objects says where its object stands, too; that of TRELLIS has to be aligned."""

    tool: Installed
    """`trellis` or `sam3d`."""
    folder: Path
    """Where its requests, its candidates and its log go."""
    seeds: Sequence[int]
    """Of the candidates."""
    score: Callable[[Proxy, Request], float]
    """How good a candidate is; the highest is taken, the first of equals. May raise Unusable."""

    def generate(self, request: Request) -> Proxy:
        """As `ProxyGenerator.generate`. What was wrong with each candidate is among the facts."""
        if not request.chosen:
            raise Unusable("there is no view to show to the generator")
        jobs = self._jobs(request)
        try:
            answer = call(self.tool, jobs, self.folder)
        except ToolFailed as error:
            problem = error.problems[0]
            raise Unusable(f"{problem.what}; see {problem.where}") from error
        scores: dict[str, float] = {}
        failed, best = dict(answer.failed), None
        for job in jobs:
            name = job["name"]
            if name not in answer.done:
                continue
            try:
                proxy = self._proxy(answer.done[name], request)
                scores[name] = self.score(proxy, request)
            except (ToolFailed, Unusable) as error:
                failed[name] = str(error).splitlines()[0]
                continue
            if best is None or scores[name] > scores[best[0]]:
                best = name, proxy
        if best is None:
            raise Unusable("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
        chosen, proxy = best
        facts = {**self.tool.facts(), "versions": answer.versions, "candidate": chosen, "scores": scores}
        return replace(proxy, facts={**facts, "failed": failed})

    def _jobs(self, request: Request) -> list[Job]:
        self.folder.mkdir(parents=True, exist_ok=True)
        match self.tool.known.name:
            case "trellis":
                return self._trellis_jobs(request)
            case "sam3d":
                return self._sam3d_jobs(request)
            case other:
                raise ValueError(f"{other} generates no proxies")

    def _trellis_jobs(self, request: Request) -> list[Job]:
        """The best picture by itself, and all of them together, for each seed."""
        pictures = [self._picture(view, f"view-{rank}.png") for rank, view in enumerate(request.chosen, 1)]
        shown = {"single": pictures[:1], "multi": pictures} if len(pictures) > 1 else {"single": pictures}
        return [
            {"name": f"{name}-{seed}", "images": images, "seed": seed}
            for seed in self.seeds
            for name, images in shown.items()
        ]

    def _picture(self, view: ChosenView, name: str) -> str:
        """A copy with some transparent pixels all round: without any, the tool would look for a background."""
        try:
            with Image.open(view.rgba) as picture:
                framed = ImageOps.expand(picture.convert("RGBA"), 2, (0, 0, 0, 0))
        except OSError as error:
            fix = "redo the stage select_views"
            raise InputError(Problem("a picture cannot be read", str(view.rgba), fix, got=str(error))) from None
        path = (self.folder / name).absolute()
        framed.save(path)
        return str(path)

    def _sam3d_jobs(self, request: Request) -> list[Job]:
        """The best view, whole, with the points that its pixels show, for each seed."""
        seen = _shown(request)
        image, points = (self.folder / "view.png").absolute(), (self.folder / "points.npy").absolute()
        alpha = np.where(seen.mask, np.uint8(255), np.uint8(0))
        Image.fromarray(np.dstack([seen.photo(), alpha])).save(image)
        np.save(points, p3d_points(seen), allow_pickle=False)
        return [
            {"name": f"single-{seed}", "image": str(image), "points": str(points), "seed": seed} for seed in self.seeds
        ]

    def _proxy(self, done: Done, request: Request) -> Proxy:
        """Raises ToolFailed."""
        gaussians = self._read(done.file)
        if self.tool.known.name == "trellis":
            return Proxy(gaussians, "generative", aligned=False, up=UP)
        try:
            T_camera_object = cv_pose(done.facts)
        except (ValueError, TypeError) as error:
            raise wrong_file(self.tool, done.file, str(error)) from None
        T_world_object = np.linalg.inv(_shown(request).view.T_camera_world) @ T_camera_object
        up = T_world_object[:3, :3] @ UP
        moved = similarity(gaussians, T_world_object)
        return Proxy(moved, "generative", aligned=True, up=up / np.linalg.norm(up))

    def _read(self, path: Path) -> Gaussians:
        try:
            gaussians = read_ply(path)
        except InputError as error:
            raise wrong_file(self.tool, path, error.problems[0].what) from None
        if len(gaussians) < FEWEST:
            raise wrong_file(self.tool, path, f"{len(gaussians)} Gaussians")
        if gaussians.means.abs().max() > REACH or gaussians.scales.max() > REACH:
            raise wrong_file(self.tool, path, f"Gaussians further than {REACH} from the origin, or larger")
        provenance = torch.full((len(gaussians),), GIVEN, dtype=torch.uint8)
        return replace(gaussians, extra={PROVENANCE: provenance})


def _shown(request: Request) -> Observation:
    """What the best view shows. Raises Unusable."""
    for seen in request.observations:
        if seen.view.name == request.chosen[0].name:
            return seen
    raise Unusable(f"the view {request.chosen[0].name} may not be looked at")


def p3d_points(seen: Observation) -> np.ndarray:
    """(H, W, 3) float32. The point of the object that each pixel shows, in PyTorch3D's camera frame; NaN elsewhere."""
    height, width = seen.depth.shape
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    z = np.where(seen.depth > 0, seen.depth, np.nan).astype(np.float64)
    camera = seen.view.camera
    points = np.stack([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z], axis=-1)
    return (points @ CV_OF_P3D.T).astype(np.float32)


def cv_pose(facts: Mapping[str, Any]) -> np.ndarray:
    """(4, 4) float64. T_camera_object of what `runners/sam3d.py` says, in our camera frame. Raises ValueError."""
    values = [np.atleast_1d(np.asarray(facts.get(name), np.float64)) for name in ("rotation", "translation", "scale")]
    rotation, translation, scale = values
    if (rotation.shape, translation.shape, scale.shape) != ((4,), (3,), (3,)):
        raise ValueError("no rotation, translation and scale")
    if not all(np.isfinite(value).all() for value in values) or not np.linalg.norm(rotation) > 0:
        raise ValueError("a pose that is none")
    if not scale.min() > 0 or scale.max() > 1.01 * scale.min():
        raise ValueError(f"a scale that is none: {scale.tolist()}")
    turn = Rotation.from_quat(rotation, scalar_first=True).as_matrix().T
    T = np.eye(4)
    T[:3, :3] = scale.mean() * CV_OF_P3D @ turn
    T[:3, 3] = CV_OF_P3D @ translation
    return T
