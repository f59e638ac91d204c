"""Gradients of pixels to splats: a kernel over a range of tiles, then a sum over each splat's entries.

A tile's splats pass back to front. With T_i the transmittance before splat i, s_i = alpha_i T_i, c_i its colour and v
the gradient of the pixel's colour,

    d loss / d c_i     = s_i v
    d loss / d alpha_i = T_i (c_i . v) - behind_i / (1 - alpha_i)
    behind_i           = sum over j behind i of s_j (c_j . v) + T_end (background . v - v_alpha)

so one number for a pixel, `behind`, stands for the colours of all that lies behind, in any number of channels. T_i is
regained from the stored T_end by dividing by 1 - alpha_i, which is at least 0.001.

No atomic additions: every entry has a row of its own for its gradients, and a splat's rows are added up in order.
"""

import numpy as np

from splatsmith.render.cpu.binning import OPACITY, XX, XY, YY, X, Y
from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.forward import reached_pixels
from splatsmith.render.cpu.numerics import ALPHA_MAX, ALPHA_MIN, HALF, ONE, TILE, ZERO, exp

PLANE = TILE * TILE
T, LAST, BEHIND, WEIGHT, C_DOT_V, OPENING, ALPHA, PIXEL_X, PIXEL_Y, V = (PLANE * plane for plane in range(10))
"""Planes: transmittance; last blended entry; `behind`; s; c . v; 1 / (1 - alpha); alpha where it was not clamped, 0
elsewhere, later the gradient by sigma; pixel centres; one plane for each channel of the pixel's gradient from V on."""

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
    """Fill v_entries (entries, GEOMETRY + C) of tiles k0..k1."""
    height, width, channels = v_image.shape
    tiles_x = (width + TILE - 1) // TILE
    tile = np.empty(V + channels * PLANE, np.float32)
    for k in range(k0, k1):
        start, stop = tile_starts[k], tile_starts[k + 1]
        if start == stop:
            continue
        left, top = k % tiles_x * TILE, k // tiles_x * TILE
        rows = min(TILE, height - top)
        end = _start_tile(tile, left, top, background, transmittance, last, v_image, v_alpha, start)
        v_entries[end:stop] = ZERO
        for entry in range(end - 1, start - 1, -1):
            n = entry_splats[entry]
            first, pixels = reached_pixels(splats[n], top, rows)
            if pixels > 0 and _unblend(tile[first:], pixels, splats[n], np.float32(entry - start)):
                v_entry = v_entries[entry]
                _color_gradients(tile[first:], pixels, colors[order[n]], v_entry[GEOMETRY:])
                _geometry_gradients(tile[first:], pixels, splats[n], v_entry)
            else:
                v_entries[entry] = ZERO


@kernel
def sum_entries(
    order, candidate_starts, candidate_entries, v_entries, v_means2d, v_conics, v_opacities, v_colors, n0, n1
):
    """Add up the entries of splats n0..n1, in the order of the tiles, into the rows of their Gaussians."""
    for n in range(n0, n1):
        i = order[n]
        x, y, xx, xy, yy, opacity = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
        for c in range(candidate_starts[n], candidate_starts[n + 1]):
            entry = candidate_entries[c]
            if entry >= 0:
                v = v_entries[entry]
                x += v[0]
                y += v[1]
                xx += v[2]
                xy += v[3]
                yy += v[4]
                opacity += v[5]
                for channel in range(v_colors.shape[1]):
                    v_colors[i, channel] += v[GEOMETRY + channel]
        v_means2d[i, 0], v_means2d[i, 1] = x, y
        v_conics[i, 0], v_conics[i, 1], v_conics[i, 2] = xx, xy, yy
        v_opacities[i] = opacity


@kernel
def sum_rows(order, candidate_starts, candidate_entries, entry_sums, sums, n0, n1):
    """Add up the rows of the entries of splats n0..n1, in the order of the tiles, into the rows of their Gaussians."""
    for n in range(n0, n1):
        for c in range(candidate_starts[n], candidate_starts[n + 1]):
            entry = candidate_entries[c]
            if entry >= 0:
                for channel in range(sums.shape[1]):
                    sums[order[n], channel] += entry_sums[entry, channel]


