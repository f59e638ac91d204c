"""Small steps that make the drawn proxy agree with the sights: Gauss-Newton on pictures.

Derivatives by the nine numbers are taken by drawing the proxy nine times, a little off: nine small drawings cost less
than one backward pass for each of thousands of pixels, and a Gauss-Newton step is worth a hundred of gradient descent.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from splatsmith.complete.align.drawn import (
    FINENESS,
    SLIM,
    Placed,
    Weights,
    differences,
    light_of,
    place,
    robust,
    smeared,
)
from splatsmith.complete.align.minimise import Normal, even_scales, freedom, minimise
from splatsmith.complete.align.pose import Pose
from splatsmith.complete.align.sights import Sight
from splatsmith.gaussians import Gaussians

OFF = 1e-3
"""Step of the differences, in radians and units: a tenth of a working pixel."""


def polish(
    pose: Pose,
    splats: Gaussians,
    sights: Sequence[Sight],
    *,
    unit: float,
    stretch: bool,
    steps: int,
    weights: Weights,
    backend: Literal["cpu", "gsplat"],
    fineness: int = FINENESS,
) -> Pose:
    """The pose near `pose` that agrees best with the sights; its scales stay in proportion unless `stretch`."""
    sights = [smeared(sight, weights.blur) for sight in sights]
    free = freedom(stretch)
    light = [None]

    def linearised(pose: Pose) -> Normal:
        at = place(splats, pose.T, backend, fineness=fineness, slim=SLIM)
        light[0] = light_of([at.draw(sight) for sight in sights], sights)
        total, g, H = even_scales(pose, weights.stretch)
        for sight in sights:
            cost, gradient, hessian = _system(at, pose, sight, light[0], unit, weights, free)
            total, g, H = total + cost / len(sights), g + gradient / len(sights), H + hessian / len(sights)
        return total, g, H

    def cost(pose: Pose) -> float:
        at = place(splats, pose.T, backend, fineness=fineness, slim=SLIM)
        each = [robust(differences(at.draw(s), s, light[0], unit, weights), s, weights)[0] for s in sights]
        return even_scales(pose, weights.stretch)[0] + float(np.mean(each))

    return minimise(pose, linearised, cost, unit=unit, free=free, steps=steps)


def _system(
    at: Placed, pose: Pose, sight: Sight, light: tuple, unit: float, weights: Weights, free: np.ndarray
) -> Normal:
    here = differences(at.draw(sight), sight, light, unit, weights)
    cost, each = robust(here, sight, weights)
    pixels = sight.mask.size
    columns = []
    for direction in free.T:
        there = at.draw(sight, pose.step(OFF * direction, unit))
        columns.append((differences(there, sight, light, unit, weights) - here) / OFF)
    J = np.stack(columns, axis=1)
    J[4 * pixels :] = np.clip(J[4 * pixels :], -5 * _root(sight), 5 * _root(sight))  # no edge of a surface is a slope
    weighted = J * each[:, None]
    g, H = weighted.T @ here, weighted.T @ J
    return cost, free @ g, free @ H @ free.T


def _root(sight: Sight) -> float:
    return 1 / np.sqrt(max(float(sight.mask.sum()), 1.0))
