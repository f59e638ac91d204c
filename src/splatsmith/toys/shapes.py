"""Unit solids, and where a ray meets them.

Every solid lives in its own local frame and is brought into the world by an affine map, so an ellipsoid is a mapped
sphere and a plank a mapped cube. A ray is `origin + t * direction`; affine maps keep t when the direction is not
renormalised. M rays are given flat, each with the `shape` numbers of the solid that it is tested against.

    kind       solid                                                         shape
    SPHERE     |x| <= 1
    BOX        |x|, |y|, |z| <= 1
    FRUSTUM    |z| <= 1, radius 1 at z = -1 to `top` at z = 1                top
    CUP        a FRUSTUM hollowed from above                                 top, wall, floor (thickness along z)
    TORUS      tube of radius `tube` round the unit circle in z = 0, x >= cut   tube, cut
    DOME       |x| <= 1, z >= 0
    HALFSPACE  z <= 0
"""

import math

import torch
from torch import Tensor

SPHERE, BOX, FRUSTUM, CUP, TORUS, DOME, HALFSPACE = KINDS = range(7)


def first_hit(kind: int, origins: Tensor, directions: Tensor, shape: Tensor, t_min: float = 0.0) -> Tensor:
    """(M,) smallest t > `t_min` at which each ray enters or leaves the solid; infinite where there is none.

    origins, directions: (M, 3) in the local frame, directions of any length. shape: (M, 3).
    """
    # From the point nearest to the local origin on, so that no large numbers cancel in float32
    # (Haines et al., "Precision Improvements for Ray/Sphere Intersection", Ray Tracing Gems, ch. 7).
    shift = -dot(origins, directions) / dot(directions, directions)
    origins = origins + shift[:, None] * directions
    nearest = t_min - shift
    if kind == CUP:
        t = _first_of_difference(_frustum(origins, directions, shape), _hollow(origins, directions, shape), nearest)
    elif kind == TORUS:
        t = _torus(origins, directions, shape, nearest)
    else:
        t = _first_of_interval(_INTERVAL[kind](origins, directions, shape), nearest)
    return t + shift


def normal(kind: int, points: Tensor, shape: Tensor) -> Tensor:
    """(M, 3) outward normals, not of unit length, at surface points (M, 3) of the local frame."""
    x, y, z = points.unbind(-1)
    if kind in (FRUSTUM, CUP):
        return _frustum_normal(kind, points, shape)
    if kind == SPHERE:
        return points
    if kind == BOX:
        face = points.abs().argmax(-1, keepdim=True)
        return torch.zeros_like(points).scatter(-1, face, points.gather(-1, face).sign())
    if kind == TORUS:
        ring = 1 - 1 / torch.hypot(x, y).clamp_min(1e-12)
        return torch.stack([x * ring, y * ring, z], -1)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=points.dtype, device=points.device).expand_as(points)
    if kind == HALFSPACE:
        return up
    return torch.where((dot(points, points).sqrt() - 1 < -z)[:, None], -up, points)


def implicit(kind: int, points: Tensor, shape: Tensor) -> Tensor:
    """(M,) negative inside the solid, zero on its surface, positive outside; continuous. points: (M, 3) local."""
    x, y, z = points.unbind(-1)
    ring = torch.hypot(x, y)
    if kind == SPHERE:
        return dot(points, points).sqrt() - 1
    if kind == BOX:
        return points.abs().amax(-1) - 1
    if kind == FRUSTUM:
        return torch.maximum(ring - _radius(z, shape), z.abs() - 1)
    if kind == CUP:
        outer = torch.maximum(ring - _radius(z, shape), z.abs() - 1)
        return torch.maximum(outer, -_inside_cup(ring, z, shape))
    if kind == TORUS:
        return torch.maximum(torch.hypot(ring - 1, z) - shape[:, 0], shape[:, 1] - x)
    if kind == DOME:
        return torch.maximum(dot(points, points).sqrt() - 1, -z)
    return z


def support(kind: int, directions: Tensor, shape: Tensor) -> Tensor:
    """(M,) the support function, max of x . direction over the solid, in the local frame; a torus counts as uncut."""
    z = directions[:, 2]
    ring = torch.hypot(directions[:, 0], directions[:, 1])
    length = dot(directions, directions).sqrt()
    if kind == SPHERE:
        return length
    if kind == BOX:
        return directions.abs().sum(-1)
    if kind in (FRUSTUM, CUP):
        return torch.maximum(ring - z, shape[:, 0] * ring + z)
    if kind == TORUS:
        return ring + shape[:, 0] * length
    if kind == DOME:
        return torch.where(z > 0, length, ring)
    return torch.full_like(z, math.inf)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Dot product along the last axis, elementwise so that a row's result does not depend on the other rows."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def unit(vectors: Tensor) -> Tensor:
    """Vectors (..., 3) at length one."""
    return vectors / dot(vectors, vectors).clamp_min(1e-30).sqrt()[..., None]


