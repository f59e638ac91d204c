"""A tour visits every view once, neighbours after each other, whatever the order of the files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatsmith.scenes.cameras import Camera, View
from splatsmith.segment2d.tour import Pictures, _distances, tour

CAMERA = Camera(8, 6, 5.0, 5.0, 4.0, 3.0)


def views_at(centers: np.ndarray, rotations: Rotation | None = None) -> list[View]:
    """Cameras at `centers` (V, 3), called by their positions."""
    found = []
    for i, center in enumerate(centers):
        T = np.eye(4)
        T[:3, :3] = np.eye(3) if rotations is None else rotations[i].as_matrix()
        T[:3, 3] = -T[:3, :3] @ center
        found.append(View(f"v{i:03}", Path(f"v{i:03}.png"), CAMERA, T))
    return found


def random_views(count: int, seed: int = 0) -> list[View]:
    draw = np.random.default_rng(seed)
    return views_at(draw.normal(size=(count, 3)), Rotation.random(count, draw) if count else None)


def names(views: tuple[View, ...]) -> list[str]:
    return [view.name for view in views]


def length(views: tuple[View, ...]) -> float:
    distances = _distances(views)
    return sum(distances[i, i + 1] for i in range(len(views) - 1))


@given(st.integers(0, 30), st.integers(0, 5), st.randoms())
def test_a_tour_is_a_permutation_that_no_order_of_the_views_changes(count, seed, random):
    views = random_views(count, seed)
    shuffled = random.sample(views, count)
    assert sorted(names(tour(views))) == [view.name for view in views]
    assert names(tour(shuffled)) == names(tour(views))


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_neither_scale_nor_place_of_the_world_matters(scale):
    views = random_views(20)
    rotation = Rotation.random(random_state=1)
    moved = []
    for view in views:
        T = np.eye(4)
        T[:3, :3] = view.T_camera_world[:3, :3] @ rotation.as_matrix().T
        T[:3, 3] = -T[:3, :3] @ (scale * rotation.apply(view.center) + [1.0, -2.0, 3.0])
        moved.append(View(view.name, view.image, CAMERA, T))
    assert names(tour(moved)) == names(tour(views))


def test_a_walk_along_a_line_goes_from_one_end_to_the_other():
    along = np.random.default_rng(3).permutation(15)
    walked = names(tour(views_at(np.outer(along, [1.0, 2.0, 0.0]))))
    places = [int(along[int(name[1:])]) for name in walked]
    assert places in (list(range(15)), list(range(14, -1, -1)))


def test_cameras_at_one_place_are_ordered_by_where_they_look():
    turns = np.random.default_rng(4).permutation(12)
    views = views_at(np.zeros((12, 3)), Rotation.from_euler("y", turns[:, None] * 10.0, degrees=True))
    places = [int(turns[int(view.name[1:])]) for view in tour(views)]
    assert places in (list(range(12)), list(range(11, -1, -1)))


@pytest.mark.parametrize("seed", range(3))
def test_no_stretch_can_be_reversed_to_a_shorter_tour(seed):
    walk = list(tour(random_views(12, seed)))
    for i in range(1, 12):
        for j in range(i + 2, 13):
            assert length([*walk[:i], *walk[i:j][::-1], *walk[j:]]) >= length(walk) - 1e-9


def test_two_rings_are_walked_one_after_the_other():
    """Files that alternate between two heights would make every step a jump."""
    angles = np.linspace(0, 1.5 * np.pi, 20)
    rings = [np.stack([np.cos(angles), np.sin(angles), np.full(20, z)], axis=1) for z in (0.0, 0.8)]
    views = views_at(np.stack(rings, axis=1).reshape(-1, 3))
    heights = [round(view.center[2], 1) for view in tour(views)]
    assert sum(a != b for a, b in zip(heights, heights[1:], strict=False)) == 1


def test_pictures_are_opened_one_by_one(orbit):
    scene = orbit(5)
    pictures = Pictures(scene.views[::-1])
    assert [int(pictures[i][0, 0, 0]) for i in range(len(pictures))] == [4, 3, 2, 1, 0]
    assert pictures[0].shape == (48, 64, 3)
