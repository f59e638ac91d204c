"""Which tracks are believed where: tracks of a box along a line of frames, and detections that agree or do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.models.protocols import Detections, Prompt, SoftMask
from splatsmith.segment2d.packed import PackedMask, extent
from splatsmith.segment2d.tracks import Seed, Track, believed, check, chosen, first_seeds, further_seeds

FRAMES = 21
LEFT, RIGHT = np.array([2.0, 2.0, 12.0, 12.0]), np.array([20.0, 2.0, 30.0, 12.0])


def mask_of(box: np.ndarray | None) -> PackedMask | None:
    mask = np.zeros((16, 32), dtype=bool)
    if box is not None:
        x0, y0, x1, y1 = box.astype(int)
        mask[y0:y1, x0:x1] = True
    return PackedMask.of(SoftMask.known(mask))


def track(seed: int, places: list[np.ndarray | None], sureness: float = 0.8) -> Track:
    prompt = Prompt(box=LEFT if places[seed] is None else places[seed])
    return Track(Seed(seed, prompt, sureness), [mask_of(place) for place in places], np.full(len(places), 0.9))


def detected(boxes: dict[int, list[tuple[np.ndarray, float]]]) -> dict[int, Detections]:
    found = {}
    for frame, some in boxes.items():
        some = sorted(some, key=lambda one: -one[1])
        places, scores = np.array([box for box, _ in some]).reshape(-1, 4), np.array([score for _, score in some])
        found[frame] = Detections("cup", places, scores, max(scores, default=0.1), None)
    return found


def on_the_left(*frames: int, score: float = 0.5) -> dict[int, list]:
    return {frame: [(LEFT, score)] for frame in frames}


@given(st.lists(st.sampled_from([LEFT, RIGHT, None]), min_size=3, max_size=12), st.data())
def test_a_track_holds_up_to_where_the_latest_detection_on_the_way_contradicts_it(places, data):
    seed = data.draw(st.integers(0, len(places) - 1))
    keys = data.draw(st.sets(st.integers(0, len(places) - 1)))
    one = check(track(seed, places), detected(on_the_left(*keys)), 0.5)
    for frame in range(len(places)):
        step = 1 if frame >= seed else -1
        way = [key for key in range(seed, frame + step, step) if key in keys]
        assert one.holds[frame] == (not way or places[way[-1]] is LEFT)
        expected = 0.9 * 0.8 * (1 if one.holds[frame] else 0)
        assert one.score(frame) == pytest.approx(expected)


def test_a_score_falls_by_how_much_a_detection_contradicts_it():
    shifted = LEFT + [5, 0, 5, 0]  # overlaps by 50 of 150 pixels
    one = check(track(0, [LEFT] * FRAMES), detected({4: [(shifted, 0.5)]}), 0.5)
    assert one.score(3) == pytest.approx(0.9 * 0.8)
    assert one.score(4) == one.score(20) == pytest.approx(0.9 * 0.8 / 3, rel=1e-6)
    assert one.contradicted(4)
    assert not one.contradicted(3)


def test_any_of_several_detections_confirms():
    one = check(track(0, [LEFT] * FRAMES), detected({4: [(RIGHT, 0.9), (LEFT, 0.4)], 8: []}), 0.5)
    assert one.overlaps[4] == 1.0
    assert np.isnan(np.delete(one.overlaps, 4)).all()
    assert one.holds.all()


@given(st.sets(st.integers(0, 20)), st.integers(1, 6))
def test_first_seeds_are_spread_and_each_the_surest_of_its_stretch(keys, count):
    scores = {key: 0.3 + 0.01 * ((key * 7) % 13) for key in keys}
    seeds = first_seeds(detected({key: [(LEFT, score)] for key, score in scores.items()} | {30: []}), count)
    assert len(seeds) == min(count, len(keys))
    frames = [seed.frame for seed in seeds]
    assert frames == sorted(set(frames))
    assert all(seed.sureness == scores[seed.frame] for seed in seeds)
    for stretch, seed in zip(np.array_split(sorted(keys), max(len(seeds), 1)), seeds, strict=False):
        assert seed.frame in stretch
        assert seed.sureness == max(scores[key] for key in stretch)


def test_a_track_begins_anew_in_each_stretch_that_all_tracks_have_lost():
    places = [RIGHT] * 8 + [LEFT] * 5 + [None] * 8
    keys = detected(on_the_left(0, 4, 8, 12, 16) | {20: [(LEFT, 0.9)]})
    one = check(track(10, places), keys, 0.5)
    seeds = further_seeds([one], keys)
    assert [(seed.frame, seed.sureness) for seed in seeds] == [(0, 0.5), (20, 0.9)]
    again = [check(track(seed.frame, [LEFT] * FRAMES), keys, 0.5) for seed in seeds]
    assert further_seeds([one, *again], keys) == []


def test_nothing_begins_where_it_began_before():
    keys = detected(on_the_left(0, 10, 20))
    failed = check(track(10, [None] * FRAMES), keys, 0.5)
    assert [seed.frame for seed in further_seeds([failed], keys)] == [0, 20]
    every = [check(track(frame, [None] * FRAMES), keys, 0.5) for frame in (0, 10, 20)]
    assert further_seeds(every, keys) == []


def test_of_several_things_that_fit_only_that_of_the_surest_track_is_believed():
    both = detected({frame: [(LEFT, 0.5), (RIGHT, 0.4)] for frame in (0, 10, 20)})
    left, right = (check(track(f, [box] * FRAMES, s), both, 0.5) for f, box, s in ((0, LEFT, 0.5), (10, RIGHT, 0.4)))
    kept, doubted = believed([right, left])
    assert kept == [left]
    assert doubted == {10: "several things fit the prompt"}


def test_a_drifted_track_does_not_speak_against_a_new_seed():
    keys = detected(on_the_left(0, 10, 20))
    drifted = check(track(0, [LEFT] * 5 + [RIGHT] * 16, 0.9), keys, 0.5)
    fresh = check(track(10, [LEFT] * FRAMES, 0.4), keys, 0.5)
    kept, doubted = believed([drifted, fresh])
    assert kept == [drifted, fresh]
    assert doubted == {}
    assert chosen(kept, 3) is drifted
    assert chosen(kept, 4) is drifted
    assert all(chosen(kept, frame) is fresh for frame in range(6, FRAMES))


def test_a_single_detection_elsewhere_is_the_odd_one_out_however_sure():
    keys = detected(on_the_left(0, 5, 15, 20) | {10: [(RIGHT, 0.95)]})
    right = check(track(0, [LEFT] * FRAMES, 0.5), keys, 0.5)
    wrong = check(track(10, [RIGHT] * FRAMES, 0.95), keys, 0.5)
    kept, doubted = believed([right, wrong])
    assert kept == [right]
    assert list(doubted) == [10]
    assert chosen(kept, 10) is right
    assert right.score(10) == 0  # in doubt there, and beyond trusted again
    assert right.score(15) == pytest.approx(0.45)


def test_one_track_alone_is_believed_whatever_is_detected():
    keys = detected(on_the_left(0, 20))
    one = check(track(10, [RIGHT] * FRAMES), keys, 0.5)
    assert believed([one]) == ([one], {})
    assert believed([]) == ([], {})


def test_the_nearest_of_the_tracks_that_hold_is_chosen():
    near, far = (check(track(frame, [LEFT] * FRAMES), detected({}), 0.5) for frame in (4, 14))
    assert [chosen([far, near], frame).frame for frame in (0, 8, 9, 10, 20)] == [4, 4, 4, 14, 14]


@given(st.integers(0, 20), st.integers(0, 10), st.integers(1, 12), st.integers(1, 6))
def test_the_extent_of_a_box_is_the_box(x, y, width, height):
    mask = np.zeros((16, 32), dtype=bool)
    mask[y : y + height, x : x + width] = True
    assert extent(mask).tolist() == [x, y, x + width, y + height]


def test_specks_do_not_count_for_the_extent():
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:40, 30:60] = True
    mask[2, 3] = mask[55, 70] = True
    assert extent(mask).tolist() == [30, 20, 60, 40]


@pytest.mark.parametrize("seed", range(3))
def test_a_packed_mask_is_the_mask_and_nearly_its_probabilities(seed):
    logits = np.random.default_rng(seed).normal(size=(20, 30)).astype(np.float32) * 5
    logits[:4] = logits[:, 25:] = -1
    soft = SoftMask(logits, 0.7)
    packed = PackedMask.of(soft)
    whole = np.zeros(logits.shape)
    whole[packed.window] = packed.probability()
    assert np.array_equal(whole > 0, soft.mask)
    assert np.abs(whole - soft.probability)[soft.mask].max() < 0.5 / 254
    assert PackedMask.of(SoftMask(np.full((5, 5), -1.0), 1.0)) is None
