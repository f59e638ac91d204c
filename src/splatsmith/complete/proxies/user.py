"""A proxy that the user brings: a PLY of Gaussians, or a mesh."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from splatsmith.base.ply import read_vertices
from splatsmith.complete.provenance import GIVEN, PROVENANCE
from splatsmith.complete.proxies.mesh import Piece, mesh_gaussians, read_mesh
from splatsmith.complete.proxies.request import Proxy, Request, Surface
from splatsmith.gaussians.ply import read_ply

UP = {".glb": np.array([0.0, 1.0, 0.0])}
"""The up axis of formats that have one (glTF 2.0, section 3.4)."""


@dataclass(frozen=True)
class UserFile:
    """The generator that generates nothing."""

    file: Path

    def generate(self, request: Request) -> Proxy:
        """What the file holds, in its own frame. Raises InputError."""
        suffix = self.file.suffix.lower()
        if suffix == ".ply" and _has_gaussians(self.file):
            gaussians, surface, form = read_ply(self.file), None, "gaussians"
        else:
            pieces = read_mesh(self.file)
            gaussians, surface, form = mesh_gaussians(pieces), _surface(pieces), "mesh"
        provenance = torch.full((len(gaussians),), GIVEN, dtype=torch.uint8)
        whole = replace(gaussians, extra={PROVENANCE: provenance})
        facts = {"file": self.file.name, "form": form}
        return Proxy(whole, "user", False, UP.get(suffix), surface, facts)


def _has_gaussians(path: Path) -> bool:
    """Whether the vertices of a PLY have any of what only Gaussians have. Raises InputError."""
    names = read_vertices(path).dtype.names
    return any(name.startswith(("scale_", "rot_", "f_dc_", "packed_")) for name in names)


def _surface(pieces: list[Piece]) -> Surface:
    """All pieces as one mesh, grey: what its textures show is in the Gaussians."""
    offsets = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    vertices = np.concatenate([piece.vertices for piece in pieces])
    faces = np.concatenate([piece.faces + offset for piece, offset in zip(pieces, offsets, strict=False)])
    return Surface(vertices, faces, np.full((len(vertices), 3), 0.5))
