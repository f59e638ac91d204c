"""Gradients of pixels to splats: a kernel over a range of tiles.

A tile's splats pass back to front. With T_i the transmittance before splat i, s_i = alpha_i T_i, c_i its colour, v the
gradient of the pixel's colour, and b_i the colour behind the splat, as if it were seen alone, dotted with v,

    d loss / d c_i     = s_i v
    d loss / d alpha_i = T_i (c_i . v - b_i)
    b_(i-1)            = alpha_i c_i . v + (1 - alpha_i) b_i        b_end = background . v - v_alpha

so one number for a pixel stands for all that lies behind, in any number of channels. T_i is regained from the stored
T_end by dividing by 1 - alpha_i, which is at least 0.001.

No atomic additions: every entry has a row of its own for its gradients, and a splat's rows are added up in order.
"""

import numpy as np

from splatsmith.render.cpu.binning import OPACITY, XX, XY, YY, X, Y
from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.forward import GROUP, PIXELS, PLANE, line_of, reached_rows
from splatsmith.render.cpu.numerics import ALPHA_MAX, ALPHA_MIN, HALF, LOG2_E, ONE, TILE, ZERO, aligned, exp2

T, LAST, BEHIND, CONTRAST, ALPHA, PIXEL_X, PIXEL_Y, V = (PLANE * plane for plane in range(8))
"""Planes: transmittance; last blended entry; b; c . v - b of the current splat; its alpha, 0 where it was not blended;
pixel centres; one plane for each channel of the pixel's gradient from V on."""

GEOMETRY = 6
"""Gradients in an entry's row before those of the colours: by x, y, conic xx, xy, yy, opacity."""


@kernel
def composite_backward(
    order,
    splats,
    tile_starts,
    entry_splats,
    colors,
    background,
    transmittance,
    last,
    v_image,
    v_alpha,
    v_entries,
    k0,
    k1,
):
    """Fill v_entries (entries, GEOMETRY + groups of channels) of tiles k0..k1."""
    height, width, _ = v_image.shape
    channels = colors.shape[1]
    tiles_x = (width + TILE - 1) // TILE
    tile = aligned(V + channels * PLANE)
    for k in range(k0, k1):
        start, stop = tile_starts[k], tile_starts[k + 1]
        if start == stop:
            continue
        left, top = k % tiles_x * TILE, k // tiles_x * TILE
        columns, rows = min(TILE, width - left), min(TILE, height - top)
        _start_tile(tile, left, top)
        end = _load_pixels(tile, left, top, columns, rows, start, background, transmittance, last, v_image, v_alpha)
        v_entries[end:stop] = ZERO
        for entry in range(end - 1, start - 1, -1):
            n = entry_splats[entry]
            first, after = reached_rows(splats, n, top, rows)
            _unblend(tile, left, top, first, after, splats, n, np.float32(entry - start))
            _color_gradients(tile, first, after, colors, order[n], v_entries, entry)
            _geometry_gradients(tile, first, after, splats, n, v_entries, entry)


@kernel
def sum_entries(
    order, candidate_starts, candidate_entries, v_entries, v_means2d, v_conics, v_opacities, v_colors, n0, n1
):
    """Add up the entries of splats n0..n1, in the order of the tiles, into the rows of their Gaussians."""
    for n in range(n0, n1):
        i = order[n]
        x, y, xx, xy, yy, opacity = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
        for candidate in range(candidate_starts[n], candidate_starts[n + 1]):
            entry = candidate_entries[candidate]
            if entry >= 0:
                v = v_entries[entry]
                x += v[0]
                y += v[1]
                xx += v[2]
                xy += v[3]
                yy += v[4]
                opacity += v[5]
                for c in range(v_colors.shape[1]):
                    v_colors[i, c] += v[GEOMETRY + c]
        v_means2d[i, 0], v_means2d[i, 1] = x, y
        v_conics[i, 0], v_conics[i, 1], v_conics[i, 2] = xx, xy, yy
        v_opacities[i] = opacity


