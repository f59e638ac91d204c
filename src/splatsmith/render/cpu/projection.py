"""Gaussians to splats, and gradients back: kernels over a range of Gaussians.

    p = R mean + t                      J's rows: fx/z (1, 0, -u), fy/z (0, 1, -v), (u, v) = clamp(x/z, y/z)
    M = rotation(quat) diag(scale)      A = J R
    B = A M                             cov2d = B B^T + eps2d I         (the covariance in 3D is never formed)

Vectors and matrices are tuples, matrices by rows: they live in registers. `v_x` is the gradient of the loss by x.
"""

import math

import numpy as np

from splatsmith.render.cpu.compile import inlined, kernel
from splatsmith.render.cpu.numerics import ALPHA_MIN, EXTENT_MAX, FOV_MARGIN, HALF, INFINITY, ONE, TWO, ZERO

RADIUS_MAX = np.float32(2**30)
"""Keeps a radius within int32."""

LENGTH_MIN = np.float32(1e-12)
"""A shorter quaternion is not lengthened to 1: the zero quaternion means no rotation, not NaN."""

POSE_NUMBERS = 12
"""Numbers in the gradient of a pose: R by rows, then t."""


@kernel
def project(
    means,
    quats,
    scales,
    opacities,
    pose,
    lens,
    limits,
    antialiased,
    means2d,
    conics,
    depths,
    compensations,
    radii,
    i0,
    i1,
):
    """Fill means2d, conics, depths, compensations and radii of Gaussians i0..i1.

    pose: (R, t). lens: fx, fy, cx, cy, width, height. limits: near, far, eps2d, radius_clip.
    """
    fx, fy, cx, cy, width, height = lens
    near, far, eps2d, radius_clip = limits
    for i in range(i0, i1):
        radii[i, 0] = 0
        radii[i, 1] = 0
        x, y, z = _to_camera(pose, means, i)
        # Every test is worded so that NaN, from values beyond float32's range, fails it.
        if not (z >= near and z <= far):
            continue
        u, v, _, _ = _slopes(x, y, z, lens)
        M = _scale_columns(_rotation(quats, i)[0], scales, i)
        B0, B1 = _matmul_2x3(_affine(pose[0], fx / z, fy / z, u, v), M)
        xx, xy, yy = _dot(B0, B0), _dot(B0, B1), _dot(B1, B1)
        # det(B B^T) as |B0 x B1|^2, a sum of squares: for a needle, xx yy - xy^2 would be lost to rounding.
        cross = _cross(B0, B1)
        det_before = _dot(cross, cross)
        det = det_before + eps2d * (xx + yy + eps2d)
        xx += eps2d
        yy += eps2d
        if not (det > ZERO and det < INFINITY):
            continue
        compensation = math.sqrt(max(ZERO, det_before / det))
        opacity = opacities[i] * compensation if antialiased else opacities[i]
        if not opacity >= ALPHA_MIN:
            continue
        extent = min(EXTENT_MAX, math.sqrt(TWO * math.log(opacity / ALPHA_MIN)))
        radius_x = min(np.ceil(extent * math.sqrt(xx)), RADIUS_MAX)
        radius_y = min(np.ceil(extent * math.sqrt(yy)), RADIUS_MAX)
        if radius_x <= radius_clip and radius_y <= radius_clip:
            continue
        mean_x = fx * x / z + cx
        mean_y = fy * y / z + cy
        if not (mean_x + radius_x > ZERO and mean_x - radius_x < width):
            continue
        if not (mean_y + radius_y > ZERO and mean_y - radius_y < height):
            continue
        radii[i, 0] = np.int32(radius_x)
        radii[i, 1] = np.int32(radius_y)
        means2d[i, 0] = mean_x
        means2d[i, 1] = mean_y
        depths[i] = z
        conics[i, 0] = yy / det
        conics[i, 1] = -xy / det
        conics[i, 2] = xx / det
        compensations[i] = compensation


