"""What the aligner looks at: the object's surroundings cut out of every view, at a working size."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from splatsmith.complete.observations import Observation

MARGIN = 0.4
"""How much of the surroundings is kept on each side, as a share of the object's larger side."""
SURE = 0.5
"""Share of a working pixel from which it is the object's."""


@dataclass(frozen=True, eq=False)
class Sight:
    """The object in one view, as h x w working pixels. A working pixel may cover several of the photo's, never less."""

    name: str
    """Of the view."""
    K: np.ndarray
    """(3, 3). Intrinsic matrix in working pixels."""
    T_camera_world: np.ndarray
    """(4, 4)."""
    mask: np.ndarray
    """(h, w) float32. Share of each pixel that is the object."""
    valid: np.ndarray
    """(h, w) float32. Share of each pixel that is known."""
    inner: np.ndarray
    """(h, w) float32. Share of each pixel that is the object and not its rim, where photos mix colours."""
    depth: np.ndarray
    """(h, w) float32. Mean camera z of the observed surface, in scene units; 0 where it is not known."""
    photo: np.ndarray
    """(h, w, 3) float32 in [0, 1]."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.mask.shape[1], self.mask.shape[0]

    @property
    def center(self) -> np.ndarray:
        """(3,). The camera's, in the world."""
        return -self.T_camera_world[:3, :3].T @ self.T_camera_world[:3, 3]

    @property
    def inside(self) -> np.ndarray:
        """(h, w) bool. Pixels of the object."""
        return self.mask >= SURE

    @property
    def outside(self) -> np.ndarray:
        """(h, w) bool. Pixels that surely are not."""
        return (self.mask < SURE) & (self.valid >= SURE)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (..., 2) and camera z (...) of points (..., 3) of the world."""
        camera = points @ self.T_camera_world[:3, :3].T + self.T_camera_world[:3, 3]
        z = camera[..., 2]
        image = camera @ self.K.T
        return image[..., :2] / np.where(np.abs(z) < 1e-9, 1e-9, z)[..., None], z

    def unproject(self, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:
        """(N, 3) points of the world, of pixels (N, 2) at camera z (N,)."""
        rays = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1) @ np.linalg.inv(self.K).T
        return (rays * z[:, None] - self.T_camera_world[:3, 3]) @ self.T_camera_world[:3, :3]

    def reduced(self, side: int) -> "Sight":
        """The same, no more than `side` pixels large; means of pixels, those of depth over what is known of it."""
        width, height = self.size
        factor = side / max(width, height)
        if factor >= 1:
            return self
        size = max(1, round(width * factor)), max(1, round(height * factor))
        K = np.diag([size[0] / width, size[1] / height, 1.0]) @ self.K

        def mean(picture: np.ndarray) -> np.ndarray:
            return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)

        known = mean((self.depth > 0).astype(np.float32))
        depth = np.where(known >= SURE, mean(self.depth) / np.maximum(known, 1e-6), 0).astype(np.float32)
        return Sight(
            self.name,
            K,
            self.T_camera_world,
            mean(self.mask),
            mean(self.valid),
            mean(self.inner),
            depth,
            mean(self.photo),
        )


def sight_of(observation: Observation) -> Sight:
    """The surroundings of an object that the view shows, at the photo's own resolution. Raises InputError."""
    mask, camera = observation.mask, observation.view.camera
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    margin = int(np.ceil(MARGIN * max(len(rows), len(columns)))) + 2
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, camera.height)
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, camera.width)
    K = camera.K - np.array([[0, 0, left], [0, 0, top], [0, 0, 0]])
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    pictures = (
        mask.astype(np.float32),
        (~_hidden(observation.unknown)).astype(np.float32),
        inner.astype(np.float32),
        np.where(inner, observation.depth, np.float32(0)),
        observation.photo().astype(np.float32) / 255,
    )
    cut = (np.ascontiguousarray(picture[top:bottom, left:right]) for picture in pictures)
    return Sight(observation.view.name, K, observation.view.T_camera_world, *cut)


def _hidden(unknown: np.ndarray) -> np.ndarray:
    """(H, W) bool. Unknown pixels but for thin lines of them: a mask's outline that is unknown on its outer side only
    would make every proxy grow, or shrink."""
    kernel = np.ones((3, 3), np.uint8)
    thick = cv2.morphologyEx(unknown.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return cv2.dilate(thick, kernel).astype(bool) & unknown


def spread_out(observations: Sequence[Observation], first: Sequence[str], most: int) -> list[Observation]:
    """At most `most` observations that show the object from sides as different as possible.

    Those of the views `first` come first, then each time the one farthest from all before. Left out are views that show
    less than a quarter of what half of the views show.
    """
    areas = np.array([observation.area for observation in observations])
    if not (areas > 0).any():
        return []
    enough = areas >= 0.25 * np.median(areas[areas > 0])
    rest = [o for o, ample in zip(observations, enough, strict=True) if ample and o.area > 0]
    by_name = {o.view.name: o for o in rest}
    chosen = [by_name[name] for name in first if name in by_name][:most] or [max(rest, key=lambda o: o.area)]
    centers = {o.view.name: o.view.center for o in rest}
    while len(chosen) < most:
        left = [o for o in rest if o not in chosen]
        if not left:
            break
        chosen.append(
            max(left, key=lambda o: min(np.linalg.norm(centers[o.view.name] - c.view.center) for c in chosen))
        )
    return chosen
