"""Which splats meet which tile, nearest first.

Splats are sorted once by depth and dealt out to the tiles in that order, so every tile's list is sorted; equal depths
stay in the order of the rows, as in gsplat. A pair of splat and tile is an entry: entry e of tile k, for e in
tile_starts[k]..tile_starts[k + 1], is the splat of sorted number entry_splats[e].
"""

import math
from dataclasses import dataclass

import numpy as np

from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.numerics import ALPHA_MIN, HALF, INFINITY, ONE, TILE, TWO, ZERO
from splatsmith.render.cpu.pool import run_ranges

X, Y, XX, XY, YY, OPACITY, SIGMA_MAX, REACH = range(8)
"""Columns of `Bins.splats`: centre, conic, opacity; sigma up to which alpha >= ALPHA_MIN; its reach along y."""

CHUNK = 4096
DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS


@dataclass(frozen=True)
class Bins:
    """Visible splats sorted by depth, and the tiles that they meet."""

    order: np.ndarray
    """(n,) int32. Row of the Gaussian, by sorted number."""
    splats: np.ndarray
    """(n, 8) float32. By sorted number, columns X to REACH; in one place, since a tile reads all of them at once."""
    tile_starts: np.ndarray
    """(tiles + 1,) int64."""
    entry_splats: np.ndarray
    """(entries,) int32. Sorted number of an entry's splat."""
    candidate_starts: np.ndarray
    """(n + 1,) int64. Where a splat's candidates begin: the tiles that its box meets."""
    candidate_entries: np.ndarray
    """(candidates,) int32. The candidate's entry; -1 where only the box, not the splat, meets the tile."""


