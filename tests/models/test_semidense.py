"""Planted matches are found again, whatever their order; what the library has instead is not to be trusted."""

import numpy as np
import pytest
import torch
from transformers import EfficientLoFTRForKeypointMatching

from splatsmith.models.matchanything import MatchAnything, grey
from splatsmith.models.matching import Cutout
from splatsmith.models.semidense import coarse, fine

HOW = {"temperature": 0.1, "threshold": 0.2, "border": 0, "normalised": True}


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).float()


def test_a_shuffled_map_is_put_in_order_again():
    a = drawn(64, 5, 7)
    order = torch.from_numpy(np.random.default_rng(1).permutation(35))
    b = a.flatten(1)[:, order].reshape(64, 5, 7)
    cells_a, cells_b, scores = coarse(a, b, **HOW)
    assert cells_a.tolist() == list(range(35))
    assert torch.equal(order[cells_b], cells_a)
    assert scores.min() > 0.5


def test_which_map_comes_first_does_not_matter():
    a, b = drawn(16, 6, 8), drawn(16, 6, 8, seed=1)
    found = coarse(a, b, **(HOW | {"threshold": 0.0}))
    back = coarse(b, a, **(HOW | {"threshold": 0.0}))
    order = back[1].argsort()
    assert torch.equal(found[0], back[1][order])
    assert torch.equal(found[1], back[0][order])
    assert torch.allclose(found[2], back[2][order])
    assert len(found[0]) > 5


@pytest.mark.parametrize("border", [1, 2])
def test_cells_at_the_edge_have_no_match(border):
    a = drawn(64, 6, 8)
    cells = coarse(a, a, **(HOW | {"border": border}))[0]
    expected = torch.arange(48).reshape(6, 8)[border : 6 - border, border : 8 - border]
    assert torch.equal(cells, expected.flatten())


def test_only_sure_matches_are_kept_and_similarities_can_stand_for_themselves():
    a = drawn(64, 4, 4)
    scores = coarse(a, a, **HOW)[2]
    middle = float(scores.median())
    assert len(coarse(a, a, **(HOW | {"threshold": middle}))[0]) == int((scores > middle).sum())
    plain = coarse(a, a, **(HOW | {"normalised": False}))[2]
    assert torch.allclose(plain, (a.flatten(1) ** 2).mean(0) / 0.1)


def windows(places_a, places_b, k: int = 8, channels: int = 24, regressed: int = 8):
    """Windows that agree in one pixel each: x y in that of a, and in that of b without its rim."""
    a, b = torch.zeros(len(places_a), k, k, channels), torch.zeros(len(places_b), k + 2, k + 2, channels)
    for number, ((xa, ya), (xb, yb)) in enumerate(zip(places_a, places_b, strict=True)):
        a[number, ya, xa, : channels - regressed] = 30
        b[number, yb + 1, xb + 1, : channels - regressed] = 30
    return a.flatten(1, 2), b.flatten(1, 2)


def test_the_matching_pixels_of_windows_are_found():
    places_a, places_b = [(0, 0), (3, 5), (7, 7), (6, 1)], [(7, 0), (2, 2), (0, 7), (4, 3)]
    at_a, at_b = fine(*windows(places_a, places_b), regressed=8, temperature=10.0)
    assert torch.equal(at_a, torch.tensor(places_a) - 3.5)
    assert torch.allclose(at_b, torch.tensor(places_b) - 3.5)  # all nine neighbours alike: the middle


@pytest.mark.parametrize("towards", [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1)])
def test_a_likelier_neighbour_draws_the_point_towards_it(towards):
    a, b = windows([(3, 3)], [(4, 2)])
    a[0, 3 * 8 + 3, -8:] = 1
    b[0, (2 + 1 + towards[1]) * 10 + 4 + 1 + towards[0], -8:] = 1000
    at_b = fine(a, b, regressed=8, temperature=10.0)[1]
    assert torch.allclose(at_b[0], torch.tensor([4.0, 2.0]) - 3.5 + torch.tensor(towards), atol=1e-4)


def test_windows_without_number_have_no_points():
    at_a, at_b = fine(torch.zeros(0, 64, 24), torch.zeros(0, 100, 24), regressed=8, temperature=10.0)
    assert at_a.shape == at_b.shape == (0, 2)


# The network


@pytest.fixture(scope="module")
def model(checkpoint) -> MatchAnything:
    return MatchAnything.load(checkpoint("matchanything"), device="cpu", side=192)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8. A network that has learnt nothing tells places apart by it."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pair_of(a: np.ndarray, b: np.ndarray) -> torch.Tensor:
    """(1, 2, 1, H, W)."""
    return torch.stack([grey(a), grey(b)])[None]


def test_our_cells_are_those_of_the_library(model):
    """It finds the same pairs of cells, and lists those of each picture by the other's order."""
    pixels = pair_of(noise(128, 128), np.roll(noise(128, 128), (16, 8), (0, 1)))
    config = model.model.config
    with torch.inference_mode():
        theirs = model.model(pixels.expand(-1, -1, 3, -1, -1))
        maps = model.model.efficientloftr(pixels).feature_maps[0]
    cells_a, cells_b, scores = coarse(
        maps[0, 0],
        maps[0, 1],
        temperature=config.coarse_matching_temperature,
        threshold=config.coarse_matching_threshold,
        border=config.coarse_matching_border_removal,
        normalised=True,
    )
    of_b, of_a = theirs.matches[0]  # of_b[cell of b] is a cell of a, or -1
    assert len(cells_a) > 5
    assert torch.equal((of_a >= 0).nonzero()[:, 0], cells_a)
    assert torch.equal(of_a[cells_a], cells_b)
    assert torch.equal(of_b[cells_b], cells_a)
    assert torch.allclose(theirs.matching_scores[0, 1, cells_a], scores)


def test_what_has_moved_is_found_where_it_has_moved_to(model):
    pixels = pair_of(noise(128, 128), np.roll(noise(128, 128), (16, 8), (0, 1)))
    with torch.inference_mode():
        points_a, points_b, scores = model._points(pixels)
    assert len(scores) > 5
    assert torch.allclose(points_b - points_a, torch.tensor([8.0, 16.0]), atol=1.1)  # between pixels it knows nothing
    assert ((points_a > 16 - 4) & (points_a < 128 - 16 + 4)).all()


def test_a_picture_matches_itself_in_place(model):
    mask = np.zeros((90, 150), bool)
    mask[10:80, 20:140] = True
    cutout = Cutout(noise(90, 150), mask)
    (found,) = model.match([(cutout, cutout)])
    assert len(found) > 4
    assert cutout.covers(found.points_a).all()
    assert np.abs(found.points_b - found.points_a).max() < 1.1 * 120 * 1.1 / 192


def test_where_the_object_is_in_its_picture_does_not_matter(model):
    """Shifted by whole pixels, it looks the same to the model, and its points shift along."""
    image, pair = noise(60, 70), []
    for x, y in ((10, 20), (33, 5)):
        canvas, mask = np.zeros((100, 120, 3), np.uint8), np.zeros((100, 120), bool)
        canvas[y : y + 60, x : x + 70], mask[y : y + 60, x : x + 70] = image, True
        pair.append(Cutout(canvas, mask))
    here, there = model.match([(pair[0], pair[0]), (pair[1], pair[0])])
    assert len(here) > 4
    assert np.allclose(there.points_a, here.points_a + [23, -15])
    assert np.allclose(there.points_b, here.points_b)


def test_the_published_class_is_the_one_that_is_read(model):
    assert isinstance(model.model, EfficientLoFTRForKeypointMatching)
    assert not model.model.training