def _first_of_interval(interval: tuple[Tensor, Tensor], nearest: Tensor) -> Tensor:
    enter, leave = interval
    t = torch.where(enter > nearest, enter, leave)
    return torch.where((enter < leave) & (t > nearest), t, math.inf)


def _first_of_difference(outer: tuple[Tensor, Tensor], inner: tuple[Tensor, Tensor], nearest: Tensor) -> Tensor:
    """First boundary of outer minus inner: of the piece before the hollow, or of the piece behind it."""
    hollow = inner[0] < inner[1]
    start, end = torch.where(hollow, inner[0], math.inf), torch.where(hollow, inner[1], -math.inf)
    before = _first_of_interval((outer[0], torch.minimum(outer[1], start)), nearest)
    behind = _first_of_interval((torch.maximum(outer[0], end), outer[1]), nearest)
    return torch.minimum(before, behind)


def _quadratic(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Roots (low, high) of a t^2 + 2 b t + c and the discriminant b^2 - a c, without cancellation; a != 0."""
    discriminant = b * b - a * c
    q = -(b + torch.copysign(discriminant.clamp_min(0).sqrt(), b))
    r0, r1 = q / a, torch.where(q == 0, torch.zeros_like(q), c / q)
    return torch.minimum(r0, r1), torch.maximum(r0, r1), discriminant


def _away_from_zero(x: Tensor, least: Tensor | float) -> Tensor:
    return torch.where(x.abs() < least, torch.full_like(x, 1.0) * least, x)


def _sphere(o: Tensor, d: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    half = ((1 - dot(o, o)) / dot(d, d)).clamp_min(0).sqrt()  # o is the point nearest to the centre
    return -half, half


def _slab(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    d = _away_from_zero(d, 1e-12)
    a, b = (-1 - o) / d, (1 - o) / d
    return torch.minimum(a, b), torch.maximum(a, b)


def _box(o: Tensor, d: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    enter, leave = _slab(o, d)
    return enter.amax(-1), leave.amin(-1)


def _above(o: Tensor, d: Tensor, height: Tensor | float) -> tuple[Tensor, Tensor]:
    """Interval of z >= height."""
    t = (height - o[:, 2]) / _away_from_zero(d[:, 2], 1e-12)
    level = d[:, 2].abs() < 1e-12
    enter = torch.where(level, torch.where(o[:, 2] >= height, -math.inf, math.inf), t)
    leave = torch.where(level, -enter, t)
    return torch.where(d[:, 2] < -1e-12, -math.inf, enter), torch.where(d[:, 2] > 1e-12, math.inf, leave)


def _halfspace(o: Tensor, d: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    return _above(-o, -d, 0.0)


def _dome(o: Tensor, d: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    return _both(_sphere(o, d, shape), _above(o, d, 0.0))


def _both(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return torch.maximum(a[0], b[0]), torch.minimum(a[1], b[1])


def _frustum(o: Tensor, d: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    return _both(_cone(o, d, (shape[:, 0] + 1) / 2, (shape[:, 0] - 1) / 2), _slab(o[:, 2], d[:, 2]))


def _hollow(o: Tensor, d: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    cone = _cone(o, d, (shape[:, 0] + 1) / 2 - shape[:, 1], (shape[:, 0] - 1) / 2)
    return _both(cone, _above(o, d, shape[:, 2] - 1))


def _cone(o: Tensor, d: Tensor, middle: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Interval inside the cone of radius `middle + slope * z`, on the nappe where that is positive."""
    radius, growth = middle + slope * o[:, 2], slope * d[:, 2]
    across = d[:, 0] ** 2 + d[:, 1] ** 2
    a = _away_from_zero(across - growth**2, 1e-7 * dot(d, d))
    b = o[:, 0] * d[:, 0] + o[:, 1] * d[:, 1] - radius * growth
    c = o[:, 0] ** 2 + o[:, 1] ** 2 - radius**2
    low, high, discriminant = _quadratic(a, b, c)
    steep = a < 0  # the ray stays inside one nappe for ever
    enter = torch.where(steep, torch.where(growth > 0, high, -math.inf), low)
    leave = torch.where(steep, torch.where(growth > 0, math.inf, low), high)
    misses = ~steep & (discriminant < 0)
    return torch.where(misses, math.inf, enter), torch.where(misses, -math.inf, leave)


_INTERVAL = {SPHERE: _sphere, BOX: _box, FRUSTUM: _frustum, DOME: _dome, HALFSPACE: _halfspace}


def _radius(z: Tensor, shape: Tensor) -> Tensor:
    return (shape[:, 0] + 1) / 2 + (shape[:, 0] - 1) / 2 * z


def _inside_cup(ring: Tensor, z: Tensor, shape: Tensor) -> Tensor:
    return torch.maximum(ring - (_radius(z, shape) - shape[:, 1]), shape[:, 2] - 1 - z)


def _frustum_normal(kind: int, points: Tensor, shape: Tensor) -> Tensor:
    """The gradient of whichever of side, caps, hollow's side and hollow's floor the point lies on."""
    x, y, z = points.unbind(-1)
    ring, zero = torch.hypot(x, y).clamp_min(1e-12), torch.zeros_like(z)
    side = torch.stack([x / ring, y / ring, (1 - shape[:, 0]) / 2], -1)
    cap = torch.stack([zero, zero, z.sign()], -1)
    gap = ring - _radius(z, shape)
    outward = torch.where((gap > z.abs() - 1)[:, None], side, cap)
    if kind == FRUSTUM:
        return outward
    inner_gap, floor_gap = gap + shape[:, 1], shape[:, 2] - 1 - z
    inner = torch.where((inner_gap > floor_gap)[:, None], -side, cap.abs())
    on_outside = torch.maximum(gap, z.abs() - 1) > -torch.maximum(inner_gap, floor_gap)
    return torch.where(on_outside[:, None], outward, inner)


def _torus(o: Tensor, d: Tensor, shape: Tensor, nearest: Tensor) -> Tensor:
    """First root above `nearest` that lies at x >= cut. In float64: a quartic's roots need the digits."""
    o, d, tube, cut = o.double(), d.double(), shape[:, 0].double(), shape[:, 1].double()
    length = dot(d, d).sqrt()
    d = d / length[:, None]
    o = o - dot(o, d)[:, None] * d
    # |x|^2 = |o|^2 + t^2 since o is perpendicular to d, so (|x|^2 + 1 - tube^2)^2 = 4 (x^2 + y^2) has no cubic term.
    k = dot(o, o) + 1 - tube**2
    p = 2 * k - 4 * (d[:, 0] ** 2 + d[:, 1] ** 2)
    q = -8 * (o[:, 0] * d[:, 0] + o[:, 1] * d[:, 1])
    s = k**2 - 4 * (o[:, 0] ** 2 + o[:, 1] ** 2)
    t = _quartic_roots(p, q, s)
    x = o[:, None, 0] + t * d[:, None, 0]
    wanted = (t > (nearest.double() * length)[:, None]) & (x >= cut[:, None])
    return (torch.where(wanted, t, math.inf).amin(-1) / length).to(nearest.dtype)


def _quartic_roots(p: Tensor, q: Tensor, s: Tensor) -> Tensor:
    """(M, 4) real roots of t^4 + p t^2 + q t + s, infinite where complex (Ferrari; polished by Newton)."""
    asymmetric = _away_from_zero(q, 1e-6)  # Ferrari divides by a root that vanishes with q; Newton repairs the shift
    m = _largest_cubic_root(p, p**2 / 4 - s, -(asymmetric**2) / 8).clamp_min(1e-15)
    alpha = (2 * m).sqrt()
    roots = []
    for sign in (-1, 1):
        low, high, discriminant = _quadratic(
            torch.ones_like(p), sign * alpha / 2, p / 2 + m - sign * asymmetric / (2 * alpha)
        )
        roots += [torch.where(discriminant < 0, math.inf, root) for root in (low, high)]
    t = torch.stack(roots, -1)
    p, q, s = p[:, None], q[:, None], s[:, None]
    for _ in range(2):
        slope = 4 * t**3 + 2 * p * t + q
        step = (((t**2 + p) * t + q) * t + s) / _away_from_zero(slope, 1e-9)
        t = t - torch.where(step.abs() < 1e-3, step, 0.0)  # at a double root, or at infinity, Newton has no say
    return t


def _largest_cubic_root(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """(M,) largest real root of m^3 + a m^2 + b m + c."""
    p, q = b - a**2 / 3, 2 * a**3 / 27 - a * b / 3 + c
    discriminant = q**2 / 4 + p**3 / 27
    u = -torch.copysign((q.abs() / 2 + discriminant.clamp_min(0).sqrt()) ** (1 / 3), q)
    single = u - p / (3 * _away_from_zero(u, 1e-30))
    third = (-p / 3).clamp_min(1e-300).sqrt()
    triple = 2 * third * torch.cos(torch.acos((-q / (2 * third**3)).clamp(-1, 1)) / 3)
    m = torch.where(discriminant > 0, single, triple) - a / 3
    for _ in range(2):
        slope = (3 * m + 2 * a) * m + b
        step = (((m + a) * m + b) * m + c) / _away_from_zero(slope, 1e-300)
        m = m - torch.where(slope > 1e-12, step, 0.0)
    return m
