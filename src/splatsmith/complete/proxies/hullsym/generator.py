"""`hullsym`: a whole object from photos of one side of it, without any model of what objects look like.

Its silhouettes bound it, its depth carves it, what it stands on closes its bottom, its symmetry tells of its other
side, and what no photo shows takes on the colours around it. Honest about it: kind `visual_hull_sym`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from splatsmith.complete.provenance import HULL, MIRRORED, OBSERVED, PROVENANCE
from splatsmith.complete.proxies.hullsym import assembly, carving, closing, search, skin, support, thickness
from splatsmith.complete.proxies.hullsym.grid import LIMIT, Grid, grid_around
from splatsmith.complete.proxies.hullsym.hiding import hidden
from splatsmith.complete.proxies.hullsym.skin import Mesh, Seen
from splatsmith.complete.proxies.hullsym.symmetry import Evidence, Symmetry
from splatsmith.complete.proxies.request import Proxy, Request, Surface
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat, select

SPARE = 0.5
"""Cells that symmetries, and the guess that an object is as deep as it is wide, may be wrong by."""


@dataclass(frozen=True, eq=False)
class Body:
    """The space that the object fills, and how that was found."""

    field: np.ndarray
    """(X, Y, Z) float32. f."""
    symmetries: Sequence[Symmetry]
    maps: Sequence[np.ndarray]
    """All maps (4, 4) that take the object into itself, its colours too."""
    standing: bool
    """Whether a support was found."""
    rim: bool
    """Whether its depth was guessed from its width."""


class HullSym:
    """The generator."""

    def generate(self, request: Request) -> Proxy:
        """The proxy in scene coordinates. Raises Unusable, InputError."""
        subject, observations = request.subject, request.observations
        grid = grid_around(observations, subject.observed.means.double().cpu().numpy(), request.up)
        body = find_body(grid, request)
        mesh = skin.surface(body.field)
        seen = skin.seen(mesh, grid, observations)
        mesh = skin.smoothed(mesh, ~seen.shown)
        colours, told = _colours(grid, mesh, seen, body.maps)
        drawing = {"backend": request.backend, "antialiased": request.antialiased}
        gaussians = hidden(_assembled(grid, body, mesh, seen, colours, request), observations, **drawing)
        surface = Surface(grid.to_world(mesh.vertices), mesh.faces, colours.clip(0, 1))
        facts = _facts(body, seen, told)
        return Proxy(gaussians, "visual_hull_sym", True, request.up, surface, facts)


def find_body(grid: Grid, request: Request) -> Body:
    """Where the object is. Raises Unusable."""
    observations = request.observations
    by_mask = carving.hull(grid, observations)
    by_depth = carving.seen_surface(grid, observations, by_mask > -LIMIT)
    plane = _support(grid, request)
    field = np.minimum(by_mask, by_depth)
    if plane is not None:
        field = np.minimum(field, plane.above(grid.cells).reshape(grid.shape)).clip(-LIMIT).astype(np.float32)
    mesh = skin.surface(field)
    seen = skin.seen(mesh, grid, observations)
    if not seen.shown.any():
        return Body(field, (), (), plane is not None, False)
    points = mesh.vertices[seen.shown]
    found = search.symmetries(Evidence(grid, field, points, mesh.normals[seen.shown], seen.colours[seen.shown]))
    rim = closing.rim_mirror(grid, observations, by_mask, points)
    maps = [*search.group(found), *([] if rim is None else [rim])]
    for g in maps:
        field = closing.closed(grid, field, by_depth, g, SPARE)
    images = [points @ g[:3, :3].T + g[:3, 3] for g in maps]
    field = closing.convex(grid, field, np.concatenate([points, *images]), plane)
    field = thickness.thinned(grid, observations, field)
    painted = search.group([some for some in found if some.painted])
    return Body(field, found, painted, plane is not None, rim is not None)


def _support(grid: Grid, request: Request) -> support.Plane | None:
    subject = request.subject
    drawing = {"backend": request.backend, "antialiased": request.antialiased}
    around = support.surroundings(grid, select(subject.gaussians, ~subject.member), request.observations, **drawing)
    heights = grid.from_world(subject.observed.means.double().cpu().numpy())[:, 2]
    return support.support_plane(around, grid.shape, float(np.quantile(heights, 0.02)))


def _colours(grid: Grid, mesh: Mesh, seen: Seen, maps: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Colours (V, 3) of all vertices, and whether each (V,) is known: seen, or seen in a mirror."""
    shown = np.flatnonzero(seen.lit)
    if not len(shown):
        return np.full_like(mesh.vertices, 0.5), np.zeros(len(mesh.vertices), bool)
    tree = cKDTree(mesh.vertices[shown])
    colours, known = seen.colours.copy(), seen.lit.copy()
    for g in maps:
        rows = np.flatnonzero(~known)
        distances, nearest = tree.query(mesh.vertices[rows] @ g[:3, :3].T + g[:3, 3])
        alike = np.einsum("ij,ij->i", mesh.normals[rows] @ g[:3, :3].T, mesh.normals[shown[nearest]]) > 0.5
        good = (distances < 2) & alike
        colours[rows[good]], known[rows[good]] = seen.colours[shown[nearest[good]]], True
    guess = skin.ring_means(mesh, seen, grid.focus)
    return skin.diffused(mesh, colours, known, guess), known


def _assembled(grid: Grid, body: Body, mesh: Mesh, seen: Seen, colours: np.ndarray, request: Request) -> Gaussians:
    covered = assembly.around(grid, mesh.vertices[seen.shown])
    own = replace(assembly.trusted(grid, body.field, request.subject.observed), extra={})
    images, filled = assembly.mirrored(grid, body.field, own, body.maps, covered)
    made = assembly.skin_gaussians(grid, mesh, seen, colours, filled & ~covered)
    parts = [(own, OBSERVED), (images, MIRRORED), (made, HULL)]
    return concat([_marked(part, value) for part, value in parts if part is not None])


def _marked(gaussians: Gaussians, provenance: int) -> Gaussians:
    column = torch.full((len(gaussians),), provenance, dtype=torch.uint8, device=gaussians.means.device)
    return replace(gaussians, extra={PROVENANCE: column})


def _facts(body: Body, seen: Seen, told: np.ndarray) -> dict:
    return {
        "symmetry": [
            {"kind": found.kind, **{name: round(getattr(found.score, name), 4) for name in found.score.__match_args__}}
            for found in body.symmetries
        ],
        "support": body.standing,
        "depth_from_width": body.rim,
        "seen_share": round(float(seen.shown.mean()), 4),
        "told_share": round(float(told.mean()), 4),
    }
