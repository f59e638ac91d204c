"""Splits that hide a scene's back: what is held out lies farther from the anchor than what trains."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from splatsmith.base.errors import InputError
from splatsmith.report.turntable import look_along
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.layout import find_layout
from splatsmith.scenes.read import read_capture
from splatsmith.scenes.split import read_split, split_of
from splatsmith.scenes.withhold import withheld, withhold

DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"
UP, ORIGIN = np.array([0.0, 0.0, 1.0]), np.zeros(3)
shares, angles = st.floats(0.05, 0.95), st.floats(-math.pi, math.pi)


def ring(azimuths: np.ndarray) -> list[View]:
    """Cameras around the origin, called by their numbers."""
    outwards = np.stack([np.cos(azimuths), np.sin(azimuths), 0.3 * np.ones(len(azimuths))], axis=1)
    poses = [look_along(3 * outward, -outward / np.linalg.norm(outward), UP) for outward in outwards]
    return [View(f"{i:03}", Path("x.png"), Camera(4, 3, 5, 5, 2, 1.5), pose) for i, pose in enumerate(poses)]


def off(azimuths: np.ndarray, anchor: float) -> np.ndarray:
    """Angles to the anchor."""
    return np.abs(np.angle(np.exp(1j * (azimuths - anchor))))


@given(st.lists(angles, min_size=2, max_size=30, unique=True), shares, angles)
def test_the_farthest_are_held_out_and_every_view_is_somewhere(azimuths, share, anchor):
    azimuths = np.array(azimuths)
    away = off(azimuths, anchor)
    edge = (1 - share) * math.pi
    assume((away < edge).any() and (away > edge).any() and (np.abs(away - edge) > 1e-9).all())
    split = withheld(ring(azimuths), ORIGIN, UP, share=share, anchor=anchor)
    assert sorted(split.train + split.test) == [f"{i:03}" for i in range(len(azimuths))]
    train, test = ([int(name) for name in names] for names in (split.train, split.test))
    assert away[train].max() < edge < away[test].min()


@given(angles, st.sampled_from([2 / 3, 4 / 5, 6 / 7]))
def test_the_share_is_that_of_an_even_ring(anchor, share):
    count = 105  # a multiple of all denominators
    split = withheld(ring(np.arange(count) * 2 * math.pi / count), ORIGIN, UP, share=share, anchor=anchor)
    assert abs(len(split.test) - share * count) <= 1


@given(st.lists(angles, min_size=3, max_size=20), shares, shares, angles)
def test_withholding_more_trains_on_fewer_of_the_same(azimuths, one, other, anchor):
    views = ring(np.array(azimuths))
    less, more = sorted((one, other))
    try:
        wide, narrow = (withheld(views, ORIGIN, UP, share=share, anchor=anchor) for share in (less, more))
    except ValueError:
        assume(False)
    assert set(narrow.train) <= set(wide.train)


def test_a_side_without_views_is_refused():
    with pytest.raises(ValueError, match="3 of 3 views"):
        withheld(ring(np.array([0.0, 0.1, 0.2])), ORIGIN, UP, share=0.5, anchor=0.1)
    with pytest.raises(ValueError, match="0 of 3 views"):
        withheld(ring(np.array([0.0, 0.1, 0.2])), ORIGIN, UP, share=0.5, anchor=math.pi)


def test_what_is_written_is_what_a_split_file_says(tmp_path):
    """The demo's own split was made in this way: 120 degrees before the figure are seen."""
    split = withhold(DEMO, tmp_path / "s.yml", share=2 / 3, anchor="frame_010.jpg")
    views = read_capture(find_layout(DEMO)).views_of_photos
    lists = read_split(tmp_path / "s.yml")
    assert split_of(lists.train, lists.test, views, "s.yml") == split
    given = read_split(DEMO / "split_unseen.yml")
    assert (sorted(given.train), sorted(given.test)) == (list(split.train), list(split.test))


def test_odd_names_survive(tmp_path, captured):
    names = ["0001.png", "no.png", "a view, with: a space.png", "große Füchse 狐.png"]
    captured(tmp_path / "scene", names)
    split = withhold(tmp_path / "scene", tmp_path / "s.yml", share=0.5)
    lists = read_split(tmp_path / "s.yml")
    assert (tuple(lists.train), tuple(lists.test)) == (split.train, split.test)
    assert sorted(split.train + split.test) == sorted(Path(name).stem for name in names)
    assert min(Path(name).stem for name in names) in split.train  # the first by name is the anchor


def test_an_unknown_anchor_is_told_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="there are no such photos") as error:
        withhold(DEMO, tmp_path / "s.yml", share=0.5, anchor="frame_81")
    assert "did you mean 'frame_0" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_photos_from_one_side_have_no_back_to_withhold(tmp_path, captured):
    captured(tmp_path / "scene", ["a.png", "b.png"])
    with pytest.raises(InputError, match="nothing would be held out"):
        withhold(tmp_path / "scene", tmp_path / "s.yml", share=0.01)
    assert not (tmp_path / "s.yml").exists()


def test_a_file_that_is_there_is_kept(tmp_path):
    (tmp_path / "s.yml").write_text("mine")
    with pytest.raises(InputError, match="there is such a file already"):
        withhold(DEMO, tmp_path / "s.yml", share=0.5)
    assert (tmp_path / "s.yml").read_text() == "mine"


def test_photos_without_cameras_have_no_sides(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="no cameras to tell the sides by"):
        withhold(tmp_path, tmp_path / "s.yml", share=0.5)
