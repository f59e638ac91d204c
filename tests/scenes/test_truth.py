"""Where the truth is: what is there is found, in order, and a tracker's masks are not taken for it."""

import pytest

from splatsmith.base.errors import InputError
from splatsmith.scenes.truth import TruthFiles, find_truth


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_there_may_be_no_truth(tmp_path):
    touch(tmp_path, "images/a.jpg", "labels.json", "ground_truth/labels.json")
    assert find_truth(tmp_path) is None


def test_label_maps_beside_the_photos_need_names(tmp_path):
    touch(tmp_path, "object_mask/a.png", "object_mask/left/b.png")
    assert find_truth(tmp_path) is None
    touch(tmp_path, "labels.json")
    assert find_truth(tmp_path) == TruthFiles("labels", tmp_path / "object_mask", tmp_path / "labels.json", None)


def test_the_truth_of_lerf_mask_goes_before_its_tracker_s_masks(tmp_path):
    touch(tmp_path, "object_mask/a.png", "labels.json", "test_mask/0/green apple.png")
    assert find_truth(tmp_path) == TruthFiles("masks", tmp_path / "test_mask", None, None)
    chosen = find_truth(tmp_path, "object_mask")
    assert (chosen.kind, chosen.folder) == ("labels", tmp_path / "object_mask")


@pytest.mark.parametrize("points", ["ground_truth/surface_points.ply", "gt/surface_points.ply"])
def test_every_file_is_listed(tmp_path, points):
    touch(tmp_path, "ground_truth/object_mask/b.png", "ground_truth/object_mask/a/c.png", "ground_truth/labels.json")
    touch(tmp_path, "object_mask/a.png", points)
    names = ["ground_truth/labels.json", "ground_truth/object_mask/a/c.png", "ground_truth/object_mask/b.png", points]
    found = find_truth(tmp_path, "ground_truth/object_mask")
    assert found.files == sorted(tmp_path / name for name in names)


def test_label_maps_of_photos_in_folders_are_no_masks_of_prompts(tmp_path):
    touch(tmp_path, "ground_truth/object_mask/left/a.png", "ground_truth/labels.json")
    assert find_truth(tmp_path).kind == "labels"


def test_numbers_of_parts_are_told_by_the_folder_s_name(tmp_path):
    touch(tmp_path, "part_mask/a.png", "object_mask/a.png", "labels.json")
    assert find_truth(tmp_path, "part_mask").parts
    assert not find_truth(tmp_path).parts


@pytest.mark.parametrize("name", ["object_mask", "elsewhere"])
def test_a_named_folder_must_hold_the_truth(tmp_path, name):
    touch(tmp_path, "object_mask/a.png", "test_mask/0/apple.png")
    with pytest.raises(InputError, match=r"there is no truth in this folder\n  where:    .*" + name):
        find_truth(tmp_path, name)
