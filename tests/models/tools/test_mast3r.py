"""Matches of the tool come back to the pixels of the pictures that went in."""

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.models.mast3r import Mast3r, read_matches
from splatsmith.models.matching import Cutout
from splatsmith.models.tools.contract import ToolFailed


def painted(corner: tuple[int, int], scale: int, size: tuple[int, int] = (160, 220)) -> Cutout:
    """An object of 100 x 60 units whose colour tells the place on it, drawn with one pixel for `scale` units."""
    y, x = scale * (np.mgrid[: 60 // scale, : 100 // scale] + 0.5)
    image, mask = np.zeros((*size, 3), np.uint8), np.zeros(size, bool)
    inside = np.s_[corner[1] : corner[1] + 60 // scale, corner[0] : corner[0] + 100 // scale]
    image[inside], mask[inside] = np.stack([2 * x, 2 * y, np.full_like(x, 208)], axis=-1), True
    return Cutout(image, mask)


def test_points_of_the_same_colour_are_matched_wherever_and_however_large_they_are_drawn(set_up, tmp_path):
    matcher = Mast3r(set_up("mast3r").find(), tmp_path / "matches")
    a, b, c = painted((20, 30), 1), painted((131, 77), 2), painted((7, 9), 1, (100, 100 + 40))
    small, same, none = matcher.match([(a, b), (a, c), (a, Cutout(a.image, np.zeros_like(a.mask)))])
    for found, corner, scale in ((small, (131, 77), 2), (same, (7, 9), 1)):
        wrong = scale * (found.points_b - corner) - (found.points_a - [20, 30])
        assert len(found) > 300
        assert np.abs(wrong).max() < 1.5 * scale  # colours have steps
        assert np.abs(wrong.mean(axis=0)).max() < 0.25
        assert np.median(found.scores) == 208 / 16 + 1  # less where the background shines through
    assert len(none) == 0


def test_each_call_has_a_folder_of_its_own(set_up, tmp_path):
    matcher = Mast3r(set_up("mast3r").find(), tmp_path / "matches")
    assert matcher.match([]) == []
    for _ in range(2):
        matcher.match([(painted((20, 30), 1), painted((9, 9), 1))])
    folders = sorted((tmp_path / "matches").iterdir())
    assert [folder.name for folder in folders] == ["call-000", "call-001"]
    assert all((folder / "tool.log").is_file() for folder in folders)


def arrays(**changed: np.ndarray) -> dict[str, np.ndarray]:
    return {"a": np.array([[3, 4]]), "b": np.array([[511, 383]]), "confidence": np.ones(1), **changed}


@pytest.mark.parametrize(
    "changed",
    [
        {"a": np.array([[3, 384]])},
        {"b": np.array([[-1, 4]])},
        {"a": np.array([[np.nan, 4]])},
        {"confidence": np.array([np.inf])},
        {"confidence": np.ones((1, 1))},
        {"confidence": np.ones(2)},
        {"b": np.array([[1, 2, 3]])},
        {"a": np.array([[{}, {}]])},
        {"a": np.array([["x", "y"]])},
    ],
)
def test_arrays_that_are_no_matches_are_refused(set_up, tmp_path, changed):
    tool, path = set_up("mast3r").find(), tmp_path / "pair.npz"
    (tmp_path / "tool.log").touch()
    np.savez(path, **arrays())
    assert [found.tolist() for found in read_matches(tool, path)] == [[[3, 4]], [[511, 383]], [1]]
    np.savez(path, **arrays(**changed))
    with pytest.raises(ToolFailed, match=r"mast3r wrote a file that cannot be used, pair\.npz"):
        read_matches(tool, path)


@pytest.mark.parametrize("cut", [0, 10, -30])
def test_a_file_that_is_cut_is_refused(set_up, tmp_path, cut):
    tool, path = set_up("mast3r").find(), tmp_path / "pair.npz"
    (tmp_path / "tool.log").touch()
    np.savez(path, **arrays())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ToolFailed, match="cannot be used"):
        read_matches(tool, path)


def test_a_tool_that_hangs_is_told_of(set_up, tmp_path):
    place = set_up("mast3r")
    (place.repo / "mast3r" / "model.py").write_text("import time\ntime.sleep(60)\n")
    tool = replace(place.find(), timeout_s=0.7)
    with pytest.raises(ToolFailed, match="took longer than 0.7 s"):
        Mast3r(tool, tmp_path / "matches").match([(painted((20, 30), 1), painted((9, 9), 1))])
