"""Symmetries of an object that is seen from some sides: a mirror plane, two of them, or an axis of revolution.

    S       (M, 3) points of the surface that photos show, with normals n and colours c
    g       (4, 4) a symmetry: takes the object to itself, in cells

A symmetry is judged by where it takes S: onto S itself, which speaks for it, most where normals and colours agree; into
what nobody has seen, which may be; or into space that photos look through, which speaks against it. Source: the
scores of Thrun and Wegbreit, Shape from symmetry, ICCV 2005, on points instead of rays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt

from splatsmith.complete.proxies.hullsym.grid import Grid

NEAR = 1.5
"""Cells between two points of the surface that are the same."""
OUTSIDE = 2.5
"""Cells outside of the body at which space is surely free."""
ALIKE = 0.7
"""Least cosine between their normals."""
MOST_POINTS = 1500
MATCH, UNSEEN, FREE, COLOUR = 1.0, 0.3, 3.0, 1.5
"""Weights of the score: onto S, into the unseen, into free space, difference of colours."""
MOST_FREE = 0.04
"""Largest share of S that a symmetry may take into free space."""
LEAST_MATCHED = 0.4
"""Least share of S that it must take onto S."""
MOST_COLOUR = 0.2
"""Largest mean difference of colours, RGB 0 to 1."""
TOLD = 0.6
"""Share of what is seen that a mirror has to take onto what is seen, for its colours to be believed."""
PAINTED = 0.06
"""Largest mean difference of colours at which the colours are symmetric too."""
TURNS = 12
"""Angles at which an axis of revolution is tried."""


@dataclass(frozen=True)
class Score:
    """How well a symmetry explains S. Shares of S, 0 to 1."""

    matched: float
    unseen: float
    free: float
    colour: float
    """Mean difference of the colours of matched points, 0 to 1."""

    @property
    def total(self) -> float:
        """The larger, the better."""
        return MATCH * self.matched + UNSEEN * self.unseen - FREE * self.free - COLOUR * self.colour * self.matched

    @property
    def accepted(self) -> bool:
        """Whether S bears it out: more of it comes to lie on S than where nobody can tell."""
        borne_out = self.matched > max(LEAST_MATCHED, self.unseen)
        return borne_out and self.free < MOST_FREE and self.colour < MOST_COLOUR


@dataclass(frozen=True, eq=False)
class Symmetry:
    """A symmetry that was found."""

    kind: Literal["mirror", "revolution"]
    normal: np.ndarray
    """(3,) unit: of the plane, or the direction of the axis; in cells."""
    point: np.ndarray
    """(3,) on the plane or the axis, in cells."""
    score: Score

    @property
    def painted(self) -> bool:
        """Whether the colours share it. Of a mirror that is told only where the most of what is seen has its image."""
        told = self.kind == "revolution" or self.score.matched > TOLD
        return told and self.score.colour < PAINTED

    @property
    def maps(self) -> list[np.ndarray]:
        """Its elements g but the identity, (4, 4) each; of a revolution, `2 TURNS - 1` turns."""
        if self.kind == "mirror":
            return [reflection(self.normal, self.normal @ self.point)]
        return [turn(self.normal, self.point, angle) for angle in np.arange(1, 2 * TURNS) * np.pi / TURNS]


class Evidence:
    """What is known of an object's surface and of the space around it, made ready to judge symmetries."""

    def __init__(
        self, grid: Grid, field: np.ndarray, points: np.ndarray, normals: np.ndarray, colours: np.ndarray
    ) -> None:
        """field: (X, Y, Z) f. points, normals, colours: (M, 3) S."""
        rows = np.linspace(0, len(points) - 1, min(MOST_POINTS, len(points))).astype(int)
        self.grid, self.field = grid, field
        self.points, self.normals, self.colours = points[rows], normals[rows], colours[rows]
        empty = np.ones(grid.shape, bool)
        cells = self._cells(points)
        empty[tuple(cells.T)] = False
        owner = np.zeros(grid.shape, np.int64)
        owner[tuple(cells.T)] = np.arange(len(points))
        nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
        self._nearest = owner[tuple(nearest)]  # (X, Y, Z) the row of S next to each cell
        self._all = points, normals, colours

    def score(self, g: np.ndarray, every: int = 1) -> Score:
        """How well g (4, 4) explains S, or each `every`-th point of it."""
        own = slice(None, None, every)
        moved, turned = self.points[own] @ g[:3, :3].T + g[:3, 3], self.normals[own] @ g[:3, :3].T
        cells = tuple(self._cells(moved).T)
        rows = self._nearest[cells]
        points, normals, colours = (values[rows] for values in self._all)
        near = np.linalg.norm(points - moved, axis=1) < NEAR
        same = near & (np.einsum("ij,ij->i", normals, turned) > ALIKE)
        free = ~near & (self.field[cells] < -OUTSIDE)
        difference = np.abs(colours - self.colours[own]).mean(axis=1)[same].mean() if same.any() else 1.0
        return Score(*(float(value) for value in (same.mean(), (~near & ~free).mean(), free.mean(), difference)))

    def mean_score(self, maps: Sequence[np.ndarray], every: int = 1) -> Score:
        """The mean over several g."""
        scores = [self.score(g, every) for g in maps]
        return Score(*(float(np.mean([getattr(s, name) for s in scores])) for name in Score.__match_args__))

    def _cells(self, points: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(points), 0, np.array(self.grid.shape) - 1).astype(int)


def reflection(normal: np.ndarray, offset: float) -> np.ndarray:
    """(4, 4). In the plane normal . x = offset: x' = x - 2 (normal . x - offset) normal."""
    g = np.eye(4)
    g[:3, :3] -= 2 * np.outer(normal, normal)
    g[:3, 3] = 2 * offset * normal
    return g


def turn(axis: np.ndarray, point: np.ndarray, angle: float) -> np.ndarray:
    """(4, 4). By `angle` radians about the line through `point` along the unit vector `axis`."""
    x, y, z = axis
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    g = np.eye(4)
    g[:3, :3] += np.sin(angle) * K + (1 - np.cos(angle)) * K @ K
    g[:3, 3] = point - g[:3, :3] @ point
    return g
