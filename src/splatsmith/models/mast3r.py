"""MASt3R (Leroy et al., ECCV 2024), as a `Matcher`: a tool, whose licence forbids commercial use."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.models.matching import Cutout, Framed, Matches, framed
from splatsmith.models.tools.contract import Done, call, wrong_file
from splatsmith.models.tools.runners.mast3r import SIZE
from splatsmith.models.tools.setup import Installed

MOST = SIZE[0] * SIZE[1]
"""Most matches of a pair."""


class Mast3r:
    """A `Matcher`. Scores are the model's confidence, above 0. All pairs of one call share a process: give many."""

    def __init__(self, tool: Installed, folder: Path):
        """folder: where requests, pictures and logs of each call go, in sub-folders."""
        self.tool, self.folder = tool, folder
        self._calls = 0

    def match(self, pairs: Sequence[tuple[Cutout, Cutout]]) -> list[Matches]:
        """As `Matcher.match`; a pair that the tool cannot do has no matches. Raises ToolFailed."""
        if not pairs:
            return []
        folder = self.folder / f"call-{self._calls:03d}"
        self._calls += 1
        folder.mkdir(parents=True, exist_ok=True)
        shown = [(framed(a, SIZE), framed(b, SIZE)) for a, b in pairs]
        jobs = [self._job(folder, f"pair-{number:04d}", *pair) for number, pair in enumerate(shown)]
        answer = call(self.tool, jobs, folder)
        return [
            self._matches(answer.done.get(job["name"]), *pair, *cutouts)
            for job, pair, cutouts in zip(jobs, shown, pairs, strict=True)
        ]

    @staticmethod
    def _job(folder: Path, name: str, a: Framed, b: Framed) -> dict[str, str]:
        paths = {side: folder / f"{name}-{side}.png" for side in ("a", "b")}
        for path, picture in zip(paths.values(), (a, b), strict=True):
            Image.fromarray(picture.pixels).save(path)
        return {"name": name, **{side: str(path.absolute()) for side, path in paths.items()}}

    def _matches(self, done: Done | None, first: Framed, second: Framed, a: Cutout, b: Cutout) -> Matches:
        if done is None:
            return Matches(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))
        pixels_a, pixels_b, confidence = read_matches(self.tool, done.file)
        points = first.original(pixels_a + 0.5), second.original(pixels_b + 0.5)
        return Matches(*points, confidence).of(a, b)


def read_matches(tool: Installed, path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel indices x y (M, 2) in both pictures and confidence (M,), all float64. Raises ToolFailed."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            a, b, confidence = (np.asarray(arrays[name], np.float64) for name in ("a", "b", "confidence"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise wrong_file(tool, path, str(error)) from None
    count = len(confidence) if confidence.ndim == 1 else -1
    if a.shape != (count, 2) or b.shape != (count, 2) or count > MOST:
        raise wrong_file(tool, path, f"arrays of shapes {a.shape}, {b.shape}, {confidence.shape}")
    within = all(((points >= 0) & (points < [SIZE[1], SIZE[0]])).all() for points in (a, b))
    if not within or not np.isfinite(confidence).all():
        raise wrong_file(tool, path, "points outside of the pictures, or confidences that are no numbers")
    return a, b, confidence
