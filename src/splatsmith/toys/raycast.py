"""Ray casting of primitives: exact first hits, ids, and shaded pictures, for many pictures at once.

Rays are (3, B, R) tensors, R rays of each of B pictures. Bounding spheres choose the pairs of ray and solid worth
testing, the j-th solid of every picture at once; then each kind of solid is met by its formula. No loop runs over
pictures or pixels.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from splatsmith.toys.materials import albedo, reflect, srgb_from_linear
from splatsmith.toys.pieces import Primitives
from splatsmith.toys.shapes import HALFSPACE, KINDS, dot, first_hit, normal, unit

RAYS_PER_CHUNK = {"cpu": 1 << 16, "cuda": 1 << 23}
"""A ray in flight takes about half a kilobyte."""
LIFT = 5e-4
"""Scene units by which secondary rays start off their surface."""


@dataclass(frozen=True)
class Cameras:
    """Pinhole cameras of B pictures of one size; OpenCV axes, pixel centres at +0.5."""

    width: int
    height: int
    focal: Tensor
    """(B, 2) fx, fy in pixels."""
    principal: Tensor
    """(B, 2) cx, cy in pixels."""
    T_camera_world: Tensor
    """(B, 3, 4) rigid."""

    def __len__(self) -> int:
        return len(self.focal)

    def pictures(self, first: int, last: int) -> "Cameras":
        """Cameras first..last-1."""
        part = slice(first, last)
        return Cameras(self.width, self.height, self.focal[part], self.principal[part], self.T_camera_world[part])


@dataclass(frozen=True)
class Light:
    """One round lamp and a soft sky, per picture; fields have B rows or one."""

    position: Tensor
    """(B, 3) world."""
    radius: Tensor
    """(B,) of the lamp: softness of its shadows."""
    lamp: Tensor
    """(B, 3) linear RGB."""
    sky: Tensor
    """(B, 3) linear RGB of the ambient light from above."""
    ground: Tensor
    """(B, 3) linear RGB of the ambient light from below."""

    def pictures(self, first: int, last: int) -> "Light":
        """Lights first..last-1."""
        return Light(*(v if len(v) == 1 else v[first:last] for v in (getattr(self, f.name) for f in fields(self))))


@dataclass(frozen=True)
class Truth:
    """What the ray through each pixel's centre meets first."""

    object: Tensor
    """(B, H, W) int64 object id; 0 where nothing is met."""
    part: Tensor
    """(B, H, W) int64 part id."""
    depth: Tensor
    """(B, H, W) camera z in scene units; infinite where nothing is met."""
    normal: Tensor
    """(B, H, W, 3) unit world normal towards the camera; zero where nothing is met."""


def render(
    primitives: Primitives, cameras: Cameras, light: Light, supersample: int = 4, soft_sky: bool = True
) -> Tensor:
    """(B, H, W, 3) sRGB pictures in [0, 1], each pixel the mean of `supersample`^2 rays.

    Each sub-pixel sends its shadow ray to its own point of the lamp and, with `soft_sky`, one more ray to its own point
    of the sky, so that penumbras and ambient occlusion come out soft from the same few samples.
    """
    chunks = []
    for first, last in _chunks(cameras, primitives.color.device):
        part = primitives.pictures(first, last), cameras.pictures(first, last), light.pictures(first, last)
        chunks.append(_render_chunk(*part, supersample, soft_sky))
    return torch.cat(chunks)


def trace_truth(primitives: Primitives, cameras: Cameras) -> Truth:
    """Ids, depth and normal of the one centre ray per pixel."""
    chunks = []
    for first, last in _chunks(cameras, primitives.color.device):
        some, views = primitives.pictures(first, last), cameras.pictures(first, last)
        origins, directions = camera_rays(views)
        t, row = cast(some, origins, directions)
        surface = surface_at(some, origins, directions, t, row)
        normals = torch.zeros(len(views) * views.height * views.width, 3, device=t.device)
        normals[surface.ray] = surface.normal
        forward = views.T_camera_world[:, 2, :3].T[:, :, None]
        depth = t * (forward * directions).sum(0)
        shape = (len(views), views.height, views.width)
        chunks.append(
            (
                *(_ids(ids, row).reshape(shape) for ids in (some.object, some.part)),
                depth.reshape(shape),
                normals.reshape(*shape, 3),
            )
        )
    return Truth(*(torch.cat(column) for column in zip(*chunks, strict=True)))


