"""What a PLY of Gaussians holds, in a few lines and, if wanted, in a picture."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import header_comments, read_ply

PERCENTILES = (1, 10, 50, 90, 99)
VIEWS = 4
SIDE = 384
"""Pixels along each side of one view."""
FIELD_OF_VIEW = math.radians(50)
ELEVATION = math.radians(25)


def describe(path: Path, gaussians: Gaussians) -> str:
    """The text of `splatsmith show`: counts, extent, distributions, extra columns and the header's comments."""
    size = path.stat().st_size / 2**20
    lines = [f"{path}", f"  {len(gaussians):,} Gaussians, SH degree {gaussians.sh_degree}, {size:.1f} MiB"]
    if len(gaussians):
        lines += _extent(gaussians.means.numpy())
        scales = gaussians.scales.numpy()
        lines.append(_row("percentile", *(f"{p} %" for p in PERCENTILES)))
        lines.append(_distribution("opacity", gaussians.opacities.numpy()))
        lines.append(_distribution("longest axis", scales.max(axis=1)))
        lines.append(_distribution("shortest axis", scales.min(axis=1)))
    for name, column in gaussians.extra.items():
        lines.append(f"  {'extra column':<16}{name}: {str(column.dtype).removeprefix('torch.')} {tuple(column.shape)}")
    lines += [f"  {'comment':<16}{text}" for text in header_comments(path)]
    return "\n".join(lines)


def picture(gaussians: Gaussians) -> np.ndarray:
    """(SIDE, VIEWS * SIDE, 3) uint8: the scene from four sides, drawn on the CPU, its flattest direction upright."""
    import torch

    from splatsmith.render import render_view
    from splatsmith.report.colours import as_bytes
    from splatsmith.report.turntable import Orbit
    from splatsmith.scenes.cameras import Camera

    focal = SIDE / 2 / math.tan(FIELD_OF_VIEW / 2)
    camera = Camera(SIDE, SIDE, focal, focal, SIDE / 2, SIDE / 2)
    focus, up, start, radius = _stand(gaussians)
    orbit = Orbit("circle", focus, up, start, radius, ELEVATION, 2 * math.pi)
    with torch.no_grad():
        drawn = [render_view(gaussians, camera, pose, backend="cpu").image.clamp(0, 1) for pose in orbit.poses(VIEWS)]
    return np.concatenate([as_bytes(image.numpy()) for image in drawn], axis=1)


def show(path: Path, picture_path: Path | None) -> None:
    """Print what `path` holds, and draw it if a path is given for that. Raises InputError if `path` is no such PLY."""
    gaussians = read_ply(path)
    print(describe(path, gaussians))
    if picture_path is not None:
        from splatsmith.scenes.pictures import write_png

        write_png(picture_path, picture(gaussians))
        print(f"picture: {picture_path}")


def _stand(gaussians: Gaussians) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Where to look, what is up, where the first camera is and how far: the opaque middle fills the view."""
    opaque = gaussians.opacities.numpy() > 0.1
    means = gaussians.means.numpy()[opaque if opaque.sum() > 3 else slice(None)].astype(np.float64)
    focus = np.median(means, axis=0) if len(means) else np.zeros(3)
    offsets = means - focus
    distances = np.linalg.norm(offsets, axis=1)
    _, axes = np.linalg.eigh(offsets.T @ offsets)
    up = axes[:, 0] * (1 if axes[:, 0] @ (0, -1, 1) >= 0 else -1)  # y points down in most captures, z up in the others
    extent = 1.5 * float(np.median(distances)) if len(means) else 0.0
    return focus, up, axes[:, 2], (extent or 1.0) / math.sin(FIELD_OF_VIEW / 2)


def _extent(means: np.ndarray) -> Iterator[str]:
    yield _row("", "x", "y", "z")
    for name, low, high in (("bounds", 0, 100), ("98 % within", 1, 99)):
        spans = np.percentile(means, (low, high), axis=0).T
        yield _row(name, *(f"{a:.3g} .. {b:.3g}" for a, b in spans))


def _distribution(name: str, values: np.ndarray) -> str:
    return _row(name, *(f"{value:.3g}" for value in np.percentile(values, PERCENTILES)))


def _row(name: str, *cells: str) -> str:
    width = 20 if len(cells) == 3 else 10
    return f"  {name:<16}" + "".join(f"{cell:<{width}}" for cell in cells).rstrip()
