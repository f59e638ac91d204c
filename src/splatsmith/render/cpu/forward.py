"""Splats to pixels: a kernel over a range of tiles.

All that a tile needs while splats pass lies in one float32 array, a plane of 16 x 16 pixels for each quantity, at
offsets known when compiling: with an array for each, the compiler would have to test on every loop that they do not
overlap. A splat is blended into the rows of the tile that it can reach; a row is one loop of 16 pixels without
branches, which becomes one or a few vectors. Channels come in groups of GROUP, the last one filled up with zeros.

A view into an array is made just before the loop that needs it: one that lives through several loops has its references
counted, again and again.
"""

import math

import numpy as np

from splatsmith.render.cpu.binning import OPACITY, REACH, XX, XY, YY, X, Y
from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.numerics import (
    ALPHA_MAX,
    ALPHA_MIN,
    HALF,
    LOG2_E,
    ONE,
    TILE,
    TRANSMITTANCE_MIN,
    ZERO,
    aligned,
    exp2,
)

GROUP = 3
PIXELS = TILE * TILE
PLANE = PIXELS + TILE
"""A row longer than it need be: a processor takes a store and a load 4096 bytes apart for the same place, and waits."""
T, LAST, WEIGHT, COLORS = (PLANE * plane for plane in range(4))
"""Planes: transmittance, negative once the pixel is finished; last entry that was blended, counted within the tile, -1
if none; weight of the current splat; one plane for each channel from COLORS on."""

CHECK_EVERY = 32
"""Entries between two looks whether all pixels are finished."""


@kernel
def composite(order, splats, tile_starts, entry_splats, colors, background, image, alpha, transmittance, last, k0, k1):
    """Fill image, alpha, transmittance, and last, the entry that was blended last, in tiles k0..k1.

    `last` is before the tile's first entry where nothing was blended. colors: (N, groups of channels).
    """
    height, width, _ = image.shape
    channels = colors.shape[1]
    tiles_x = (width + TILE - 1) // TILE
    tile = aligned(COLORS + channels * PLANE)
    for k in range(k0, k1):
        left, top = k % tiles_x * TILE, k // tiles_x * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        start_tile(tile, columns)
        start, end = tile_starts[k], tile_starts[k + 1]
        for entry in range(start, end):
            if (entry - start) % CHECK_EVERY == CHECK_EVERY - 1 and all_finished(tile, rows):
                break
            n = entry_splats[entry]
            i = order[n]
            first, stop = reached_rows(splats, n, top, rows)
            number = np.float32(entry - start)
            blend(tile, left, top, first, stop, splats, n, number, colors[i, 0], colors[i, 1], colors[i, 2])
            if channels > GROUP:
                _blend_further_groups(tile, first, stop, colors, i)
        _store_tile(tile, left, top, columns, rows, start, background, image, alpha, transmittance, last)


@inlined
def start_tile(tile, columns):
    """Nothing blended yet; pixels right of the image count as finished."""
    for p in range(PIXELS):
        tile[T + p] = ONE if p % TILE < columns else -ONE
        tile[LAST + p] = -ONE
    for p in range(len(tile) - COLORS):
        tile[COLORS + p] = ZERO


@inlined
def all_finished(tile, rows):
    """Whether no pixel of the tile lets any more light through."""
    most = -ONE
    for p in range(rows * TILE):
        most = max(most, tile[T + p])
    return most <= ZERO


@inlined
def reached_rows(splats, n, top, rows):
    """Rows of the tile that splat n can reach: the first, and the one after the last."""
    y, reach = splats[n, Y], splats[n, REACH]
    first = max(np.int64(math.ceil(y - reach - HALF)) - top, 0)
    stop = min(np.int64(math.floor(y + reach - HALF)) - top, rows - 1) + 1
    return first, max(first, stop)


@inlined
def blend(tile, left, top, first, stop, splats, n, entry, color0, color1, color2):
    """Blend splat n into the rows: weights, transmittances, last entries, and the first group of channels."""
    x, y = splats[n, X] - np.float32(left) - HALF, splats[n, Y] - np.float32(top) - HALF
    xx, xy, yy = -HALF * LOG2_E * splats[n, XX], -LOG2_E * splats[n, XY], -HALF * LOG2_E * splats[n, YY]
    opacity = splats[n, OPACITY]
    for row in range(first, stop):
        line = line_of(row)
        dy = y - np.float32(row)
        by_x, rest = xy * dy, yy * dy * dy
        for p in range(TILE):
            dx = x - np.float32(np.int32(p))
            power = (xx * dx + by_x) * dx + rest  # exp(-sigma) = 2^power
            alpha = min(opacity * exp2(power), ALPHA_MAX)
            visible = (alpha >= ALPHA_MIN) & (power <= ZERO)
            before = tile[T + line + p]
            after = before * (ONE - alpha)
            blended = visible & (after > TRANSMITTANCE_MIN)
            weight = alpha * before if blended else ZERO
            tile[T + line + p] = after if blended else (-abs(before) if visible else before)
            tile[LAST + line + p] = entry if blended else tile[LAST + line + p]
            tile[WEIGHT + line + p] = weight
            tile[COLORS + line + p] += weight * color0
            tile[COLORS + PLANE + line + p] += weight * color1
            tile[COLORS + 2 * PLANE + line + p] += weight * color2


@inlined
def line_of(row):
    """Where a row of the tile begins in a plane. The mask changes nothing, but shows the compiler that no index here is
    negative: else it would have to look, for Python counts negative indices from the end."""
    return (row & (TILE - 1)) * TILE


@inlined
def _blend_further_groups(tile, first, stop, colors, i):
    """Blend the channels after the first group into the rows, with the weights that `blend` left."""
    count = (stop - first) * TILE
    for c in range(GROUP, colors.shape[1], GROUP):
        color0, color1, color2 = colors[i, c], colors[i, c + 1], colors[i, c + 2]
        weights, planes = tile[WEIGHT + first * TILE :], tile[COLORS + c * PLANE + first * TILE :]
        for p in range(count):
            weight = weights[p]
            planes[p] += weight * color0
            planes[PLANE + p] += weight * color1
            planes[2 * PLANE + p] += weight * color2


@inlined
def _store_tile(tile, left, top, columns, rows, start, background, image, alpha, transmittance, last):
    for row in range(rows):
        y, line = top + row, line_of(row)
        for p in range(columns):
            x, through = left + p, abs(tile[T + line + p])
            transmittance[y, x] = through
            alpha[y, x] = ONE - through
            last[y, x] = start + np.int64(tile[LAST + line + p])
            for c in range(len(background)):
                image[y, x, c] = tile[COLORS + c * PLANE + line + p] + through * background[c]
