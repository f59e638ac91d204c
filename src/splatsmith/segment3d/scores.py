"""Soft scores: how likely each Gaussian belongs to each object, kept with the PLY whose rows they describe.

    scores.npz      ids (N, T) uint16, the likeliest first; scores (N, T) float16 in [0, 1], each row's sum at most 1;
                    ply_sha256

A row names only its few likeliest numbers, so that thousands of objects cost no more than ten. 0 is the rest, a number
like any other. What a row's sum lacks of 1 is with numbers that were not kept, or with nobody: a Gaussian that no view
saw has only zeros.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.sidecar import REDO, read_sidecar, write_sidecar

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 4
"""Numbers kept for each Gaussian."""
SLACK = 2e-3
"""A sum of `KEPT` rounded halves may exceed 1 by this."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The likeliest numbers of N Gaussians, T each, with their scores. Rows are those of one PLY."""

    ids: np.ndarray
    """(N, T) uint16. Numbers of the legend or 0, the likeliest first. A number may repeat where its score is 0."""
    scores: np.ndarray
    """(N, T) float16 in [0, 1], descending. Sums of a row are at most 1."""

    def __post_init__(self) -> None:
        problem = _unsound(self.ids, self.scores)
        if problem is not None:
            raise ValueError(f"Scores: {problem}")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_dense(cls, probabilities: "Tensor | np.ndarray", ids: "Tensor | np.ndarray", kept: int = KEPT) -> "Scores":
        """The `kept` likeliest of C numbers: probabilities (N, C), rows summing to at most 1, of the numbers ids (C,).

        Of equal ones, those in front. Scores are rounded to half precision.
        """
        left, ids = np.array(_numpy(probabilities), np.float32), _numpy(ids).astype(np.uint16)
        if left.ndim != 2 or ids.shape != left.shape[1:] or not len(ids):
            raise ValueError(f"expected probabilities (N, C) of ids (C,), got {left.shape} of {ids.shape}")
        rows = np.arange(len(left))
        columns, scores = [], []
        for _ in range(min(kept, len(ids))):
            best = left.argmax(1)
            columns.append(best)
            scores.append(left[rows, best])
            left[rows, best] = -1
        return cls(ids[np.stack(columns, 1)], np.stack(scores, 1).astype(np.float16))

    def labels(self, min_score: float = 0.5, min_margin: float = 0.0) -> np.ndarray:
        """(N,) uint16. The likeliest number where its score is above `min_score` and leads by `min_margin`; else 0."""
        first = self.scores[:, 0].astype(np.float32)
        second = self.scores[:, 1].astype(np.float32) if self.scores.shape[1] > 1 else 0.0
        sure = (first > min_score) & (first - second >= min_margin)
        return np.where(sure, self.ids[:, 0], 0).astype(np.uint16)

    def at(self, rows: np.ndarray) -> "Scores":
        """The scores of the Gaussians at `rows`, indices or mask."""
        return Scores(self.ids[rows], self.scores[rows])

    @property
    def seen(self) -> np.ndarray:
        """(N,) bool. False for Gaussians of which no view said anything."""
        return self.scores[:, 0] > 0


def write_scores(path: str | os.PathLike, scores: Scores, ply: str | os.PathLike) -> None:
    """Write the sidecar `scores.npz` of the rows of the file `ply`, atomically."""
    write_sidecar(path, ply, ids=scores.ids, scores=scores.scores)


def read_scores(path: str | os.PathLike, ply: str | os.PathLike) -> Scores:
    """Read what `write_scores` wrote. Raises InputError where it is damaged or describes another PLY than `ply`."""
    ids, scores = read_sidecar(path, ply, ("ids", "scores"))
    problem = _unsound(ids, scores)
    if problem is not None:
        raise InputError(Problem("the soft scores are damaged", str(path), REDO, got=problem))
    return Scores(ids, scores)


def _numpy(values: "Tensor | np.ndarray") -> np.ndarray:
    return values if isinstance(values, np.ndarray) else values.detach().cpu().numpy()


def _unsound(ids: np.ndarray, scores: np.ndarray) -> str | None:
    """What is wrong with these scores, in words."""
    if ids.ndim != 2 or ids.shape != scores.shape or not ids.shape[1]:
        return f"ids and scores of shapes {ids.shape} and {scores.shape}, not both (N, T)"
    if ids.dtype != np.uint16 or scores.dtype != np.float16:
        return f"ids of {ids.dtype} and scores of {scores.dtype}, not uint16 and float16"
    if not ((scores >= 0) & (scores <= 1)).all():
        return "scores outside of 0 to 1"
    if (scores[:, 1:] > scores[:, :-1]).any():
        return "scores that do not descend"
    if (scores.sum(1, dtype=np.float32) > 1 + SLACK).any():
        return "rows that sum to more than 1"
    return None
