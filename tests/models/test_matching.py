"""Matches are in pixels of the pictures as they were given, on the object, and the same each time."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from splatsmith.base.errors import InputError
from splatsmith.models import matchers
from splatsmith.models.matching import GREY, Cutout, Matches, framed
from splatsmith.models.sift import RATIO, Sift, mutual

SIZE = (150, 200)
"""Height and width of the pictures."""


def whole(image: np.ndarray) -> Cutout:
    return Cutout(image, np.ones(image.shape[:2], bool))


@pytest.fixture(scope="module")
def speckled() -> np.ndarray:
    """(150, 200, 3) uint8. Blobs of many sizes."""
    draw = np.random.default_rng(0)
    image = np.zeros((*SIZE, 3))
    for cells in (12, 24, 48):
        coarse = draw.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        image += cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC) / 3
    return image.astype(np.uint8)


@pytest.fixture(scope="module")
def disc() -> np.ndarray:
    """(150, 200) bool."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (x - 90) ** 2 + (y - 80) ** 2 < 60**2


def turned(cutout: Cutout, quarters: int) -> Cutout:
    """The picture, turned counter-clockwise."""
    return Cutout(*(np.ascontiguousarray(np.rot90(array, quarters)) for array in (cutout.image, cutout.mask)))


# Frames


