"""Masks that overlap become one label map, whatever their order."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.models.protocols import SoftMask
from splatsmith.segment2d.claims import settled
from splatsmith.segment2d.masks import Mask, ViewMasks
from splatsmith.segment2d.packed import PackedMask

SIZE = (20, 30)

Claim = tuple[Mask, PackedMask]


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def claim(name: str | None, score: float, mask: np.ndarray, track: int | None = None) -> Claim:
    return Mask(object=name, score=score, track=track), PackedMask.of(SoftMask.known(mask))


def shown(masks: ViewMasks, name: str | None) -> np.ndarray:
    numbers = [i for i, mask in enumerate(masks.masks, 1) if mask.object == name]
    return np.isin(masks.labels, numbers)


boxes = st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(1, 10), st.integers(1, 8)).map(
    lambda b: box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(st.lists(st.tuples(boxes, st.sampled_from([0.2, 0.5, 0.9])), max_size=5), st.randoms())
def test_the_order_of_claims_does_not_matter_and_no_pixel_is_invented_or_lost(drawn, random):
    claims = [claim(f"o{i}", score, mask) for i, (mask, score) in enumerate(drawn)]
    told, other = settled(SIZE, claims), settled(SIZE, random.sample(claims, len(claims)))
    assert np.array_equal(told.labels, other.labels)
    assert told.masks == other.masks
    assert np.array_equal(told.labels > 0, np.any([np.zeros(SIZE, dtype=bool), *(mask for mask, _ in drawn)], axis=0))
    assert set(np.unique(told.labels)) - {0} == set(range(1, len(told.masks) + 1))
    for name, (mask, _) in zip([f"o{i}" for i in range(len(drawn))], drawn, strict=True):
        assert not (shown(told, name) & ~mask).any()


def test_the_surer_mask_is_on_top():
    left, right = box(2, 2, 14, 12), box(8, 2, 20, 12)
    for scores in itertools.permutations([0.4, 0.7]):
        told = settled(SIZE, [claim("left", scores[0], left), claim("right", scores[1], right)])
        assert np.array_equal(shown(told, "left"), left if scores[0] > scores[1] else left & ~right)
        assert np.array_equal(shown(told, "right"), right if scores[1] > scores[0] else right & ~left)
        assert told.flags == ()


def test_a_pixel_goes_to_the_mask_that_is_surer_of_it():
    unsure = np.where(box(0, 0, 20, 10), 0.1, -5).astype(np.float32)
    unsure[box(0, 0, 6, 10)] = 5
    doubtful = Mask(object="doubtful", score=0.9), PackedMask.of(SoftMask(unsure, 0.9))
    told = settled(SIZE, [doubtful, claim("clear", 0.7, box(2, 0, 26, 10))])
    assert np.array_equal(shown(told, "doubtful"), box(0, 0, 6, 10))
    assert np.array_equal(shown(told, "clear"), box(6, 0, 26, 10))


def test_what_lies_within_a_much_larger_thing_keeps_its_pixels():
    table, cup = box(0, 0, 30, 20), box(10, 5, 16, 11)
    told = settled(SIZE, [claim("table", 0.9, table), claim("cup", 0.2, cup)])
    assert np.array_equal(shown(told, "cup"), cup)
    assert np.array_equal(shown(told, "table"), table & ~cup)
    assert told.flags == ()


def test_two_masks_of_one_thing_are_told():
    told = settled(SIZE, [claim("bag", 0.4, box(2, 2, 12, 12)), claim("red-bag", 0.6, box(2, 2, 12, 13))])
    assert [mask.object for mask in told.masks] == ["red-bag"]
    assert told.flags == ("`red-bag` and `bag` claim the same pixels",)


def test_a_mask_of_no_object_takes_what_no_object_claims():
    other, cup = box(5, 5, 9, 9), box(2, 2, 12, 12)
    told = settled(SIZE, [claim(None, 0.9, other, 1), claim(None, 0.8, box(10, 2, 20, 12), 2), claim("cup", 0.1, cup)])
    assert np.array_equal(shown(told, "cup"), cup)
    assert np.array_equal(shown(told, None), box(12, 2, 20, 12))
    assert [mask.track for mask in told.masks] == [None, 2]


def test_a_score_of_nothing_still_has_its_pixels():
    told = settled(SIZE, [claim("cup", 0.0, box(2, 2, 6, 6))])
    assert np.array_equal(shown(told, "cup"), box(2, 2, 6, 6))


def test_without_claims_there_is_nothing():
    told = settled(SIZE, [], ["look"])
    assert not told.labels.any()
    assert (told.masks, told.flags, told.labels.dtype) == ((), ("look",), np.uint16)