@inlined
def _start_tile(tile, left, top):
    """A tile outside the image: nothing was blended, no gradient comes in."""
    for p in range(PIXELS):
        tile[T + p] = ONE
        tile[LAST + p] = -ONE
        tile[BEHIND + p] = ZERO
        tile[PIXEL_X + p] = np.float32(left + p % TILE) + HALF
        tile[PIXEL_Y + p] = np.float32(top + p // TILE) + HALF
    for p in range(len(tile) - V):
        tile[V + p] = ZERO


@inlined
def _load_pixels(tile, left, top, columns, rows, start, background, transmittance, last, v_image, v_alpha):
    """Load the pixels in the image. Returns the entry after the last that was blended anywhere."""
    end = start
    for row in range(rows):
        y, line = top + row, line_of(row)
        for p in range(columns):
            x = left + p
            behind = -v_alpha[y, x]
            for c in range(len(background)):
                v = v_image[y, x, c]
                tile[V + c * PLANE + line + p] = v
                behind += background[c] * v
            tile[T + line + p] = transmittance[y, x]
            tile[LAST + line + p] = np.float32(last[y, x] - start)
            tile[BEHIND + line + p] = behind
            end = max(end, last[y, x] + 1)
    return end


@inlined
def _unblend(tile, left, top, first, stop, splats, n, entry):
    """Take splat n off the rows, as `blend` in forward.py put it on: its alpha, and the transmittance before it."""
    x, y = splats[n, X] - np.float32(left) - HALF, splats[n, Y] - np.float32(top) - HALF
    xx, xy, yy = -HALF * LOG2_E * splats[n, XX], -LOG2_E * splats[n, XY], -HALF * LOG2_E * splats[n, YY]
    opacity = splats[n, OPACITY]
    for row in range(first, stop):
        line = line_of(row)
        dy = y - np.float32(row)
        by_x, rest = xy * dy, yy * dy * dy
        for p in range(TILE):
            dx = x - np.float32(np.int32(p))
            power = (xx * dx + by_x) * dx + rest
            alpha = min(opacity * exp2(power), ALPHA_MAX)
            blended = (alpha >= ALPHA_MIN) & (power <= ZERO) & (tile[LAST + line + p] >= entry)
            alpha = alpha if blended else ZERO
            tile[ALPHA + line + p] = alpha
            tile[T + line + p] = tile[T + line + p] / (ONE - alpha)
            tile[CONTRAST + line + p] = -tile[BEHIND + line + p]


@inlined
def _color_gradients(tile, first, stop, colors, i, v_entries, entry):
    """Sum s v over the rows for every channel, and add c . v to the contrast."""
    count = (stop - first) * TILE
    for c in range(0, colors.shape[1], GROUP):
        color0, color1, color2 = colors[i, c], colors[i, c + 1], colors[i, c + 2]
        pixels, planes = tile[first * TILE :], tile[V + c * PLANE + first * TILE :]
        sum0, sum1, sum2 = ZERO, ZERO, ZERO
        for p in range(count):
            v0, v1, v2 = planes[p], planes[PLANE + p], planes[2 * PLANE + p]
            weight = pixels[ALPHA + p] * pixels[T + p]
            pixels[CONTRAST + p] += color0 * v0 + color1 * v1 + color2 * v2
            sum0 += weight * v0
            sum1 += weight * v1
            sum2 += weight * v2
        v_entries[entry, GEOMETRY + c] = sum0
        v_entries[entry, GEOMETRY + c + 1] = sum1
        v_entries[entry, GEOMETRY + c + 2] = sum2


@inlined
def _geometry_gradients(tile, first, stop, splats, n, v_entries, entry):
    """Gradients by centre, conic and opacity, from moments of the gradient by sigma; take the splat into `behind`."""
    x, y = splats[n, X], splats[n, Y]
    m, mx, my, mxx, mxy, myy = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    pixels = tile[first * TILE :]
    for p in range((stop - first) * TILE):
        alpha, contrast = pixels[ALPHA + p], pixels[CONTRAST + p]
        pixels[BEHIND + p] += alpha * contrast
        v_sigma = -alpha * pixels[T + p] * contrast if alpha < ALPHA_MAX else ZERO
        dx, dy = x - pixels[PIXEL_X + p], y - pixels[PIXEL_Y + p]
        v_dx, v_dy = v_sigma * dx, v_sigma * dy
        m += v_sigma
        mx += v_dx
        my += v_dy
        mxx += v_dx * dx
        mxy += v_dx * dy
        myy += v_dy * dy
    v_entries[entry, 0] = splats[n, XX] * mx + splats[n, XY] * my
    v_entries[entry, 1] = splats[n, XY] * mx + splats[n, YY] * my
    v_entries[entry, 2] = HALF * mxx
    v_entries[entry, 3] = mxy
    v_entries[entry, 4] = HALF * myy
    v_entries[entry, 5] = -m / splats[n, OPACITY]
