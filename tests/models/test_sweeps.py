"""Every frame is tracked once, from the nearest frame in which the object was shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.models.sweeps import BACKWARD, FORWARD, SHOWN, Memory, Video, directions, sweep


@st.composite
def seeded(draw):
    length = draw(st.integers(1, 30))
    return length, sorted(draw(st.sets(st.integers(0, length - 1), min_size=1)))


@given(seeded())
def test_a_frame_is_reached_from_its_nearest_seed(case):
    length, seeds = case
    for frame, direction in enumerate(directions(length, seeds)):
        nearest = min(abs(frame - seed) for seed in seeds)
        assert (direction == SHOWN) == (frame in seeds)
        if direction != SHOWN:
            assert frame - direction * nearest in seeds


@given(seeded())
def test_ways_start_at_seeds_and_have_no_gaps(case):
    length, seeds = case
    found = directions(length, seeds)
    for direction in (FORWARD, BACKWARD):
        for frame in np.flatnonzero(found == direction):
            assert found[frame - direction] in (direction, SHOWN)


@given(seeded())
def test_the_reversed_sequence_is_tracked_the_other_way_round(case):
    length, seeds = case
    forth = directions(length, seeds)
    back = directions(length, [length - 1 - seed for seed in seeds])[::-1]
    distances = np.abs(np.arange(length)[:, None] - seeds)
    tied = (distances == distances.min(axis=1, keepdims=True)).sum(axis=1) > 1
    assert (forth[~tied] == -back[~tied]).all()
    assert (forth[tied] == FORWARD).all()


@given(seeded())
def test_two_sweeps_pass_every_frame_in_order(case):
    length, _ = case
    assert list(sweep(length, FORWARD)) == list(range(length))
    assert list(sweep(length, BACKWARD)) == list(range(length))[::-1]


@pytest.mark.parametrize("seeds", [[], [-1], [5], [0, 9]])
def test_seeds_lie_within_the_sequence(seeds):
    with pytest.raises(ValueError, match="do not lie within 5 frames"):
        directions(5, seeds)


@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
def test_memory_holds_what_the_next_frame_reads(direction):
    outputs = {"cond_frame_outputs": {50: dict.fromkeys(KEPT | DROPPED)}, "non_cond_frame_outputs": {}}
    for step in range(1, 40):
        frame = 50 + direction * step
        outputs["non_cond_frame_outputs"][frame] = dict.fromkeys(KEPT | DROPPED)
        Memory(masks=6, pointers=15).forget(outputs, frame)
        past = outputs["non_cond_frame_outputs"]
        read = [frame - direction * back for back in range(min(step, 15))]  # by the frame after it
        assert sorted(past) == sorted(read)
        assert all("object_pointer" in past[f] for f in read)
        assert all(past[f].keys() == KEPT for f in read[:6])
        assert all(past[f].keys() == KEPT - {"maskmem_features", "maskmem_pos_enc"} for f in read[6:])
    assert outputs["cond_frame_outputs"][50].keys() == KEPT | {"pred_masks"}


KEPT = {"maskmem_features", "maskmem_pos_enc", "object_pointer", "object_score_logits"}
DROPPED = {"high_res_masks", "pred_masks"}


def test_frames_are_opened_when_they_are_asked_for(clip):
    opened = []

    class Lazy:
        def __len__(self) -> int:
            return len(clip)

        def __getitem__(self, frame: int) -> np.ndarray:
            opened.append(frame)
            return clip[frame]

    import torch

    video = Video(Lazy(), lambda image: torch.from_numpy(image)[None])
    assert len(video) == len(clip)
    assert opened == []
    assert torch.equal(video[3], torch.from_numpy(clip[3]))
    assert video.size(3) == (60, 80)
    assert opened == [3]
    assert video.size(4) == (60, 80)
    assert opened == [3, 4]
