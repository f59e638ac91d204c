"""Pictures reach the models as the official processors hand them over."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splatsmith.models import grounding_dino, sam
from splatsmith.models.pictures import IMAGENET_MEAN, IMAGENET_STD, enlarged, normalised, resized, squeezed
from splatsmith.models.sam3 import MEAN, STD

SIZES = st.tuples(st.integers(20, 400), st.integers(20, 400))


def test_normalisation_is_the_published_formula(picture):
    expected = (picture / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    assert np.allclose(
        normalised(picture, IMAGENET_MEAN, IMAGENET_STD)[0].permute(1, 2, 0).numpy(), expected, atol=1e-6
    )


@pytest.mark.parametrize("resize", [lambda image: resized(image, (31, 31)), lambda image: squeezed(image, 31)])
def test_a_flat_picture_stays_flat(resize):
    flat = np.full((90, 150, 3), (3, 200, 77), dtype=np.uint8)
    assert (resize(flat) == (3, 200, 77)).all()


def test_the_two_ways_to_resize_agree_to_a_grey_level(picture):
    difference = resized(picture, (64, 64)).astype(int) - squeezed(picture, 64)
    assert np.abs(difference).max() <= 1


def test_a_picture_that_is_not_contiguous_or_read_only_is_taken(picture):
    mirrored = picture[:, ::-1]
    picture.setflags(write=False)
    assert np.array_equal(squeezed(mirrored, 32), squeezed(np.ascontiguousarray(mirrored), 32))
    normalised(picture, MEAN, STD)


def test_sam2_sees_what_the_official_processor_makes(golden, reference):
    for name, seeds in {"sam2_pixels": [0], "sam2_video_pixels": [0, 1]}.items():
        ours = [normalised(squeezed(reference.picture(45, 75, s), 32), IMAGENET_MEAN, IMAGENET_STD) for s in seeds]
        assert np.allclose(torch.cat(ours).numpy(), golden[name], atol=1e-6)


def test_sam3_sees_what_the_official_processor_makes(golden, reference):
    ours = normalised(squeezed(reference.picture(45, 75), 42), MEAN, STD).numpy()
    assert np.allclose(ours, golden["sam3_pixels"], atol=1e-6)


@settings(max_examples=30)
@given(SIZES)
def test_sam_sees_what_the_official_processor_makes(size):
    from transformers import SamImageProcessorPil

    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    sides = {"size": {"longest_edge": 96}, "pad_size": {"height": 96, "width": 96}}
    official = SamImageProcessorPil(**sides)(image, return_tensors="np").pixel_values[0]
    height, width = sam.fitted(size, 96)
    ours = normalised(resized(image, (height, width)), IMAGENET_MEAN, IMAGENET_STD)[0].numpy()
    assert np.allclose(ours, official[:, :height, :width], atol=1e-6)
    assert not official[:, height:].any()
    assert not official[:, :, width:].any()


@settings(max_examples=30)
@given(SIZES)
def test_grounding_dino_sees_what_the_official_processor_makes(size):
    from transformers import GroundingDinoImageProcessorPil

    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    official = GroundingDinoImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160})(
        image, return_tensors="np"
    )
    ours = normalised(resized(image, grounding_dino.fitted(size, (96, 160))), IMAGENET_MEAN, IMAGENET_STD)
    assert ours.shape == official.pixel_values.shape
    assert np.allclose(ours.numpy(), official.pixel_values, atol=1e-6)
    assert official.pixel_mask.all()


def test_masks_grow_as_the_official_processor_lets_them(golden):
    ours = enlarged(torch.from_numpy(golden["sam2_low"][0]), (45, 75)) > 0
    assert np.array_equal(ours.numpy(), golden["sam2_masks"][0])


def test_no_masks_grow_to_no_masks():
    assert enlarged(torch.zeros(0, 8, 8), (45, 75)).shape == (0, 45, 75)
