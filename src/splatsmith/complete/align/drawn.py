"""The proxy drawn into sights by the rasterizer, and how far the drawing is from what was photographed.

    outline   alpha - M                                     over what is known
    colour    gain c + bias alpha - alpha photo             over the object
    depth     (z - D) / unit                                where both surfaces are solid

Three kinds of differences, each a mean over a sight, the latter two robust.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import torch

from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.sights import SURE, Sight
from splatsmith.complete.align.silhouettes import adjustment, overlap, unlike
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import dc_to_rgb
from splatsmith.gaussians.transforms import affine
from splatsmith.render import rasterize
from splatsmith.render.choice import device_of

PINHOLE = 5
"""Holes narrower than this, in pixels of a drawing, are none."""
SOLID = 0.5
"""Opacity from which a drawn pixel has a depth and a colour."""
EPS2D = 0.05
"""Widening of splats, square pixels: less than for pictures to look at, since a wide rim would make the proxy small."""
FINENESS, ROUGHLY = 256, 84
"""Longer sides of drawings in pixels: exact ones, and those of a search."""
GRAIN = 2.5
"""They are no longer than this times the root of the number of splats, else there are holes between splats."""
SLIM = 0.7
"""Factor on the splats of what is measured: a stack of them covers a rim around its surface, and would end up small."""
CONTRAST = (0.5, 0.95)
"""Opacities that count as nothing and as solid, in outlines."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """The proxy in one sight."""

    rgb: np.ndarray
    """(h, w, 3). Colours over black."""
    alpha: np.ndarray
    """(h, w)."""
    depth: np.ndarray
    """(h, w). Mean camera z; 0 where it is not solid."""
    outline: np.ndarray
    """(h, w). Opacity with more contrast, so that thin spots do not count as holes, nor a faint rim as surface."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A body's Gaussians in the world, ready to be drawn where they are, and after small steps from there."""

    T: np.ndarray
    """(4, 4). T_world_body."""
    local: np.ndarray
    """(N, 3). Centres in the body's frame."""
    world: Gaussians
    backend: Literal["cpu", "gsplat"]
    fineness: int
    """Least longer side of a drawing, in pixels, before it is reduced to a sight's."""

    def draw(self, sight: Sight, pose: Pose | None = None) -> Drawn:
        """The drawing at `pose`; the splats keep the shape that they have at this one.

        It is drawn larger and reduced by whole numbers, since the rim that splats add is about a pixel wide.
        """
        splats = self.world
        means = splats.means if pose is None else torch.from_numpy(pose.apply(self.local)).to(splats.means)
        width, height = sight.size
        zoom = max(1, round(self.fineness / max(width, height)))
        with torch.no_grad():
            found = rasterize(
                means,
                splats.quats,
                splats.scales,
                splats.opacities,
                dc_to_rgb(splats.sh[:, 0]).clamp(min=0),
                T_camera_world=sight.T_camera_world,
                K=np.diag([zoom, zoom, 1.0]) @ sight.K,
                width=zoom * width,
                height=zoom * height,
                depth=True,
                eps2d=EPS2D,
                backend=self.backend,
            )
        outline = torch.from_numpy(_solid(found.alpha.cpu().numpy())).to(found.alpha)
        planes = torch.cat([found.image, torch.stack([found.alpha, found.depth, outline], dim=2)], dim=2)
        planes = planes.reshape(height, zoom, width, zoom, 6).mean(dim=(1, 3)).cpu().numpy()
        alpha = planes[..., 3]
        depth = np.where(alpha >= SOLID, planes[..., 4] / np.maximum(alpha, SOLID), np.float32(0))
        return Drawn(planes[..., :3], alpha, depth, planes[..., 5])


def _solid(alpha: np.ndarray) -> np.ndarray:
    """(H, W). Opacity with more contrast, and without the pinholes between splats."""
    low, high = CONTRAST
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (PINHOLE, PINHOLE))
    return cv2.morphologyEx(np.clip((alpha - low) / (high - low), 0, 1), cv2.MORPH_CLOSE, kernel)


def place(
    splats: Gaussians,
    T_world_body: np.ndarray,
    backend: Literal["cpu", "gsplat"],
    *,
    fineness: int = FINENESS,
    slim: float = 1.0,
) -> Placed:
    """Put a body's splats into the world by an affine map (4, 4), their own sizes times `slim`."""
    device = device_of(backend)
    thin = replace(splats, log_scales=splats.log_scales + math.log(slim))
    moved = affine(thin, T_world_body).map(lambda column: column.to(device))
    fineness = min(fineness, round(GRAIN * math.sqrt(len(splats))))
    return Placed(T_world_body, splats.means.double().cpu().numpy(), moved, backend, fineness)


