"""The surface of a field as a mesh, what the photos say of each of its vertices, and colours where they say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from splatsmith.base.outcome import Unusable
from splatsmith.complete.observations import Observation
from splatsmith.complete.proxies.hullsym.carving import behind_surface, picked, project
from splatsmith.complete.proxies.hullsym.grid import LIMIT, Grid

NEAR = 2.0
"""Cells between a vertex and the surface that a photo shows, at which the photo shows the vertex."""
FACING = 0.2
"""Least cosine between a vertex' normal and the direction to a camera that sees it."""
IMPURE = 1e-3
"""How much the colour at a mask's outline counts."""
CRUMB = 0.05
"""Pieces with less than this share of the largest piece's vertices are dropped."""
LEAST = 1e-3
"""No value of a field is nearer to 0, in cells."""
OUT, STEEP, ALIKE = 0.5, 6.0, 24
"""How much a cell outwards and the normal's height count against a cell of height, and vertices averaged."""
PULL = 0.02
"""Weight of the guessed colour against the neighbours': it prevails some seven cells from what is known."""
SMOOTHING = (0.5, -0.53)
"""Taubin, A signal processing approach to fair surface design, 1995: lambda and mu."""
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in cells."""

    vertices: np.ndarray
    """(V, 3) float64."""
    faces: np.ndarray
    """(F, 3) int64, counter-clockwise from outside."""
    normals: np.ndarray
    """(V, 3) float64. Unit, outwards."""

    @property
    def edges(self) -> np.ndarray:
        """(E, 2). Each edge in both directions."""
        one = self.faces[:, [0, 1, 2, 1, 2, 0]].reshape(-1)
        other = self.faces[:, [1, 2, 0, 0, 1, 2]].reshape(-1)
        return np.unique(np.stack([one, other], axis=1), axis=0)


@dataclass(frozen=True, eq=False)
class Seen:
    """What the photos say of V vertices."""

    shown: np.ndarray
    """(V,) bool. Whether the object's own Gaussians show it to a camera."""
    lit: np.ndarray
    """(V,) bool. Whether its colour is known."""
    colours: np.ndarray
    """(V, 3). Mean RGB 0 to 1 of the photos; 0 where it is not known."""


def surface(field: np.ndarray) -> Mesh:
    """The closed surface f = 0 without its crumbs (marching cubes). Raises Unusable where it is empty."""
    padded = np.pad(field, 1, constant_values=-LIMIT)
    if padded.max() <= 0:
        raise Unusable("the masks of its views have no common space: they show different things, or poses are wrong")
    padded = np.where(np.abs(padded) < LEAST, np.float32(LEAST), padded)  # two zeros side by side have no crossing
    vertices, faces, _, _ = marching_cubes(padded, 0.0, allow_degenerate=False)
    vertices, faces = vertices.astype(np.float64) - 1, faces.astype(np.int64)
    if _volume(vertices, faces) < 0:
        faces = faces[:, ::-1]
    vertices, faces = _large_pieces(vertices, faces)
    return Mesh(vertices, faces, _normals(vertices, faces))


def smoothed(mesh: Mesh, free: np.ndarray) -> Mesh:
    """The mesh with vertices `free` (V,) bool moved towards their neighbours, without shrinking it."""
    average, vertices = _average(mesh), mesh.vertices
    for _ in range(ROUNDS):
        for factor in SMOOTHING:
            vertices = vertices + factor * free[:, None] * (average @ vertices - vertices)
    return Mesh(vertices, mesh.faces, _normals(vertices, mesh.faces))


def seen(mesh: Mesh, grid: Grid, observations: Sequence[Observation]) -> Seen:
    """Which vertices the photos show, and in what colour.

    A vertex in front of the surface that a camera sees counts as shown too: what is put there would hide that.
    """
    light, sums = np.zeros(len(mesh.vertices)), np.zeros((len(mesh.vertices), 3))
    shown = np.zeros(len(mesh.vertices), bool)
    for observation in observations:
        if not observation.mask.any():
            continue
        away = grid.from_world(observation.view.center[None]) - mesh.vertices
        facing = np.einsum("ij,ij->i", away, mesh.normals) / np.linalg.norm(away, axis=1)
        u, v, z = project(grid, observation.view, mesh.vertices)
        inside = picked(observation.mask.astype(np.float32), u, v)
        behind = behind_surface(observation, grid, mesh.vertices)  # inf where nothing solid is
        rows = np.flatnonzero((facing > FACING) & (z > 0) & (inside > 0) & ((behind < NEAR) | (behind == np.inf)))
        shown[rows] |= behind[rows] < NEAR
        trust = facing[rows] * np.where(inside[rows] > 0.999, 1, IMPURE)  # at outlines the background mixes in
        light[rows] += trust
        sums[rows] += trust[:, None] * picked(observation.photo(), u[rows], v[rows]) / 255
    return Seen(shown, light > 0, sums / np.maximum(light, 1e-12)[:, None])


def ring_means(mesh: Mesh, seen: Seen, axis: np.ndarray) -> np.ndarray:
    """(V, 3). For each vertex the mean colour of those that photos show at its height, as far out and as steep.

    axis: (3,) a point on the upright axis from which "out" counts. What most things have in common on all sides is that
    they change from top to bottom.
    """
    level = np.linalg.norm(mesh.vertices[:, :2] - axis[:2], axis=1)
    likeness = np.stack([mesh.vertices[:, 2], OUT * level, STEEP * mesh.normals[:, 2]], axis=1)
    lit = np.flatnonzero(seen.lit)
    nearest = cKDTree(likeness[lit]).query(likeness, min(ALIKE, len(lit)))[1].reshape(len(likeness), -1)
    return seen.colours[lit[nearest]].mean(axis=1)


def diffused(mesh: Mesh, colours: np.ndarray, known: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(V, 3). `colours` (V, 3) where `known` (V,) bool; from there they go over into `guess` (V, 3).

    The solution of  L c = PULL (guess - c)  on the graph of the mesh, the known colours held: harmonic if PULL = 0.
    """
    if not known.any() or known.all():
        return colours if known.any() else guess
    average, asking = _average(mesh), np.flatnonzero(~known)
    system = diags(np.full(len(asking), 1 + PULL)) - average[asking][:, asking]
    right = average[asking][:, known] @ colours[known] + PULL * guess[asking]
    found = colours.copy()
    found[asking] = splu(system.tocsc()).solve(right)
    return found


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3). Means of the faces' normals, each counting by its area."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    sums = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(sums, faces[:, corner], np.cross(b - a, c - a))
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > 0, sums / np.maximum(lengths, 1e-300), [0.0, 0.0, 1.0])


def _large_pieces(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the pieces that are crumbs beside the largest."""
    n = len(vertices)
    graph = coo_matrix((np.ones(len(faces) * 2), (faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel())), (n, n))
    piece = connected_components(graph, directed=False)[1]
    sizes = np.bincount(piece)
    keep = sizes[piece] >= CRUMB * sizes.max()
    keep[np.setdiff1d(np.arange(n), faces)] = False  # corners of triangles that were too small
    renumbered = np.cumsum(keep) - 1
    return vertices[keep], renumbered[faces[keep[faces[:, 0]]]]


def _average(mesh: Mesh):
    """(V, V) sparse. Takes values at vertices to the means of their neighbours'."""
    one, other = mesh.edges.T
    n = len(mesh.vertices)
    adjacent = coo_matrix((np.ones(len(one)), (one, other)), (n, n)).tocsr()
    return diags(1 / np.asarray(adjacent.sum(axis=1)).ravel()) @ adjacent
