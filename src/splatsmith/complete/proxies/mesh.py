"""Meshes that a user brings: OBJ, PLY or GLB by trimesh, with the colours of their vertices, faces or textures.

Nothing outside of the file's folder is read, and nothing from a network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.complete.proxies.surfels import even_samples, surfels, triangle_areas
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat

SUFFIXES = (".obj", ".ply", ".glb")
MOST_BYTES = 2**29
"""Of a mesh, or of one file that it names."""
MOST_FACES = 4_000_000
FINE = 200
"""Spacings of samples along the diagonal of a mesh..."""
FEWEST, MOST = 5_000, 200_000
"""...but so many samples."""
GREY = 0.5
"""Of what has no colour."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a mesh that has one material."""

    vertices: np.ndarray
    """(V, 3) float64, in the frame of the file."""
    faces: np.ndarray
    """(F, 3) int64."""
    visual: object
    """trimesh's: how it is coloured."""


def read_mesh(path: Path) -> list[Piece]:
    """The triangles of a file. Raises InputError where there are none, or they are damaged or too many."""
    import trimesh

    if path.suffix.lower() not in SUFFIXES:
        raise _error("the file is no mesh that can be read", path, f"export it as one of {', '.join(SUFFIXES)}")
    data = _bytes(path)
    try:
        scene = trimesh.load_scene(
            trimesh.util.wrap_as_stream(data),
            file_type=path.suffix.lower().removeprefix("."),
            resolver=_beside(path.parent),
            process=False,
        )
        found = [some for some in scene.dump() if isinstance(some, trimesh.Trimesh) and len(some.faces)]
    except InputError:
        raise
    except Exception as error:  # whatever a damaged file makes the parsers of many formats raise
        got = " ".join(str(error).split())[:100] or type(error).__name__
        raise _error("the mesh cannot be read", path, "export it again", got=got) from None
    pieces = [Piece(np.asarray(m.vertices, float), np.asarray(m.faces, np.int64), m.visual) for m in found]
    _check(pieces, path)
    return pieces


def mesh_gaussians(pieces: Sequence[Piece]) -> Gaussians:
    """Even samples of the whole surface as opaque discs, the same from all sides."""
    areas = [triangle_areas(piece.vertices, piece.faces).sum() for piece in pieces]
    every = np.concatenate([piece.vertices[piece.faces].reshape(-1, 3) for piece in pieces])
    count = np.clip(sum(areas) / (np.linalg.norm(np.ptp(every, axis=0)) / FINE) ** 2, FEWEST, MOST)
    spacing = math.sqrt(sum(areas) / count)
    parts = []
    for piece, area in zip(pieces, areas, strict=True):
        if area > 0:
            samples = even_samples(piece.vertices, piece.faces, spacing)
            colours = _colours(piece, samples.faces, samples.weights)
            parts.append(surfels(samples, piece.vertices, piece.faces, colours))
    return concat(parts)


def _colours(piece: Piece, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, 3) RGB 0 to 1 at points of `piece` with barycentric `weights` (n, 3) in its `faces` (n,)."""
    from trimesh.visual import TextureVisuals
    from trimesh.visual.color import uv_to_interpolated_color

    visual, corners = piece.visual, piece.faces[faces]
    if isinstance(visual, TextureVisuals):
        factor, image = _material(visual.material)
        if image is None or visual.uv is None or len(visual.uv) != len(piece.vertices):
            return np.tile(factor, (len(faces), 1))
        uv = np.einsum("nk,nkc->nc", weights, np.asarray(visual.uv, float)[corners])
        return factor * np.asarray(uv_to_interpolated_color(uv, image.convert("RGB")))[:, :3] / 255
    match visual.kind:
        case "vertex":
            rgb = np.asarray(visual.vertex_colors, float)[:, :3] / 255
            return np.einsum("nk,nkc->nc", weights, rgb[corners])
        case "face":
            return np.asarray(visual.face_colors, float)[faces, :3] / 255
        case _:
            return np.full((len(faces), 3), GREY)


def _material(material: object) -> tuple[np.ndarray, object]:
    """Colour (3,) RGB 0 to 1, and the picture that it is multiplied with, if there is one."""
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    colour = getattr(material, "baseColorFactor", None)
    if colour is None and image is None:
        colour = getattr(material, "diffuse", None)  # of OBJ; beside a texture many programs leave it at any grey
    if colour is None:
        return np.full(3, 1.0 if image is not None else GREY), image
    colour = np.asarray(colour, float)[:3]
    return colour / 255 if colour.max() > 1 else colour, image


def _beside(folder: Path) -> object:
    """trimesh's way to files that a mesh names, such as textures: only those in its folder."""
    from trimesh.resolvers import Resolver

    class Beside(Resolver):
        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def get(self, name: str) -> bytes:
            path = (self.folder / name.strip()).resolve()
            if not path.is_relative_to(folder.resolve()):
                fix = "put all files of the mesh into one folder"
                raise _error("the mesh names a file outside of its folder", self.folder / name, fix)
            return _bytes(path)

        def namespaced(self, namespace: str) -> "Beside":
            return Beside(self.folder / namespace)

        def keys(self) -> list[str]:
            return [path.name for path in self.folder.iterdir()]

        def write(self, name: str, data: object) -> None:
            raise ValueError(f"nothing is written beside a mesh: {name}")

    return Beside(folder)


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise _error("the file is too large", path, "simplify it", f"{MOST_BYTES >> 20} MiB", f"{size >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise _error("the file cannot be read", path, "check its name", got=error.strerror) from None


def _check(pieces: Sequence[Piece], path: Path) -> None:
    if not pieces:
        fix = "name a mesh, or a PLY of Gaussians; points alone have no surface"
        raise _error("the file has no faces", path, fix, "triangles")
    count = sum(len(piece.faces) for piece in pieces)
    if count > MOST_FACES:
        raise _error("the mesh is too large", path, "simplify it", f"at most {MOST_FACES:,} faces", f"{count:,}")
    for piece in pieces:
        if piece.faces.min() < 0 or piece.faces.max() >= len(piece.vertices):
            raise _error("faces of the mesh name vertices that are not there", path, "export it again")
        if not np.isfinite(piece.vertices[piece.faces]).all() or np.abs(piece.vertices).max() > 1e9:
            raise _error("vertices of the mesh are NaN, infinite or huge", path, "export it again")
    if not sum(triangle_areas(piece.vertices, piece.faces).sum() for piece in pieces) > 0:
        raise _error("the mesh has no area", path, "export it again", "triangles with three corners")


def _error(what: str, path: Path, fix: str, expected: str | None = None, got: str | None = None) -> InputError:
    return InputError(Problem(what, str(path), fix, expected, got))
