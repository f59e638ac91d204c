"""Coloured points: what SfM triangulated, and where training begins. PLY in and out, through plyfile."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.poses import MAX_COORDINATE


@dataclass(frozen=True, eq=False)
class Points:
    """P coloured points in the world frame of the scene."""

    xyz: np.ndarray
    """(P, 3) float64."""
    rgb: np.ndarray
    """(P, 3) uint8."""

    def __post_init__(self) -> None:
        if self.xyz.shape != (len(self.xyz), 3) or self.rgb.shape != self.xyz.shape:
            raise ValueError(f"Points: expected xyz and rgb of shape (P, 3), got {self.xyz.shape} and {self.rgb.shape}")
        if self.xyz.dtype != np.float64 or self.rgb.dtype != np.uint8:
            raise ValueError(f"Points: expected float64 and uint8, got {self.xyz.dtype} and {self.rgb.dtype}")

    def __len__(self) -> int:
        return len(self.xyz)


def no_points() -> Points:
    """The empty cloud."""
    return Points(np.zeros((0, 3)), np.zeros((0, 3), np.uint8))


def write_points(path: Path, points: Points) -> None:
    """Write a binary PLY with `x y z` (double, so that the world frame loses nothing) and `red green blue`."""
    from plyfile import PlyData, PlyElement

    rows = np.empty(len(points), [(name, "<f8") for name in "xyz"] + [(name, "u1") for name in COLOURS])
    for i, (axis, colour) in enumerate(zip("xyz", COLOURS, strict=True)):
        rows[axis] = points.xyz[:, i]
        rows[colour] = points.rgb[:, i]
    with files.atomic_path(path) as temporary:
        PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(str(temporary))


def read_points(path: Path) -> Points:
    """The points of any PLY with `x y z`; grey where it has no `red green blue`. Raises InputError."""
    from plyfile import PlyData, PlyParseError

    refuse_lying_counts(path)
    try:
        vertex = PlyData.read(str(path), mmap="c")["vertex"]
        xyz = np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], axis=1)
        coloured = all(colour in vertex.data.dtype.names for colour in COLOURS)
        rgb = np.stack([vertex[c] for c in COLOURS], axis=1) if coloured else np.full(xyz.shape, 128)
    except (PlyParseError, OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError) as error:
        fix = "export the point cloud again, or remove it: training can begin without points"
        got = " ".join(str(error).split()) or type(error).__name__
        raise InputError(Problem("the point cloud cannot be read", str(path), fix, "a PLY with x y z", got)) from None
    return within_reach(xyz, rgb)


def within_reach(xyz: np.ndarray, rgb: np.ndarray) -> Points:
    """The points that are somewhere: those with NaN, infinite or absurd coordinates are left out."""
    kept = (np.abs(xyz) <= MAX_COORDINATE).all(axis=1)
    return Points(np.ascontiguousarray(xyz[kept]), np.ascontiguousarray(rgb[kept].astype(np.uint8)))


COLOURS = ("red", "green", "blue")


def refuse_lying_counts(path: Path) -> None:
    """Raise InputError for a PLY whose header claims more rows than it has bytes: readers would allocate them first."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            header = file.read(64 * 1024).partition(b"end_header")[0]
    except OSError as error:
        raise InputError(Problem("the file cannot be read", str(path), "restore it", got=error.strerror)) from None
    counts = [
        line.split()[2] for line in header.splitlines() if line.startswith(b"element ") and len(line.split()) == 3
    ]
    if any(not count.isdigit() or len(count) > 18 or int(count) > size for count in counts):
        got = f"elements of {', '.join(count.decode('latin-1') for count in counts)} rows in {size} bytes"
        fix = "export the point cloud again: it was cut short, or its header is wrong"
        raise InputError(Problem("the header claims more rows than the file holds", str(path), fix, got=got))