@dataclass(frozen=True)
class Weights:
    """How much each kind of difference counts, and how far one may be before it counts less."""

    colour: float = 0.5
    colour_scale: float = 0.15
    depth: float = 0.2
    depth_scale: float = 0.03
    """In units of the object."""
    stretch: float = 0.02
    """Of unequal scales."""
    blur: float = 0.0
    """Standard deviation of the blur of both outlines, in working pixels: reaches as far as it smears."""


@dataclass(frozen=True, eq=False)
class Fit:
    """How well a drawn proxy agrees with its sights."""

    iou: float
    colour: float
    """Mean absolute difference after the adjustment."""
    depth: float
    """80th percentile of the difference of depths, in units; 0 where no depth is known."""

    @property
    def score(self) -> float:
        """More is better."""
        return self.iou - self.colour - 0.5 * min(self.depth, 0.2)


def fit_of(placed: Placed, sights: Sequence[Sight], unit: float) -> Fit:
    """Measure a drawing."""
    overlaps, seen, photo, off = [], [], [], []
    for sight in sights:
        drawn = placed.draw(sight)
        overlaps.append(overlap(drawn.outline, sight))
        both = (drawn.alpha >= SOLID) & (sight.inner >= SURE)
        seen.append(drawn.rgb[both] / drawn.alpha[both][:, None])
        photo.append(sight.photo[both])
        deep = (drawn.depth > 0) & (sight.depth > 0)
        off.append(np.abs(drawn.depth - sight.depth)[deep] / unit)
    off = np.concatenate(off)
    depth = float(np.quantile(off, 0.8)) if len(off) else 0.0
    return Fit(float(np.mean(overlaps)), unlike(np.concatenate(seen), np.concatenate(photo)), depth)


def smeared(sight: Sight, blur: float) -> Sight:
    """The sight with its mask blurred as `Weights.blur` will blur the drawing's."""
    return replace(sight, mask=_blurred(sight.mask, sight.valid, blur))


def _blurred(picture: np.ndarray, valid: np.ndarray, blur: float) -> np.ndarray:
    """The picture (h, w) blurred over what is valid: nothing of what is unknown may reach what is known."""
    if blur == 0:
        return picture
    weighted, weight = (
        cv2.GaussianBlur(some, (0, 0), blur, borderType=cv2.BORDER_REPLICATE) for some in (picture * valid, valid)
    )
    return weighted / np.maximum(weight, 1e-3)


def differences(drawn: Drawn, sight: Sight, light: tuple, unit: float, weights: Weights) -> np.ndarray:
    """(D,) all differences of one sight, not yet made robust; see `robust`."""
    gain, bias = light
    area = max(float(sight.mask.sum()), 1.0)
    outline = (_blurred(drawn.outline, sight.valid, weights.blur) - sight.mask) * np.sqrt(sight.valid)
    own = sight.inner[..., None] >= SURE
    alpha = drawn.alpha[..., None]
    colour = np.where(own, gain * drawn.rgb + bias * alpha - alpha * sight.photo, 0)
    deep = (drawn.depth > 0) & (sight.depth > 0)
    depth = np.where(deep, drawn.depth - sight.depth, 0) / unit
    return np.concatenate([part.ravel() for part in (outline, colour, depth)]) / np.sqrt(area)


def light_of(drawn: Sequence[Drawn], sights: Sequence[Sight]) -> tuple[np.ndarray, ...]:
    """Gain and bias for all sights together."""
    seen, photo = [], []
    for one, sight in zip(drawn, sights, strict=True):
        both = (one.alpha >= SOLID) & (sight.inner >= SURE)
        seen.append(one.rgb[both] / one.alpha[both][:, None])
        photo.append(sight.photo[both])
    if not sum(map(len, seen)):
        return np.ones(3), np.zeros(3)
    return adjustment(np.concatenate(seen), np.concatenate(photo))


def robust(found: np.ndarray, sight: Sight, weights: Weights) -> tuple[float, np.ndarray]:
    """Cost of the differences of one sight, and the weight of each (D,) of them: squares, and Cauchy's for the others.

    Source of the latter: Holland and Welsch, 1977.
    """
    pixels, area = sight.mask.size, max(float(sight.mask.sum()), 1.0)
    square = found**2
    outline, colour, depth = square[:pixels], square[pixels : 4 * pixels], square[4 * pixels :]
    c2, d2 = weights.colour_scale**2 / area, weights.depth_scale**2 / area
    # both kinds are brought to the scale of outlines: a difference of one scale counts as its weight
    wc, wd = weights.colour / weights.colour_scale**2 / 10, weights.depth / weights.depth_scale**2 / 10
    cost = outline.sum() + wc * c2 * np.log1p(colour / c2).sum() + wd * d2 * np.log1p(depth / d2).sum()
    each = np.concatenate([np.ones(pixels), wc / (1 + colour / c2), wd / (1 + depth / d2)])
    return float(cost), each