def camera_rays(cameras: Cameras, offset: tuple[float, float] = (0.5, 0.5)) -> tuple[Tensor, Tensor]:
    """Origins (3, B, 1) and unit directions (3, B, H*W) in the world, through `offset` of each pixel's square."""
    device = cameras.focal.device
    x = torch.arange(cameras.width, device=device) + offset[0]
    y = torch.arange(cameras.height, device=device) + offset[1]
    y, x = (axis.reshape(1, -1) for axis in torch.meshgrid(y, x, indexing="ij"))
    x = (x - cameras.principal[:, :1]) / cameras.focal[:, :1]
    y = (y - cameras.principal[:, 1:]) / cameras.focal[:, 1:]
    rotation = cameras.T_camera_world[:, :, :3]
    world = [x * rotation[:, 0, i, None] + y * rotation[:, 1, i, None] + rotation[:, 2, i, None] for i in range(3)]
    directions = torch.stack(world) / torch.sqrt(1 + x * x + y * y)
    origins = -(rotation * cameras.T_camera_world[:, :, 3:]).sum(1)
    return origins.T[:, :, None], directions


def cast(
    primitives: Primitives, origins: Tensor, directions: Tensor, t_max: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """First hits: t (B, R), `t_max` or infinite where none, and the row (B, R) that was hit, -1 where none.

    origins (3, B, R) or (3, B, 1); directions (3, B, R) of unit length; t_max (B, R).
    """
    shape = directions.shape[1:]
    t = torch.full(shape, math.inf, device=directions.device) if t_max is None else t_max
    row, ray = _worth_testing(primitives, origins, directions, t)
    t, hit = t.flatten(), torch.full((t.numel(),), -1, dtype=torch.int64, device=t.device)
    new = torch.full((len(row),), math.inf, device=t.device)
    kinds = primitives.kind[row]
    for kind in KINDS:
        some = (kinds == kind).nonzero()[:, 0]
        some_row, some_ray = row[some], ray[some]
        local = primitives.T_local_world.index_select(0, some_row)
        o, d = _apply(local, _at(origins, some_ray, directions)), _turn(local, _at(directions, some_ray, directions))
        new[some] = first_hit(kind, o, d, primitives.shape.index_select(0, some_row))
    nearest = t.scatter_reduce(0, ray, new, "amin")
    best = (new < t[ray]) & (new == nearest[ray])
    hit.scatter_reduce_(0, ray[best], row[best], "amax")  # one of those equally near, always the same
    return nearest.reshape(shape), hit.reshape(shape)


@dataclass(frozen=True)
class Surface:
    """The M surface points that rays met."""

    ray: Tensor
    """(M,) flat index picture * R + ray."""
    row: Tensor
    """(M,) row of Primitives."""
    point: Tensor
    """(M, 3) world."""
    normal: Tensor
    """(M, 3) unit, towards the ray's origin."""
    direction: Tensor
    """(M, 3) of the ray."""
    entering: Tensor
    """(M,) bool: the ray came from outside the solid."""


def surface_at(primitives: Primitives, origins: Tensor, directions: Tensor, t: Tensor, row: Tensor) -> Surface:
    """Points and normals of the rays whose `row` is not -1."""
    ray = (row.view(-1) >= 0).nonzero()[:, 0]
    row = row.view(-1)[ray]
    direction = _at(directions, ray, directions)
    point = _at(origins, ray, directions) + t.view(-1)[ray][:, None] * direction
    local = primitives.T_local_world[row]
    local_point, shape, kind = _apply(local, point), primitives.shape[row], primitives.kind[row]
    gradient = torch.zeros_like(point)
    for k in KINDS:
        some = (kind == k).nonzero()[:, 0]
        gradient[some] = normal(k, local_point[some], shape[some])
    outward = unit((local[:, :, :3] * gradient[:, :, None]).sum(1))
    entering = dot(outward, direction) < 0
    return Surface(ray, row, point, torch.where(entering[:, None], outward, -outward), direction, entering)


def _render_chunk(primitives: Primitives, cameras: Cameras, light: Light, supersample: int, soft_sky: bool) -> Tensor:
    # Backdrops and grounds shade nothing that stands before them.
    blockers = primitives.rows((primitives.glow == 0) & (primitives.kind != HALFSPACE))
    count = supersample**2
    total = 0
    for k in range(count):
        offset = ((k % supersample + 0.5) / supersample, (k // supersample + 0.5) / supersample)
        origins, directions = camera_rays(cameras, offset)
        # Another order for the lamp than for the sub-pixels (a prime stride), so that shadows do not follow the grid.
        sample = _spiral((k * 10007) % count, count)
        total = total + _radiance(primitives, blockers, origins, directions, light, sample, soft_sky)
    return srgb_from_linear(total / count).reshape(len(cameras), cameras.height, cameras.width, 3)


def _radiance(
    primitives: Primitives,
    blockers: Primitives,
    origins: Tensor,
    directions: Tensor,
    light: Light,
    sample: tuple[float, float],
    soft_sky: bool,
) -> Tensor:
    """(B, R, 3) linear RGB seen along rays, with this sample's point of the lamp and of the sky."""
    t, row = cast(primitives, origins, directions)
    surface = surface_at(primitives, origins, directions, t, row)
    picture = surface.ray // directions.shape[2]
    light = Light(*(_per_ray(getattr(light, f.name), picture) for f in fields(light)))
    start = surface.point + LIFT * surface.normal
    to_lamp = light.position - start + light.radius[:, None] * _disc(light.position - start, *sample)
    distance = dot(to_lamp, to_lamp).sqrt()
    to_lamp = to_lamp / distance[:, None]
    lit = _unblocked(blockers, surface.ray, t, start, to_lamp, surface.normal, distance)

    rows = surface.row
    texture = _apply(primitives.T_texture_world[rows], surface.point)
    look = (getattr(primitives, name)[rows] for name in ("color", "color2", "pattern", "speckle"))
    base = albedo(texture, *look)
    up = (1 + surface.normal[:, 2:]) / 2
    ambient = light.ground + up * (light.sky - light.ground)
    if soft_sky:
        open_sky = _cosine_direction(surface.normal, *sample)
        reach = torch.full_like(distance, 0.6)
        ambient = ambient * _unblocked(blockers, surface.ray, t, start, open_sky, surface.normal, reach)[:, None]
    shaded = base * ambient + light.lamp * lit[:, None] * reflect(
        base, surface.normal, to_lamp, -surface.direction, primitives.gloss[rows]
    )
    color = torch.zeros(t.numel(), 3, device=t.device)
    color[surface.ray] = torch.lerp(shaded, base, primitives.glow[rows][:, None])
    return color.reshape(*t.shape, 3)


def _unblocked(
    blockers: Primitives, ray: Tensor, t: Tensor, start: Tensor, direction: Tensor, normal: Tensor, distance: Tensor
) -> Tensor:
    """(M,) 1 where nothing lies within `distance` of surface points along `direction`, else 0."""
    flat = [torch.zeros(t.numel(), 3, device=t.device) for _ in range(2)]
    flat[0][ray], flat[1][ray] = start, direction
    reach = torch.zeros(t.numel(), device=t.device)
    reach[ray] = torch.where(dot(normal, direction) > 0, distance, 0.0)
    shape = (*t.shape, 3)
    origins, directions = (vectors.reshape(shape).permute(2, 0, 1).contiguous() for vectors in flat)
    _, blocker = cast(blockers, origins, directions, reach.reshape(t.shape))
    return (blocker.view(-1)[ray] < 0).to(start.dtype)


def _worth_testing(primitives: Primitives, origins: Tensor, directions: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (K,) and flat rays (K,) where a ray meets the row's bounding sphere before its t.

    The sphere's centre c lies c.d - o.d along the ray and |o|^2 + |c|^2 - 2 o.c from its origin (squared; o.d and |o|^2
    serve all rows), which loses digits: the factor below one makes up for that on the safe side.
    """
    no_row = torch.full((1,), math.nan, device=t.device)  # nothing compares with it
    centers, radii = torch.cat([primitives.center, no_row.expand(1, 3)]), torch.cat([primitives.radius, no_row])
    moment, square = (origins * directions).sum(0), (origins * origins).sum(0)
    table = _by_picture(primitives, len(t))
    found_rows, found_rays = [table.new_empty(0)], [table.new_empty(0)]
    for rows in table:
        center, radius = centers[rows].T[:, :, None], radii[rows][:, None]
        along = -moment
        distance2 = (square + (center * center).sum(0)) * (1 - 4e-6)
        for axis in range(3):
            along.addcmul_(directions[axis], center[axis])
            distance2 = torch.addcmul(distance2, origins[axis], center[axis], value=-2)
        near = torch.addcmul(distance2, along, along, value=-1) <= radius * radius
        near &= along > -radius
        near &= along - radius < t
        picture, ray = near.nonzero().unbind(1)
        found_rows.append(rows[picture])
        found_rays.append(picture * t.shape[1] + ray)
    return torch.cat(found_rows), torch.cat(found_rays)


def _by_picture(primitives: Primitives, pictures: int) -> Tensor:
    """(P, B) rows: entry j, b is the j-th primitive of picture b, and N where the picture has no more."""
    row = torch.arange(len(primitives), device=primitives.picture.device)
    rank = row - torch.searchsorted(primitives.picture, primitives.picture)
    table = torch.full((int(rank.max()) + 1 if len(row) else 0, pictures), len(row), device=row.device)
    table[rank, primitives.picture] = row
    return table


def _chunks(cameras: Cameras, device: torch.device) -> list[tuple[int, int]]:
    step = max(1, RAYS_PER_CHUNK[device.type] // (cameras.width * cameras.height))
    return [(first, min(first + step, len(cameras))) for first in range(0, len(cameras), step)]


def _ids(ids: Tensor, row: Tensor) -> Tensor:
    return torch.where(row >= 0, ids[row.clamp_min(0)], 0)


def _at(rays: Tensor, index: Tensor, directions: Tensor) -> Tensor:
    """(M, 3) of rays (3, B, R) or (3, B, 1) at flat indices of the directions (3, B, R)."""
    if rays.shape != directions.shape:
        index = index // directions.shape[2]
    return torch.stack([axis.reshape(-1).index_select(0, index) for axis in rays], -1)


def _apply(T: Tensor, points: Tensor) -> Tensor:
    return _turn(T, points) + T[:, :, 3]


def _turn(T: Tensor, vectors: Tensor) -> Tensor:
    return torch.stack([dot(T[:, i], vectors) for i in range(3)], -1)


def _per_ray(value: Tensor, picture: Tensor) -> Tensor:
    return value.expand(len(picture), *value.shape[1:]) if len(value) == 1 else value[picture]


def _spiral(k: int, count: int) -> tuple[float, float]:
    """The k-th of `count` points spread evenly over the unit square as (height, turn) of a golden spiral."""
    return (k + 0.5) / count, 2 * math.pi * 0.618034 * k


def _disc(axis: Tensor, height: float, turn: float) -> Tensor:
    """(M, 3) a point of the unit disc perpendicular to `axis` (M, 3)."""
    u, v = _perpendicular(unit(axis))
    return math.sqrt(height) * (math.cos(turn) * u + math.sin(turn) * v)


def _cosine_direction(normals: Tensor, height: float, turn: float) -> Tensor:
    """(M, 3) unit directions over the hemisphere of unit `normals`, cosine distributed over the samples."""
    return math.sqrt(1 - height) * normals + _disc(normals, height, turn)


def _perpendicular(axis: Tensor) -> tuple[Tensor, Tensor]:
    """Two unit vectors that make a frame with each unit `axis` (Duff et al., Building an Orthonormal Basis, 2017)."""
    x, y, z = axis.unbind(-1)
    sign = torch.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    return torch.stack([1 + sign * x * x * a, sign * b, -sign * x], -1), torch.stack([b, sign + y * y * a, -y], -1)
