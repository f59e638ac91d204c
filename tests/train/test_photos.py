"""The photo cache: the same pictures whatever the budget, and no more memory than it."""

import pytest
import torch

from splatsmith.scenes.prepared import read_image
from splatsmith.train.photos import Photos

CPU = torch.device("cpu")


@pytest.mark.parametrize("kept", [0, 3, 10])
def test_pictures_do_not_depend_on_the_budget(blob_scene, kept):
    one = 3 * 48 * 36
    photos = Photos(blob_scene.views, CPU, kept * one + one // 2)
    assert photos.kept_bytes == kept * one
    for idx, view in enumerate(blob_scene.views):
        assert torch.equal(photos.picture(idx), torch.from_numpy(read_image(view)) / 255)


def test_cameras_are_those_of_the_views(blob_scene):
    photos = Photos(blob_scene.views, CPU, 0)
    camera = photos.camera(3)
    assert (camera["width"], camera["height"]) == (48, 36)
    assert camera["K"].tolist() == blob_scene.views[3].camera.K.astype("f4").tolist()
    assert photos.pixels == 10 * 48 * 36