def bin_splats(
    means2d: np.ndarray, conics: np.ndarray, depths: np.ndarray, opacities: np.ndarray, radii: np.ndarray, size: tuple
) -> Bins:
    """Sort and deal out. `size` is (width, height); the arrays have a row for each Gaussian."""
    width, height = size
    tiles_x, tiles_y = -(-width // TILE), -(-height // TILE)
    order = sort_by_depth(depths.view(np.uint32), radii)
    count = len(order)
    splats = np.empty((count, 8), np.float32)
    boxes = np.empty((count, 4), np.int32)
    run_ranges(gather_splats, count, CHUNK, order, means2d, conics, opacities, radii, width, height, splats, boxes)

    candidate_starts = count_candidates(boxes)
    if candidate_starts[-1] >= 2**31:
        raise MemoryError(f"{candidate_starts[-1]} pairs of splat and tile: the splats are too large for this image")
    candidates = np.empty(candidate_starts[-1], np.int32)
    run_ranges(find_tiles, count, CHUNK, splats, boxes, width, height, tiles_x, candidate_starts, candidates)
    tile_starts, entry_splats = deal_out(candidate_starts, candidates, tiles_x * tiles_y)
    return Bins(order, splats, tile_starts, entry_splats, candidate_starts, candidates)


@kernel
def sort_by_depth(depth_bits, radii):
    """Rows of the visible splats in order of depth: a stable radix sort of 3 digits of 11 bits.

    The bits of positive floats, read as whole numbers, have the order of the floats.
    """
    rows = np.empty(len(radii), np.int32)
    keys = np.empty(len(radii), np.uint32)
    count = 0
    for i in range(len(radii)):
        if radii[i, 0] > 0 and radii[i, 1] > 0:
            rows[count] = i
            keys[count] = depth_bits[i]
            count += 1
    rows, keys = rows[:count], keys[:count]
    next_rows, next_keys = np.empty_like(rows), np.empty_like(keys)
    for digit in range(3):
        shift = np.uint32(DIGIT_BITS * digit)
        mask = np.uint32(DIGITS - 1)
        starts = np.zeros(DIGITS + 1, np.int64)
        for i in range(count):
            starts[np.int64((keys[i] >> shift) & mask) + 1] += 1
        for value in range(DIGITS):
            starts[value + 1] += starts[value]
        for i in range(count):
            value = np.int64((keys[i] >> shift) & mask)
            next_rows[starts[value]] = rows[i]
            next_keys[starts[value]] = keys[i]
            starts[value] += 1
        rows, next_rows = next_rows, rows
        keys, next_keys = next_keys, keys
    return rows


@kernel
def gather_splats(order, means2d, conics, opacities, radii, width, height, splats, boxes, n0, n1):
    """Fill `splats` and `boxes`, the tiles (left, top) to before (right, bottom) around a splat's ellipse."""
    for n in range(n0, n1):
        i = order[n]
        x, y = means2d[i, 0], means2d[i, 1]
        xx, xy, yy = conics[i, 0], conics[i, 1], conics[i, 2]
        radius_x, radius_y = np.float32(radii[i, 0]), np.float32(radii[i, 1])
        # The ellipse sigma <= ln(opacity / ALPHA_MIN), a little enlarged: sigma of a needle is the small difference of
        # large numbers, here and in a pixel, and no pixel may be lost to rounding.
        det = xx * yy - xy * xy
        needle = xx * yy / det if det > ZERO else INFINITY
        sigma_max = math.log(opacities[i] / ALPHA_MIN)
        sigma_max += SLACK + ROUNDING * needle * sigma_max
        enlarged = ONE + SLACK + ROUNDING * needle
        reach_x = min(math.sqrt(TWO * sigma_max * yy / det) * enlarged + SLACK, radius_x) if det > ZERO else radius_x
        reach_y = min(math.sqrt(TWO * sigma_max * xx / det) * enlarged + SLACK, radius_y) if det > ZERO else radius_y
        splats[n, X] = x
        splats[n, Y] = y
        splats[n, XX] = xx
        splats[n, XY] = xy
        splats[n, YY] = yy
        splats[n, OPACITY] = opacities[i]
        splats[n, SIGMA_MAX] = sigma_max
        splats[n, REACH] = reach_y
        left, right = _pixels_within(x, reach_x, width)
        top, bottom = _pixels_within(y, reach_y, height)
        empty = left >= right or top >= bottom
        boxes[n, 0] = 0 if empty else left // TILE
        boxes[n, 1] = 0 if empty else top // TILE
        boxes[n, 2] = 0 if empty else (right - 1) // TILE + 1
        boxes[n, 3] = 0 if empty else (bottom - 1) // TILE + 1


@kernel
def count_candidates(boxes):
    """Running sum of the boxes' tiles, from 0."""
    starts = np.empty(len(boxes) + 1, np.int64)
    starts[0] = 0
    for n in range(len(boxes)):
        starts[n + 1] = starts[n] + (boxes[n, 2] - boxes[n, 0]) * (boxes[n, 3] - boxes[n, 1])
    return starts


@kernel
def find_tiles(splats, boxes, width, height, tiles_x, candidate_starts, candidates, n0, n1):
    """Fill `candidates` of splats n0..n1 with the tile, or -1 where the ellipse misses it.

    This is the only place that decides: the same test compiled into two loops may round differently, and then a count
    and the entries that it counts would differ.
    """
    for n in range(n0, n1):
        c = candidate_starts[n]
        left, top, right, bottom = boxes[n, 0], boxes[n, 1], boxes[n, 2], boxes[n, 3]
        if candidate_starts[n + 1] - c == 1:
            candidates[c] = top * tiles_x + left
            continue
        for row in range(top, bottom):
            for column in range(left, right):
                meets = _ellipse_meets(
                    splats[n],
                    np.float32(column * TILE) + HALF,
                    np.float32(row * TILE) + HALF,
                    np.float32(min(column * TILE + TILE, width)) - HALF,
                    np.float32(min(row * TILE + TILE, height)) - HALF,
                )
                candidates[c] = row * tiles_x + column if meets else -1
                c += 1


@kernel
def deal_out(candidate_starts, candidates, tiles):
    """Tile starts and entries; `candidates` turns from tiles to entries."""
    starts = np.zeros(tiles + 1, np.int64)
    for c in range(len(candidates)):
        if candidates[c] >= 0:
            starts[candidates[c] + 1] += 1
    for tile in range(tiles):
        starts[tile + 1] += starts[tile]
    entry_splats = np.empty(starts[tiles], np.int32)
    free = starts[:tiles].copy()
    for n in range(len(candidate_starts) - 1):
        for c in range(candidate_starts[n], candidate_starts[n + 1]):
            tile = candidates[c]
            if tile >= 0:
                entry_splats[free[tile]] = n
                candidates[c] = free[tile]
                free[tile] += 1
    return starts, entry_splats


SLACK = np.float32(1e-4)
ROUNDING = np.float32(1e-6)


@inlined
def _pixels_within(center, reach, size):
    """First pixel, and the one after the last, whose centres lie within `reach` of `center`."""
    first = max(np.int64(math.ceil(center - reach - HALF)), 0)
    last = min(np.int64(math.floor(center + reach - HALF)), size - 1)
    return first, last + 1


@inlined
def _ellipse_meets(splat, x0, y0, x1, y1):
    """Whether sigma <= SIGMA_MAX in the rectangle: sigma is least at its centre, else on a side that faces it."""
    x, y, xx, xy, yy = splat[X], splat[Y], splat[XX], splat[XY], splat[YY]
    nearest_x, nearest_y = min(max(x, x0), x1), min(max(y, y0), y1)
    if nearest_x == x and nearest_y == y:
        return True
    least = INFINITY
    if nearest_x != x:
        dx = nearest_x - x
        dy = min(max(y - xy * dx / yy, y0), y1) - y
        least = HALF * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
    if nearest_y != y:
        dy = nearest_y - y
        dx = min(max(x - xy * dy / xx, x0), x1) - x
        least = min(least, HALF * (xx * dx * dx + yy * dy * dy) + xy * dx * dy)
    return least <= splat[SIGMA_MAX]