@pytest.mark.parametrize("size", [(384, 512), (64, 64), (90, 40)])
@pytest.mark.parametrize("box", [(20, 30, 180, 60), (0, 0, 200, 150), (90, 10, 100, 140), (150, 100, 200, 150)])
def test_a_pixel_of_a_frame_shows_what_lies_at_its_place_in_the_cutout(size, box):
    """The picture's values are its coordinates, so a frame tells where each of its pixels comes from."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    mask = np.zeros(SIZE, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    frame = framed(Cutout(np.stack([x, y, np.full(SIZE, 255)], axis=-1).astype(np.uint8), mask), size)
    assert frame.pixels.shape == (*size, 3)
    v, u = np.mgrid[: size[0], : size[1]]
    places = frame.original(np.stack([u, v], axis=-1).reshape(-1, 2) + 0.5).reshape(*size, 2)
    reach = 1 + frame.step  # of the interpolation
    inner = ((places > np.array(box[:2]) + reach) & (places < np.array(box[2:]) - reach)).all(axis=-1)
    assert inner.any()
    # the centre of the pixel with index i is at i + 0.5; half a grey level is lost by rounding
    assert np.abs(frame.pixels[inner][:, :2] + 0.5 - places[inner]).max() < 0.6
    outer = ((places < np.array(box[:2]) - reach) | (places > np.array(box[2:]) + reach)).any(axis=-1)
    assert (frame.pixels[outer] == GREY).all()


def test_the_whole_object_is_in_its_frame_and_fills_it(speckled, disc):
    frame = framed(Cutout(speckled, disc), (100, 300))
    x0, y0, x1, y1 = Cutout(speckled, disc).box
    corners = frame.original(np.array([[0, 0], [300, 100]]))
    assert (corners[0] <= [x0, y0]).all()
    assert (corners[1] >= [x1, y1]).all()
    assert corners[1, 1] - corners[0, 1] == pytest.approx(1.1 * (y1 - y0))


def test_an_object_without_pixels_has_a_frame_and_no_matches(speckled):
    none = Cutout(speckled, np.zeros(SIZE, bool))
    assert framed(none, (64, 64)).pixels.shape == (64, 64, 3)
    assert [len(found) for found in Sift().match([(none, whole(speckled)), (whole(speckled), none)])] == [0, 0]


def test_points_are_kept_where_both_masks_have_them(speckled, disc):
    points_a = np.array([[90.5, 80.5], [2.5, 2.5], [90.5, 80.5], [-4.0, 80.0], [90.0, 150.0]])
    points_b = np.array([[10.5, 10.5], [10.5, 10.5], [200.0, 10.0], [10.5, 10.5], [10.5, 10.5]])
    kept = Matches(points_a, points_b, np.arange(5.0)).of(Cutout(speckled, disc), whole(speckled))
    assert kept.scores.tolist() == [0.0]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (np.zeros((4, 5, 3)), np.zeros((4, 5), bool)),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), bool)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), bool)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8)),
    ],
)
def test_a_cutout_of_another_kind_is_refused(image, mask):
    with pytest.raises(ValueError, match="Cutout"):
        Cutout(image, mask)


# SIFT


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_a_picture_turns_its_points(speckled, disc, quarters):
    """No bias: with pixel centres anywhere but at one half, all points would be off by the same."""
    a = Cutout(speckled, disc)
    (found,) = Sift().match([(a, turned(a, quarters))])
    centre_a, centre_b = np.array(SIZE[::-1]) / 2, np.array(SIZE[::-1] if quarters == 2 else SIZE) / 2
    turn = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), quarters)
    wrong = found.points_b - centre_b - (found.points_a - centre_a) @ turn.T
    assert len(found) > 60
    assert np.abs(np.median(wrong, axis=0)).max() < 0.02
    assert np.quantile(np.abs(wrong), 0.9) < 0.2


def test_a_known_map_is_found_again(speckled, disc):
    """x_b = A x_a + t, in pixels from the corner; OpenCV warps indices, which are half a pixel less."""
    A, t = np.array([[1.1, -0.25], [0.2, 0.95]]), np.array([7.0, -12.0])
    shift = A @ [0.5, 0.5] + t - 0.5
    warp = np.column_stack([A, shift])
    image = cv2.warpAffine(speckled, warp, (240, 190), flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(disc.astype(np.uint8), warp, (240, 190), flags=cv2.INTER_NEAREST) > 0
    (found,) = Sift().match([(Cutout(speckled, disc), Cutout(image, mask))])
    wrong = np.linalg.norm(found.points_b - (found.points_a @ A.T + t), axis=1)
    assert len(found) > 30
    assert np.median(wrong) < 0.3
    assert (wrong < 2).mean() > 0.9


def test_the_background_counts_for_nothing(speckled, disc):
    noise = np.random.default_rng(1).integers(0, 256, speckled.shape, dtype=np.uint8)
    other = Cutout(np.where(disc[:, :, None], speckled, noise), disc)
    plain, noisy = Sift().match([(Cutout(speckled, disc), Cutout(speckled, disc)), (other, Cutout(speckled, disc))])
    assert np.array_equal(plain.points_a, noisy.points_a)
    assert np.array_equal(plain.points_a, plain.points_b)


def test_matches_lie_on_the_object_and_the_best_come_first(speckled, disc):
    a, b = Cutout(speckled, disc), turned(Cutout(speckled, disc), 2)
    (found,) = Sift().match([(a, b)])
    assert a.covers(found.points_a).all()
    assert b.covers(found.points_b).all()
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.min() > 1 - RATIO
    assert found.scores.max() <= 1


def test_the_same_pictures_give_the_same_matches_whatever_else_is_asked(speckled, disc):
    a, b = Cutout(speckled, disc), turned(Cutout(speckled, disc), 1)
    alone, _, again = *Sift().match([(a, b)]), *Sift().match([(b, b), (a, b)])
    assert np.array_equal(alone.points_a, again.points_a)
    assert np.array_equal(alone.points_b, again.points_b)
    assert np.array_equal(alone.scores, again.scores)


def test_where_there_is_nothing_to_see_there_are_no_matches(speckled):
    flat = whole(np.full((40, 40, 3), GREY, np.uint8))  # in another colour its corners would be seen
    assert [len(found) for found in Sift().match([(flat, flat), (flat, whole(speckled))])] == [0, 0]


def test_mutual_neighbours_do_not_depend_on_which_comes_first():
    draw = np.random.default_rng(2)
    a = draw.normal(size=(40, 8))
    b = np.concatenate([a[draw.permutation(40)[:30]] + 0.1 * draw.normal(size=(30, 8)), draw.normal(size=(10, 8))])
    index_a, index_b, scores = mutual(a, b)
    back_b, back_a, back_scores = mutual(b, a)
    assert len(scores) > 20
    assert sorted(zip(index_a, index_b, scores, strict=True)) == sorted(zip(back_a, back_b, back_scores, strict=True))


def test_what_looks_like_two_things_has_no_match():
    a = np.eye(4)[:2]
    assert len(mutual(a, np.eye(4)[[0, 0, 2]])[0]) == 0
    assert [found.tolist() for found in mutual(a, np.eye(4)[[1, 3, 0]])[:2]] == [[0, 1], [2, 0]]


# By name


def named(name: str, tmp_path, **options) -> object:
    options = {"models_dir": tmp_path, "device": "cpu", "tools": {}, "accepted": (), "folder": tmp_path, **options}
    return matchers.matcher_of(name, **options)


def test_a_matcher_is_named(tmp_path, models_dir):
    assert isinstance(named("sift", tmp_path), Sift)
    assert type(named("matchanything", tmp_path, models_dir=models_dir)).__name__ == "MatchAnything"
    with pytest.raises(InputError, match="the model `matchanything` is not there"):
        named("matchanything", tmp_path)
    with pytest.raises(InputError, match="the licence of `mast3r` forbids commercial use"):
        named("mast3r", tmp_path)


def test_a_matcher_of_another_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    point = SimpleNamespace(name="theirs", load=lambda: SimpleNamespace)
    monkeypatch.setattr(matchers.metadata, "entry_points", lambda group: [point] if group == matchers.GROUP else [])
    assert isinstance(named("theirs", tmp_path), SimpleNamespace)
    with pytest.raises(InputError, match="one of sift, matchanything, mast3r, theirs"):
        named("thiers", tmp_path)
