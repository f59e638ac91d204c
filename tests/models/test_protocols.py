"""The values that go to and from the models."""

import numpy as np
import pytest

from splatsmith.models.protocols import Prompt, SoftMask

BOX = np.array([1.0, 2.0, 3.0, 4.0])
POINTS = np.array([[1.0, 2.0], [3.0, 4.0]])
MASK = np.array([[True, False], [False, False]])


def test_a_soft_mask_is_cut_at_even_odds():
    soft = SoftMask(np.array([[-3.0, 0.0, 2.0]], dtype=np.float32), 0.5)
    assert soft.mask.tolist() == [[False, False, True]]
    assert np.array_equal(soft.probability > 0.5, soft.mask)
    assert soft.probability[0, 1] == 0.5


def test_extreme_logits_have_finite_probabilities():
    soft = SoftMask(np.array([[-1024.0, 1024.0]], dtype=np.float32), 0.0)
    with np.errstate(all="raise"):
        assert np.allclose(soft.probability, [[0, 1]])


def test_a_known_mask_comes_back_as_it_was():
    soft = SoftMask.known(MASK)
    assert np.array_equal(soft.mask, MASK)
    assert soft.score == 1.0
    assert soft.logits.dtype == np.float32


@pytest.mark.parametrize("fields", [{"box": BOX}, {"points": POINTS}, {"box": BOX, "points": POINTS}, {"mask": MASK}])
def test_a_prompt_is_a_box_points_or_both_or_a_mask(fields):
    Prompt(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"box": BOX, "mask": MASK},
        {"points": POINTS, "mask": MASK},
        {"box": BOX[:3]},
        {"points": POINTS[0]},
        {"points": POINTS, "inside": np.array([True])},
        {"box": BOX, "inside": np.array([True])},
        {"mask": MASK[0]},
    ],
)
def test_other_prompts_are_refused(fields):
    with pytest.raises(ValueError, match="Prompt"):
        Prompt(**fields)
