"""Non-maximum suppression keeps the best of what overlaps, and everything that does not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from splatsmith.models.nms import box_iou, mask_iou, nms

COUNTS = st.integers(0, 12)
THRESHOLDS = st.floats(0, 1)


@st.composite
def boxes(draw):
    corners = draw(arrays.arrays(np.int64, (draw(COUNTS), 2, 2), elements=st.integers(0, 9)))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


@st.composite
def scored_boxes(draw):
    found = draw(boxes())
    return found, draw(arrays.arrays(np.float64, len(found), elements=st.sampled_from([0.1, 0.2, 0.5, 0.9])))


def area(box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


@given(boxes())
def test_overlap_of_boxes_is_that_of_the_pixels_they_cover(found):
    overlaps = box_iou(found)
    for i, a in enumerate(found):
        for j, b in enumerate(found):
            pixels = np.zeros((2, 9, 9), dtype=bool)
            for k, box in enumerate((a, b)):
                pixels[k, box[1] : box[3], box[0] : box[2]] = True
            union = (pixels[0] | pixels[1]).sum()
            assert overlaps[i, j] == ((pixels[0] & pixels[1]).sum() / union if union else 0)


@given(arrays.arrays(bool, st.tuples(COUNTS, st.just(4), st.just(5))))
def test_overlap_of_masks_counts_pixels(masks):
    overlaps = mask_iou(masks)
    for i, a in enumerate(masks):
        for j, b in enumerate(masks):
            assert overlaps[i, j] == ((a & b).sum() / (a | b).sum() if (a | b).any() else 0)


@given(scored_boxes(), THRESHOLDS)
def test_what_is_kept_does_not_overlap(scored, threshold):
    found, scores = scored
    kept = nms(scores, box_iou(found), threshold)
    overlaps = box_iou(found[kept])
    assert (overlaps[~np.eye(len(kept), dtype=bool)] <= threshold).all()


@given(scored_boxes(), THRESHOLDS)
def test_what_is_dropped_overlaps_something_better_that_is_kept(scored, threshold):
    found, scores = scored
    kept = nms(scores, box_iou(found), threshold)
    overlaps = box_iou(found)
    for i in set(range(len(found))) - set(kept.tolist()):
        assert any(overlaps[i, j] > threshold and scores[j] >= scores[i] for j in kept)


@given(scored_boxes(), THRESHOLDS)
def test_the_best_comes_first_and_a_second_pass_changes_nothing(scored, threshold):
    found, scores = scored
    kept = nms(scores, box_iou(found), threshold)
    assert (np.diff(scores[kept]) <= 0).all()
    assert len(kept) == 0 or scores[kept[0]] == scores.max()
    assert nms(scores[kept], box_iou(found[kept]), threshold).tolist() == list(range(len(kept)))


@given(scored_boxes())
def test_a_threshold_of_one_keeps_everything(scored):
    found, scores = scored
    assert sorted(nms(scores, box_iou(found), 1.0)) == list(range(len(found)))


def test_of_equal_scores_the_first_wins():
    same = np.array([[0, 0, 2, 2]] * 3)
    assert nms(np.array([0.5, 0.5, 0.5]), box_iou(same), 0.5).tolist() == [0]


def test_the_overlap_must_exceed_the_threshold():
    halves = np.array([[0, 0, 2, 2], [0, 0, 2, 1]])
    scores = np.array([0.9, 0.8])
    assert nms(scores, box_iou(halves), 0.5).tolist() == [0, 1]
    assert nms(scores, box_iou(halves), 0.49).tolist() == [0]