@kernel
def project_backward(
    means,
    quats,
    scales,
    pose,
    lens,
    eps2d,
    conics,
    compensations,
    radii,
    v_means2d,
    v_conics,
    v_depths,
    v_compensations,
    v_means,
    v_quats,
    v_scales,
    v_poses,
    i0,
    i1,
):
    """Fill v_means, v_quats, v_scales and v_poses, the Gaussian's share of the pose's gradient, of Gaussians i0..i1.

    v_compensations and v_poses are empty where they are not needed.
    """
    fx, fy = lens[0], lens[1]
    R0, R1, R2 = pose[0]
    for i in range(i0, i1):
        if radii[i, 0] <= 0:
            continue
        x, y, z = _to_camera(pose, means, i)
        u, v, u_free, v_free = _slopes(x, y, z, lens)
        kx, ky = fx / z, fy / z
        A0, A1 = _affine(pose[0], kx, ky, u, v)
        rotation, unit, inverse_length = _rotation(quats, i)
        M = _scale_columns(rotation, scales, i)
        B0, B1 = _matmul_2x3((A0, A1), M)

        xx, xy, yy = _cov2d_gradient(conics, v_conics, compensations, v_compensations, eps2d, i)
        v_B0 = _combine(TWO * xx, B0, TWO * xy, B1)
        v_B1 = _combine(TWO * xy, B0, TWO * yy, B1)
        v_M = (
            _combine(A0[0], v_B0, A1[0], v_B1),
            _combine(A0[1], v_B0, A1[1], v_B1),
            _combine(A0[2], v_B0, A1[2], v_B1),
        )
        for k in range(3):
            v_scales[i, k] = v_M[0][k] * rotation[0][k] + v_M[1][k] * rotation[1][k] + v_M[2][k] * rotation[2][k]
        v_unit = _rotation_gradient(unit, _scale_columns(v_M, scales, i))
        along = v_unit[0] * unit[0] + v_unit[1] * unit[1] + v_unit[2] * unit[2] + v_unit[3] * unit[3]
        for k in range(4):
            v_quats[i, k] = (v_unit[k] - along * unit[k]) * inverse_length

        v_A0 = (_dot(v_B0, M[0]), _dot(v_B0, M[1]), _dot(v_B0, M[2]))
        v_A1 = (_dot(v_B1, M[0]), _dot(v_B1, M[1]), _dot(v_B1, M[2]))
        v_kx = _dot(v_A0, R0) - u * _dot(v_A0, R2)
        v_ky = _dot(v_A1, R1) - v * _dot(v_A1, R2)
        v_u = -kx * _dot(v_A0, R2) * u_free
        v_v = -ky * _dot(v_A1, R2) * v_free
        v_mx, v_my = v_means2d[i, 0], v_means2d[i, 1]
        v_x = v_u / z + kx * v_mx
        v_y = v_v / z + ky * v_my
        v_z = v_depths[i] - (kx * (v_kx + x * v_mx) + ky * (v_ky + y * v_my) + u * v_u + v * v_v) / z
        for k in range(3):
            v_means[i, k] = R0[k] * v_x + R1[k] * v_y + R2[k] * v_z
        if len(v_poses):
            for k in range(3):
                v_poses[i, k] = v_x * means[i, k] + kx * v_A0[k]
                v_poses[i, 3 + k] = v_y * means[i, k] + ky * v_A1[k]
                v_poses[i, 6 + k] = v_z * means[i, k] - kx * u * v_A0[k] - ky * v * v_A1[k]
            v_poses[i, 9] = v_x
            v_poses[i, 10] = v_y
            v_poses[i, 11] = v_z


@inlined
def _to_camera(pose, means, i):
    (R0, R1, R2), t = pose
    mean = (means[i, 0], means[i, 1], means[i, 2])
    return _dot(R0, mean) + t[0], _dot(R1, mean) + t[1], _dot(R2, mean) + t[2]


@inlined
def _slopes(x, y, z, lens):
    """x/z and y/z, kept near the image, and for each 1 where it was free and 0 where it was clamped."""
    fx, fy, cx, cy, width, height = lens
    margin_x = FOV_MARGIN * HALF * width / fx
    margin_y = FOV_MARGIN * HALF * height / fy
    x_z, y_z = x / z, y / z
    u = min(max(x_z, -cx / fx - margin_x), (width - cx) / fx + margin_x)
    v = min(max(y_z, -cy / fy - margin_y), (height - cy) / fy + margin_y)
    return u, v, ONE if u == x_z else ZERO, ONE if v == y_z else ZERO


@inlined
def _affine(R, kx, ky, u, v):
    """A = J R (2, 3)."""
    R0, R1, R2 = R
    return _combine(kx, R0, -kx * u, R2), _combine(ky, R1, -ky * v, R2)


