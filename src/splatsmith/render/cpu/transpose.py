"""Pixels to Gaussians: sums of a picture's values, weighted as the pixels see each Gaussian."""

import numpy as np

from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.forward import (
    CHECK_EVERY,
    COLORS,
    GROUP,
    PLANE,
    WEIGHT,
    all_finished,
    blend,
    reached_rows,
    start_tile,
)
from splatsmith.render.cpu.numerics import TILE, ZERO, aligned

VALUES = COLORS + GROUP * PLANE
"""Planes of the picture's values, behind those that `blend` blends a black splat into."""


@kernel
def accumulate(splats, tile_starts, entry_splats, values, v_entries, k0, k1):
    """Fill v_entries (entries, C): the sum over the tile's pixels of s * values (H, W, C), in tiles k0..k1."""
    height, width, channels = values.shape
    tiles_x = (width + TILE - 1) // TILE
    tile = aligned(VALUES + channels * PLANE)
    for k in range(k0, k1):
        left, top = k % tiles_x * TILE, k // tiles_x * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        start_tile(tile, columns)
        for y in range(rows):
            for x in range(columns):
                for c in range(channels):
                    tile[VALUES + c * PLANE + y * TILE + x] = values[top + y, left + x, c]
        start, finished = tile_starts[k], False
        for entry in range(start, tile_starts[k + 1]):
            if (entry - start) % CHECK_EVERY == CHECK_EVERY - 1:
                finished = finished or all_finished(tile, rows)
            if finished:
                v_entries[entry] = ZERO
                continue
            n = entry_splats[entry]
            first, stop = reached_rows(splats, n, top, rows)
            blend(tile, left, top, first, stop, splats, n, np.float32(entry - start), ZERO, ZERO, ZERO)
            for c in range(channels):
                v_entries[entry, c] = _weighted_sum(tile, first, stop, c)


@kernel
def sum_entries(order, candidate_starts, candidate_entries, v_entries, v_gaussians, n0, n1):
    """Add up the rows of the entries of splats n0..n1, in the order of the tiles, into the rows of their Gaussians."""
    for n in range(n0, n1):
        v_gaussian = v_gaussians[order[n]]
        for candidate in range(candidate_starts[n], candidate_starts[n + 1]):
            entry = candidate_entries[candidate]
            if entry >= 0:
                for c in range(len(v_gaussian)):
                    v_gaussian[c] += v_entries[entry, c]


@inlined
def _weighted_sum(tile, first, stop, c):
    """Sum of weight * value over the rows, for channel c."""
    weights, plane = tile[WEIGHT + first * TILE :], tile[VALUES + c * PLANE + first * TILE :]
    total = ZERO
    for p in range((stop - first) * TILE):
        total += weights[p] * plane[p]
    return total