@inlined
def _start_tile(tile, left, top, background, transmittance, last, v_image, v_alpha, start):
    """Load a tile's pixels; those outside the image have no entries. Returns the entry after the last blended one."""
    height, width, channels = v_image.shape
    for p in range(PLANE):
        tile[T + p] = ONE
        tile[LAST + p] = -ONE
        tile[BEHIND + p] = ZERO
        tile[PIXEL_X + p] = np.float32(left + p % TILE) + HALF
        tile[PIXEL_Y + p] = np.float32(top + p // TILE) + HALF
    tile[V:] = ZERO
    end = start
    for y in range(top, min(top + TILE, height)):
        for x in range(left, min(left + TILE, width)):
            p = (y - top) * TILE + x - left
            through = v_alpha[y, x]
            for c in range(channels):
                v = v_image[y, x, c]
                tile[V + c * PLANE + p] = v
                through -= background[c] * v
            tile[T + p] = transmittance[y, x]
            tile[BEHIND + p] = -transmittance[y, x] * through
            tile[LAST + p] = np.float32(last[y, x] - start)
            end = max(end, last[y, x] + 1)
    return end


@inlined
def _unblend(pixels, count, splat, entry):
    """Take a splat off `count` pixels: their weights, transmittances before it, alphas. Whether any weight is not 0."""
    x, y, xx, xy, yy, opacity = splat[X], splat[Y], HALF * splat[XX], splat[XY], HALF * splat[YY], splat[OPACITY]
    total = ZERO
    for p in range(count):
        dx, dy = x - pixels[PIXEL_X + p], y - pixels[PIXEL_Y + p]
        sigma = (xx * dx + xy * dy) * dx + yy * dy * dy
        unclamped = opacity * exp(-sigma)
        alpha = min(unclamped, ALPHA_MAX)
        blended = (alpha >= ALPHA_MIN) & (sigma >= ZERO) & (pixels[LAST + p] >= entry)
        alpha = alpha if blended else ZERO
        opening = ONE / (ONE - alpha)
        before = pixels[T + p] * opening
        weight = alpha * before
        total += weight
        pixels[T + p] = before
        pixels[WEIGHT + p] = weight
        pixels[OPENING + p] = opening
        pixels[ALPHA + p] = unclamped if blended & (unclamped <= ALPHA_MAX) else ZERO
        pixels[C_DOT_V + p] = ZERO
    return total > ZERO


@inlined
def _color_gradients(pixels, count, color, v_color):
    """Sum s v over pixels for every channel, and add up c . v; four, then three, then single channels to a loop."""
    channels = len(color)
    c = 0
    while c + 4 <= channels:
        color0, color1, color2, color3 = color[c], color[c + 1], color[c + 2], color[c + 3]
        planes = pixels[V + c * PLANE :]
        sum0, sum1, sum2, sum3 = ZERO, ZERO, ZERO, ZERO
        for p in range(count):
            v0, v1, v2, v3 = planes[p], planes[PLANE + p], planes[2 * PLANE + p], planes[3 * PLANE + p]
            weight = pixels[WEIGHT + p]
            pixels[C_DOT_V + p] += (color0 * v0 + color1 * v1) + (color2 * v2 + color3 * v3)
            sum0 += weight * v0
            sum1 += weight * v1
            sum2 += weight * v2
            sum3 += weight * v3
        v_color[c], v_color[c + 1], v_color[c + 2], v_color[c + 3] = sum0, sum1, sum2, sum3
        c += 4
    if c + 3 <= channels:
        color0, color1, color2 = color[c], color[c + 1], color[c + 2]
        planes = pixels[V + c * PLANE :]
        sum0, sum1, sum2 = ZERO, ZERO, ZERO
        for p in range(count):
            v0, v1, v2 = planes[p], planes[PLANE + p], planes[2 * PLANE + p]
            weight = pixels[WEIGHT + p]
            pixels[C_DOT_V + p] += color0 * v0 + color1 * v1 + color2 * v2
            sum0 += weight * v0
            sum1 += weight * v1
            sum2 += weight * v2
        v_color[c], v_color[c + 1], v_color[c + 2] = sum0, sum1, sum2
        c += 3
    while c < channels:
        color0 = color[c]
        planes = pixels[V + c * PLANE :]
        sum0 = ZERO
        for p in range(count):
            v0 = planes[p]
            pixels[C_DOT_V + p] += color0 * v0
            sum0 += pixels[WEIGHT + p] * v0
        v_color[c] = sum0
        c += 1


@inlined
def _geometry_gradients(pixels, count, splat, v_entry):
    """Gradients by centre, conic and opacity, from moments of the gradient by sigma; take the splat into `behind`."""
    x, y, xx, xy, yy, opacity = splat[X], splat[Y], splat[XX], splat[XY], splat[YY], splat[OPACITY]
    m, mx, my, mxx, mxy, myy = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for p in range(count):
        c_dot_v, behind = pixels[C_DOT_V + p], pixels[BEHIND + p]
        v_alpha = pixels[T + p] * c_dot_v - pixels[OPENING + p] * behind
        pixels[BEHIND + p] = behind + pixels[WEIGHT + p] * c_dot_v
        v_sigma = -pixels[ALPHA + p] * v_alpha
        dx, dy = x - pixels[PIXEL_X + p], y - pixels[PIXEL_Y + p]
        v_dx, v_dy = v_sigma * dx, v_sigma * dy
        m += v_sigma
        mx += v_dx
        my += v_dy
        mxx += v_dx * dx
        mxy += v_dx * dy
        myy += v_dy * dy
    v_entry[0] = xx * mx + xy * my
    v_entry[1] = xy * mx + yy * my
    v_entry[2] = HALF * mxx
    v_entry[3] = mxy
    v_entry[4] = HALF * myy
    v_entry[5] = -m / opacity
