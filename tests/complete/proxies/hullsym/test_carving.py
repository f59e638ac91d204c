"""What photos rule out is not the object, and what is the object they never rule out."""

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.base.outcome import Unusable
from splatsmith.complete.proxies.hullsym.carving import hull, seen_surface
from splatsmith.complete.proxies.hullsym.grid import LIMIT, grid_around
from splatsmith.complete.proxies.hullsym.thickness import local_radius


@pytest.fixture(scope="module")
def views(tools):
    return tools.ring(8)


@pytest.fixture(scope="module")
def observations(tools, lopsided, views, tmp_path_factory):
    return tools.seen_by(lopsided, views, tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def grid(tools, lopsided, observations):
    return grid_around(observations, lopsided.surface()[0], tools.up)


def depth_inside(body, points: np.ndarray) -> np.ndarray:
    """How deep points of the world lie in a union of balls; negative outside."""
    gaps = [radius - np.linalg.norm(points - c, axis=1) for c, radius in zip(body.centers, body.radii, strict=True)]
    return np.max(gaps, axis=0)


def test_the_grid_holds_the_object_and_knows_its_way_back(grid, lopsided):
    points = lopsided.surface()[0]
    cells = grid.from_world(points)
    np.testing.assert_allclose(grid.to_world(cells), points, atol=1e-12)
    assert (cells > 1).all()
    assert (cells < np.array(grid.shape) - 2).all()
    np.testing.assert_allclose(
        np.linalg.norm(grid.to_world(cells[:1]) - grid.to_world(cells[:1] + [0, 0, 1])), grid.step
    )


def test_exact_masks_never_carve_into_the_object(grid, observations, lopsided):
    surface = grid.from_world(lopsided.surface()[0])
    pixel = 2.9 / 105 / grid.step  # cells to a pixel: what a mask, whose pixels are whole, may be wrong by
    assert grid.at(hull(grid, observations), surface).min() > -pixel


def test_what_two_photos_look_past_is_carved_away(grid, observations, lopsided):
    far = depth_inside(lopsided, grid.to_world(grid.cells)) < -4 * grid.step
    kept = hull(grid, observations).ravel()[far] > 0
    assert kept.mean() < 0.06  # eight photos leave little but what is under it


def test_one_bad_mask_is_outvoted(grid, observations, lopsided):
    half = observations[3].mask.copy()
    half[:, half.any(0).argmax() : half.shape[1] // 2] = False
    bad = [*observations[:3], replace(observations[3], mask=half), *observations[4:]]
    inside = depth_inside(lopsided, grid.to_world(grid.cells)) > 2 * grid.step
    assert (hull(grid, bad).ravel()[inside] > 0).all()


def test_what_is_hidden_or_without_the_object_says_nothing(grid, observations, lopsided):
    nothing = np.zeros_like(observations[0].mask)
    absent = [replace(one, mask=nothing) if i == 2 else one for i, one in enumerate(observations)]
    hidden = [replace(one, mask=nothing, unknown=~nothing) if i == 2 else one for i, one in enumerate(observations)]
    seven = [one for i, one in enumerate(observations) if i != 2]
    np.testing.assert_array_equal(hull(grid, absent), hull(grid, seven))
    np.testing.assert_array_equal(hull(grid, hidden), hull(grid, seven))


def test_depth_is_zero_on_the_surface_and_unknown_behind_it(grid, observations, lopsided):
    field = seen_surface(grid, observations, np.ones(grid.shape, bool))
    points, normals, _ = lopsided.surface()
    sides = (normals[:, 2] > -0.2) & (normals[:, 2] < 0.9)
    surface, out = grid.from_world(points[sides]), normals[sides]  # the grid's axes are the world's here
    values = {step: grid.at(field, grid.from_world(points[sides] + step * grid.step * out)) for step in (-3, 2.5)}
    assert np.median(np.abs(grid.at(field, surface))) < 1
    assert (values[2.5] < 0).mean() > 0.85
    assert (values[-3] > 0).mean() > 0.95
    assert (grid.at(field, grid.from_world(np.array([[0, 0, -0.1]]))) == LIMIT).all()


def test_no_photo_no_grid(observations, tools):
    nothing = np.zeros_like(observations[0].mask)
    with pytest.raises(Unusable, match="no photo shows it"):
        grid_around([replace(one, mask=nothing) for one in observations], np.zeros((5, 3)), tools.up)


def test_a_mask_is_as_wide_as_its_parts():
    mask = np.zeros((60, 90), bool)
    mask[10:50, 10:50] = True  # a block 40 wide
    mask[28:32, 50:85] = True  # with a handle 4 wide
    radius = local_radius(mask)
    assert radius[30, 30] == pytest.approx(20, rel=0.15)
    assert radius[30, 75] == pytest.approx(2, rel=0.3)
    assert (radius[~mask] == 0).all()
    assert (radius[mask] > 0).all()