@inlined
def _rotation(quats, i):
    """Rotation matrix of a quaternion w, x, y, z of any length, the unit quaternion, and 1 / its former length."""
    w, x, y, z = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
    inverse_length = ONE / max(math.sqrt(w * w + x * x + y * y + z * z), LENGTH_MIN)
    w *= inverse_length
    x *= inverse_length
    y *= inverse_length
    z *= inverse_length
    rotation = (
        (ONE - TWO * (y * y + z * z), TWO * (x * y - w * z), TWO * (x * z + w * y)),
        (TWO * (x * y + w * z), ONE - TWO * (x * x + z * z), TWO * (y * z - w * x)),
        (TWO * (x * z - w * y), TWO * (y * z + w * x), ONE - TWO * (x * x + y * y)),
    )
    return rotation, (w, x, y, z), inverse_length


@inlined
def _rotation_gradient(unit, v_R):
    """Gradient by the unit quaternion, each of its numbers taken as free, from the gradient by the rotation matrix."""
    w, x, y, z = unit
    (v00, v01, v02), (v10, v11, v12), (v20, v21, v22) = v_R
    v_w = x * (v21 - v12) + y * (v02 - v20) + z * (v10 - v01)
    v_x = w * (v21 - v12) + y * (v10 + v01) + z * (v20 + v02) - TWO * x * (v11 + v22)
    v_y = w * (v02 - v20) + x * (v10 + v01) + z * (v21 + v12) - TWO * y * (v00 + v22)
    v_z = w * (v10 - v01) + x * (v20 + v02) + y * (v21 + v12) - TWO * z * (v00 + v11)
    return TWO * v_w, TWO * v_x, TWO * v_y, TWO * v_z


@inlined
def _cov2d_gradient(conics, v_conics, compensations, v_compensations, eps2d, i):
    """Gradient by the blurred cov2d, as its symmetric matrix xx, xy, yy: -Q V Q with Q the conic and V its gradient.

    The compensation c is sqrt(det / det_blurred), hence c^2 has the gradient (1 - c^2) Q - eps2d det(Q) I.
    """
    qxx, qxy, qyy = conics[i, 0], conics[i, 1], conics[i, 2]
    vxx, vxy, vyy = v_conics[i, 0], HALF * v_conics[i, 1], v_conics[i, 2]
    p00, p01 = qxx * vxx + qxy * vxy, qxx * vxy + qxy * vyy
    p10, p11 = qxy * vxx + qyy * vxy, qxy * vxy + qyy * vyy
    xx, xy, yy = -(p00 * qxx + p01 * qxy), -(p00 * qxy + p01 * qyy), -(p10 * qxy + p11 * qyy)
    if len(v_compensations) and compensations[i] > ZERO:
        c = compensations[i]
        v_square = HALF * v_compensations[i] / c
        rest = ONE - c * c
        shrink = eps2d * (qxx * qyy - qxy * qxy)
        xx += v_square * (rest * qxx - shrink)
        xy += v_square * rest * qxy
        yy += v_square * (rest * qyy - shrink)
    return xx, xy, yy


@inlined
def _scale_columns(matrix, scales, i):
    s0, s1, s2 = scales[i, 0], scales[i, 1], scales[i, 2]
    (a, b, c), (d, e, f), (g, h, j) = matrix
    return (a * s0, b * s1, c * s2), (d * s0, e * s1, f * s2), (g * s0, h * s1, j * s2)


@inlined
def _matmul_2x3(A, M):
    """A M for A (2, 3) and M (3, 3)."""
    A0, A1 = A
    M0, M1, M2 = M
    return (
        (
            A0[0] * M0[0] + A0[1] * M1[0] + A0[2] * M2[0],
            A0[0] * M0[1] + A0[1] * M1[1] + A0[2] * M2[1],
            A0[0] * M0[2] + A0[1] * M1[2] + A0[2] * M2[2],
        ),
        (
            A1[0] * M0[0] + A1[1] * M1[0] + A1[2] * M2[0],
            A1[0] * M0[1] + A1[1] * M1[1] + A1[2] * M2[1],
            A1[0] * M0[2] + A1[1] * M1[2] + A1[2] * M2[2],
        ),
    )


@inlined
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def _combine(p, a, q, b):
    """p a + q b of two vectors."""
    return p * a[0] + q * b[0], p * a[1] + q * b[1], p * a[2] + q * b[2]
