"""Spherical harmonics to colours, and gradients back: kernels over a range of Gaussians.

Real harmonics of degree 0 to 3 in the order and with the signs of 3DGS, as polynomials of the unit direction d; the
colour is max(0, 0.5 + Y(d) . sh). Source: Sloan, Efficient Spherical Harmonic Evaluation, JCGT 2013.
"""

import math

import numpy as np

from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.numerics import HALF, ONE, TWO, ZERO

THREE, FOUR, FIVE, SIX, TEN = np.float32(3), np.float32(4), np.float32(5), np.float32(6), np.float32(10)
Y0 = np.float32(0.28209479177387814)
Y1 = np.float32(0.4886025119029199)
Y2_XY, Y2_ZZ, Y2_XXYY = np.float32(1.0925484305920792), np.float32(0.31539156525252005), np.float32(0.5462742152960396)
Y3_YXX, Y3_XYZ, Y3_YZZ, Y3_ZZZ, Y3_ZXXYY = (
    np.float32(factor)
    for factor in (0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154, 1.445305721320277)
)
LENGTH_MIN = np.float32(1e-12)


@kernel
def harmonics(degree, directions, sh, radii, colors, i0, i1):
    """Fill colors (N, 3) of Gaussians i0..i1; those that are not visible are left as they are."""
    bases = (degree + 1) * (degree + 1)
    basis = np.empty(16, np.float32)
    for i in range(i0, i1):
        if radii[i, 0] <= 0:
            continue
        x, y, z, _ = _unit(directions, i)
        _evaluate_basis(degree, x, y, z, basis)
        red, green, blue = HALF, HALF, HALF
        for k in range(bases):
            red += basis[k] * sh[i, k, 0]
            green += basis[k] * sh[i, k, 1]
            blue += basis[k] * sh[i, k, 2]
        colors[i, 0] = max(red, ZERO)
        colors[i, 1] = max(green, ZERO)
        colors[i, 2] = max(blue, ZERO)


@kernel
def harmonics_backward(degree, directions, sh, radii, colors, v_colors, v_sh, v_directions, i0, i1):
    """Fill v_sh and v_directions of Gaussians i0..i1; those that are not visible are left as they are."""
    bases = (degree + 1) * (degree + 1)
    basis = np.empty(16, np.float32)
    v_basis = np.empty(16, np.float32)
    for i in range(i0, i1):
        if radii[i, 0] <= 0:
            continue
        x, y, z, inverse_length = _unit(directions, i)
        _evaluate_basis(degree, x, y, z, basis)
        red = v_colors[i, 0] if colors[i, 0] > ZERO else ZERO
        green = v_colors[i, 1] if colors[i, 1] > ZERO else ZERO
        blue = v_colors[i, 2] if colors[i, 2] > ZERO else ZERO
        for k in range(bases):
            v_sh[i, k, 0] = basis[k] * red
            v_sh[i, k, 1] = basis[k] * green
            v_sh[i, k, 2] = basis[k] * blue
            v_basis[k] = red * sh[i, k, 0] + green * sh[i, k, 1] + blue * sh[i, k, 2]
        if degree > 0:
            vx, vy, vz = _basis_gradient(degree, x, y, z, v_basis)
            along = vx * x + vy * y + vz * z
            v_directions[i, 0] = (vx - along * x) * inverse_length
            v_directions[i, 1] = (vy - along * y) * inverse_length
            v_directions[i, 2] = (vz - along * z) * inverse_length


@inlined
def _unit(directions, i):
    x, y, z = directions[i, 0], directions[i, 1], directions[i, 2]
    inverse_length = ONE / max(math.sqrt(x * x + y * y + z * z), LENGTH_MIN)
    return x * inverse_length, y * inverse_length, z * inverse_length, inverse_length


@inlined
def _evaluate_basis(degree, x, y, z, basis):
    basis[0] = Y0
    if degree > 0:
        basis[1] = -Y1 * y
        basis[2] = Y1 * z
        basis[3] = -Y1 * x
    if degree > 1:
        basis[4] = Y2_XY * x * y
        basis[5] = -Y2_XY * y * z
        basis[6] = Y2_ZZ * (THREE * z * z - ONE)
        basis[7] = -Y2_XY * x * z
        basis[8] = Y2_XXYY * (x * x - y * y)
    if degree > 2:
        basis[9] = -Y3_YXX * y * (THREE * x * x - y * y)
        basis[10] = Y3_XYZ * x * y * z
        basis[11] = -Y3_YZZ * y * (FIVE * z * z - ONE)
        basis[12] = Y3_ZZZ * z * (FIVE * z * z - THREE)
        basis[13] = -Y3_YZZ * x * (FIVE * z * z - ONE)
        basis[14] = Y3_ZXXYY * z * (x * x - y * y)
        basis[15] = -Y3_YXX * x * (x * x - THREE * y * y)


@inlined
def _basis_gradient(degree, x, y, z, v):
    """Gradient by x, y, z of the polynomials above, weighted by `v`."""
    vx, vy, vz = -Y1 * v[3], -Y1 * v[1], Y1 * v[2]
    if degree > 1:
        vx += Y2_XY * (y * v[4] - z * v[7]) + TWO * Y2_XXYY * x * v[8]
        vy += Y2_XY * (x * v[4] - z * v[5]) - TWO * Y2_XXYY * y * v[8]
        vz += SIX * Y2_ZZ * z * v[6] - Y2_XY * (y * v[5] + x * v[7])
    if degree > 2:
        xx_yy, fives = x * x - y * y, FIVE * z * z - ONE
        vx += -SIX * Y3_YXX * x * y * v[9] + Y3_XYZ * y * z * v[10] - Y3_YZZ * fives * v[13]
        vx += TWO * Y3_ZXXYY * x * z * v[14] - THREE * Y3_YXX * xx_yy * v[15]
        vy += -THREE * Y3_YXX * xx_yy * v[9] + Y3_XYZ * x * z * v[10] - Y3_YZZ * fives * v[11]
        vy += -TWO * Y3_ZXXYY * y * z * v[14] + SIX * Y3_YXX * x * y * v[15]
        vz += Y3_XYZ * x * y * v[10] - TEN * Y3_YZZ * z * (y * v[11] + x * v[13])
        vz += THREE * Y3_ZZZ * fives * v[12] + Y3_ZXXYY * xx_yy * v[14]
    return vx, vy, vz
