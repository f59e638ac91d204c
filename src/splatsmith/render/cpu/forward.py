"""Splats to pixels: a kernel over a range of tiles.

All that a tile needs while splats pass lies in one float32 array, a plane of 16 x 16 pixels for each quantity, at
offsets known when compiling: with an array for each, the compiler would have to test on every loop that they do not
overlap. A splat is blended into the rows of the tile that it can reach, as one loop over pixels without branches.
"""

import math

import numpy as np

from splatsmith.render.cpu.binning import OPACITY, REACH, XX, XY, YY, X, Y
from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.numerics import ALPHA_MAX, ALPHA_MIN, HALF, ONE, TILE, TRANSMITTANCE_MIN, ZERO, exp

PLANE = TILE * TILE
T, LAST, WEIGHT, PIXEL_X, PIXEL_Y, COLORS = (PLANE * plane for plane in range(6))
"""Planes: transmittance, negative once the pixel is finished; last entry that was blended, counted within the tile, -1
if none; weight of the current splat; pixel centres; one plane for each colour channel from COLORS on."""

CHECK_EVERY = 32
"""Entries between two looks whether all pixels are finished."""


@kernel
def composite(order, splats, tile_starts, entry_splats, colors, background, image, alpha, transmittance, last, k0, k1):
    """Fill image, alpha, transmittance and last, the pixel's last blended entry or -1, in tiles k0..k1."""
    height, width, channels = image.shape
    tiles_x = (width + TILE - 1) // TILE
    tile = np.empty(COLORS + channels * PLANE, np.float32)
    for k in range(k0, k1):
        left, top = k % tiles_x * TILE, k // tiles_x * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        start_tile(tile, left, top, columns)
        start, stop = tile_starts[k], tile_starts[k + 1]
        for entry in range(start, stop):
            if (entry - start) % CHECK_EVERY == CHECK_EVERY - 1 and all_finished(tile, rows):
                break
            n = entry_splats[entry]
            first, pixels = reached_pixels(splats[n], top, rows)
            if pixels > 0 and weigh(tile[first:], pixels, splats[n], np.float32(entry - start)):
                _add_colors(tile[first:], pixels, colors[order[n]])
        for row in range(rows):
            for column in range(columns):
                p = row * TILE + column
                y, x = top + row, left + column
                through = abs(tile[T + p])
                transmittance[y, x] = through
                alpha[y, x] = ONE - through
                entry = np.int64(tile[LAST + p])
                last[y, x] = start + entry if entry >= 0 else -1
                for c in range(channels):
                    image[y, x, c] = tile[COLORS + c * PLANE + p] + through * background[c]


@inlined
def start_tile(tile, left, top, columns):
    """Nothing blended yet; pixels right of the image count as finished."""
    for p in range(PLANE):
        row, column = p // TILE, p % TILE
        tile[T + p] = ONE if column < columns else -ONE
        tile[LAST + p] = -ONE
        tile[PIXEL_X + p] = np.float32(left + column) + HALF
        tile[PIXEL_Y + p] = np.float32(top + row) + HALF
    tile[COLORS:] = ZERO


@inlined
def all_finished(tile, rows):
    most = -ONE
    for p in range(rows * TILE):
        most = max(most, tile[T + p])
    return most <= ZERO


@inlined
def reached_pixels(splat, top, rows):
    """Whole rows of the tile that a splat can reach: first pixel, and how many pixels."""
    y, reach = splat[Y], splat[REACH]
    first = max(np.int64(math.ceil(y - reach - HALF)) - top, 0)
    last = min(np.int64(math.floor(y + reach - HALF)) - top, rows - 1)
    return first * TILE, (last - first + 1) * TILE


@inlined
def weigh(pixels, count, splat, entry):
    """Blend a splat into `count` pixels: weights, transmittances and last entries. Whether any weight is not 0."""
    x, y, xx, xy, yy, opacity = splat[X], splat[Y], HALF * splat[XX], splat[XY], HALF * splat[YY], splat[OPACITY]
    total = ZERO
    for p in range(count):
        dx, dy = x - pixels[PIXEL_X + p], y - pixels[PIXEL_Y + p]
        sigma = (xx * dx + xy * dy) * dx + yy * dy * dy
        alpha = min(opacity * exp(-sigma), ALPHA_MAX)
        before = pixels[T + p]
        touched = (alpha >= ALPHA_MIN) & (sigma >= ZERO) & (before > ZERO)
        after = before * (ONE - alpha)
        blended = touched & (after > TRANSMITTANCE_MIN)
        weight = alpha * before if blended else ZERO
        pixels[WEIGHT + p] = weight
        total += weight
        pixels[T + p] = after if blended else (-before if touched else before)
        pixels[LAST + p] = entry if blended else pixels[LAST + p]
    return total > ZERO


@inlined
def _add_colors(pixels, count, color):
    """Add weight * color in every channel; three channels to a loop, so that a weight is loaded once for them."""
    channels = len(color)
    c = 0
    while c + 3 <= channels:
        color0, color1, color2 = color[c], color[c + 1], color[c + 2]
        planes = pixels[COLORS + c * PLANE :]
        for p in range(count):
            weight = pixels[WEIGHT + p]
            planes[p] += weight * color0
            planes[PLANE + p] += weight * color1
            planes[2 * PLANE + p] += weight * color2
        c += 3
    while c < channels:
        color0 = color[c]
        planes = pixels[COLORS + c * PLANE :]
        for p in range(count):
            planes[p] += pixels[WEIGHT + p] * color0
        c += 1


@kernel
def accumulate(order, splats, tile_starts, entry_splats, weights, entry_sums, k0, k1):
    """Fill entry_sums (entries, C): the sum over the tile's pixels of s * weights, in tiles k0..k1."""
    height, width, channels = weights.shape
    tiles_x = (width + TILE - 1) // TILE
    tile = np.empty(COLORS + channels * PLANE, np.float32)
    for k in range(k0, k1):
        left, top = k % tiles_x * TILE, k // tiles_x * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        start_tile(tile, left, top, columns)
        for row in range(rows):
            for column in range(columns):
                for c in range(channels):
                    tile[COLORS + c * PLANE + row * TILE + column] = weights[top + row, left + column, c]
        start, stop = tile_starts[k], tile_starts[k + 1]
        finished = False
        for entry in range(start, stop):
            entry_sums[entry] = ZERO
            if (entry - start) % CHECK_EVERY == CHECK_EVERY - 1:
                finished = finished or all_finished(tile, rows)
            if finished:
                continue
            n = entry_splats[entry]
            first, pixels = reached_pixels(splats[n], top, rows)
            if pixels > 0 and weigh(tile[first:], pixels, splats[n], np.float32(entry - start)):
                _sum_weights(tile[first:], pixels, entry_sums[entry])


@inlined
def _sum_weights(pixels, count, sums):
    for c in range(len(sums)):
        plane = pixels[COLORS + c * PLANE :]
        total = ZERO
        for p in range(count):
            total += pixels[WEIGHT + p] * plane[p]
        sums[c] = total
