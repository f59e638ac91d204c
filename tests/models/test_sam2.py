"""SAM 2 answers on single pictures and through sequences as the library does with the official processors."""

import numpy as np
import pytest
import torch
from transformers import Sam2VideoInferenceSession

from splatsmith.models.protocols import Prompt, SoftMask
from splatsmith.models.sam2 import Sam2
from splatsmith.models.sam2_video import Sam2Tracker, clicks, fitted_mask

BOX = Prompt(box=np.array([10.0, 12.0, 60.0, 50.0]))
OTHER = Prompt(points=np.array([[20.0, 30.0], [70.0, 10.0]]), inside=np.array([True, False]))
NEAR = {"rtol": 1e-4, "atol": 1e-3}


@pytest.fixture(scope="module")
def tracker(checkpoint) -> Sam2Tracker:
    return Sam2Tracker.load(checkpoint("sam2"), device="cpu")


@pytest.fixture(scope="module")
def long_clip(reference) -> list[np.ndarray]:
    """More frames than a tracker remembers."""
    return [reference.picture(60, 80, seed) for seed in range(21)]


def track(tracker, frames, seeds) -> dict[tuple[str, int], SoftMask]:
    found = {}
    for one in tracker.track(frames, seeds):
        assert (one.name, one.frame) not in found
        found[one.name, one.frame] = one.mask
    return found


def assert_same(ours: dict, theirs: dict) -> None:
    assert ours.keys() == theirs.keys()
    for key, mask in ours.items():
        assert np.allclose(mask.logits, theirs[key].logits, **NEAR), key
        assert mask.score == pytest.approx(theirs[key].score, abs=1e-4)


def blob(height: int = 60, width: int = 80) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (x - 40) ** 2 + (y - 30) ** 2 < 300


def library(tracker, frames, prompts: dict[int, Prompt], frame: int) -> dict[tuple[str, int], torch.Tensor]:
    """The library's own way: one session with all frames and all objects, nothing ever dropped, one pass forwards and,
    without what that found, one backwards."""
    video = torch.cat([tracker._pixels(image) for image in frames])
    height, width = frames[0].shape[:2]
    session = Sam2VideoInferenceSession(video=video, video_height=height, video_width=width, dtype=torch.float32)
    for name, prompt in prompts.items():
        points, labels = clicks(prompt, (height, width), video.shape[-1])
        session.add_point_inputs(session.obj_id_to_idx(name), frame, {"point_coords": points, "point_labels": labels})
    session.obj_with_new_inputs = list(prompts)
    tracker.model(session, frame_idx=frame)
    found = {}
    for reverse in (False, True):
        for outputs in session.output_dict_per_obj.values():
            outputs["non_cond_frame_outputs"].clear()
        for answer in tracker.model.propagate_in_video_iterator(session, start_frame_idx=frame, reverse=reverse):
            full = torch.nn.functional.interpolate(answer.pred_masks, (height, width), mode="bilinear")
            found |= {(name, answer.frame_idx): mask[0].numpy() for name, mask in zip(prompts, full, strict=True)}
    return found


def test_a_long_sequence_is_followed_as_the_library_does_that_forgets_nothing(tracker, long_clip):
    prompts = {"lid": BOX, "pot": OTHER}
    theirs = library(tracker, long_clip, prompts, 2)
    ours = track(tracker, long_clip, {name: {2: prompt} for name, prompt in prompts.items()})
    assert ours.keys() == theirs.keys()
    for key, mask in ours.items():
        assert np.allclose(mask.logits, theirs[key], **NEAR), key
    seen = [mask for mask in ours.values() if mask.mask.any()]
    assert len(seen) > len(ours) / 2
    assert np.std([mask.mask.mean() for mask in seen]) > 0.01  # the tiny model's answers do differ


def test_memory_does_not_grow_with_the_sequence(tracker, long_clip, monkeypatch):
    kept = []
    follow = tracker._follow

    def watched(session, *rest):
        found = follow(session, *rest)
        outputs = session.output_dict_per_obj[0]["non_cond_frame_outputs"]
        kept.append((len(outputs), sum("maskmem_features" in one for one in outputs.values())))
        return found

    monkeypatch.setattr(tracker, "_follow", watched)
    track(tracker, long_clip, {"lid": {0: BOX}})
    assert max(kept) == (15, 6)
    assert len(kept) == 20


def test_each_frame_is_opened_at_most_twice_per_pass(tracker, clip):
    opened = []

    class Lazy:
        def __len__(self) -> int:
            return len(clip)

        def __getitem__(self, frame: int) -> np.ndarray:
            opened.append(frame)
            return clip[frame]

    track(tracker, Lazy(), {"lid": {4: BOX}, "pot": {4: OTHER}})
    assert sorted(set(opened)) == list(range(len(clip)))
    assert len(opened) <= len(clip) + 2


def test_objects_do_not_influence_each_other(tracker, clip):
    seeds = {"lid": {1: BOX, 6: OTHER}, "pot": {4: OTHER}}
    together = track(tracker, clip, seeds)
    alone = {}
    for name, shown in seeds.items():
        alone |= track(tracker, clip, {name: shown})
    assert_same(together, alone)


def test_the_order_of_objects_and_seeds_does_not_matter(tracker, clip):
    seeds = {"lid": {1: BOX, 6: OTHER}, "pot": {4: OTHER}}
    turned = {name: dict(reversed(shown.items())) for name, shown in reversed(seeds.items())}
    assert_same(track(tracker, clip, seeds), track(tracker, clip, turned))


def test_time_has_no_preferred_direction(tracker, clip):
    """Between the seeds an odd number of frames apart no frame is as near to both."""
    last = len(clip) - 1
    forth = track(tracker, clip, {"lid": {1: BOX, 6: OTHER}})
    back = track(tracker, clip[::-1], {"lid": {last - 1: BOX, last - 6: OTHER}})
    assert_same(forth, {(name, last - frame): mask for (name, frame), mask in back.items()})


def test_every_object_is_told_of_in_every_frame(tracker, clip):
    found = track(tracker, clip, {"lid": {0: BOX}, "pot": {3: OTHER, 8: BOX}})
    assert found.keys() == {(name, frame) for name in ("lid", "pot") for frame in range(len(clip))}
    assert all(mask.logits.shape == (60, 80) and mask.logits.dtype == np.float32 for mask in found.values())
    assert all(0 <= mask.score <= 1 for mask in found.values())


def test_a_mask_that_is_given_comes_back_on_its_own_frame(tracker, clip):
    found = track(tracker, clip[:3], {"lid": {1: Prompt(mask=blob())}})
    assert np.array_equal(found["lid", 1].mask, blob())
    assert found["lid", 1].score == 1.0


def test_the_model_itself_gives_back_a_mask_that_it_is_given(tracker, clip, monkeypatch):
    answers = []
    run = tracker._run
    monkeypatch.setattr(tracker, "_run", lambda *given: answers.append(run(*given)) or answers[-1])
    track(tracker, clip[:1], {"lid": {0: Prompt(mask=blob())}})
    overlap = (answers[0].mask & blob()).sum() / (answers[0].mask | blob()).sum()
    assert overlap > 0.9
    assert answers[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_mask_starts_the_memory_of_the_other_frames(tracker, clip):
    ours, mirrored = (track(tracker, clip[:3], {"lid": {1: Prompt(mask=m)}}) for m in (blob(), ~blob()))
    assert not np.allclose(ours["lid", 2].logits, mirrored["lid", 2].logits, **NEAR)
    assert not np.allclose(ours["lid", 0].logits, mirrored["lid", 0].logits, **NEAR)


def test_further_seeds_are_remembered(tracker, clip):
    """A seed changes the frames that are reached from another one, too: they attend to both."""
    one, two = (track(tracker, clip, {"lid": seeds}) for seeds in ({0: BOX}, {0: BOX, 8: Prompt(mask=blob())}))
    assert not np.allclose(one["lid", 1].logits, two["lid", 1].logits, **NEAR)
    assert np.allclose(one["lid", 0].logits, two["lid", 0].logits, **NEAR)


def test_how_many_seeds_are_remembered_can_be_limited(checkpoint, clip):
    nearest = Sam2Tracker.load(checkpoint("sam2"), device="cpu", seeds_in_memory=1)
    one, two = (track(nearest, clip, {"lid": seeds}) for seeds in ({0: BOX}, {0: BOX, 8: Prompt(mask=blob())}))
    with pytest.raises(AssertionError):
        assert_same(one, two)
    assert np.isfinite(two["lid", 1].logits).all()


def test_frames_of_different_sizes_keep_their_sizes(tracker, reference):
    frames = [reference.picture(60, 80), reference.picture(80, 60), reference.picture(30, 90)]
    found = track(tracker, frames, {"lid": {1: Prompt(box=np.array([5.0, 5.0, 50.0, 70.0]))}})
    assert {key: mask.logits.shape for key, mask in found.items()} == {
        ("lid", 0): (60, 80), ("lid", 1): (80, 60), ("lid", 2): (30, 90)
    }  # fmt: skip


def test_one_frame_is_a_sequence(tracker, clip):
    assert track(tracker, clip[:1], {"lid": {0: BOX}}).keys() == {("lid", 0)}


def test_nothing_to_follow_is_nothing_found(tracker, clip):
    assert track(tracker, clip, {}) == {}


@pytest.mark.parametrize("seeds", [{}, {9: BOX}])
def test_an_object_without_seeds_in_the_sequence_is_refused(tracker, clip, seeds):
    with pytest.raises(ValueError, match="do not lie within 9 frames"):
        track(tracker, clip, {"lid": seeds})


def test_a_mask_of_another_size_is_refused(tracker, clip):
    with pytest.raises(ValueError, match=r"the mask prompt has shape \(61, 80\), frame 2 has \(60, 80\)"):
        track(tracker, clip, {"lid": {2: Prompt(mask=blob(61, 80))}})


def test_prompts_reach_the_model_as_the_official_processor_hands_them_on(golden, reference):
    prompt = Prompt(box=np.array([3, 6, 60, 44]), points=np.array([[4, 3], [70, 40]]), inside=np.array([True, False]))
    points, labels = clicks(prompt, (45, 75), 32)
    assert np.allclose(points.numpy(), golden["sam2_points"], atol=1e-5)
    assert np.array_equal(labels.numpy(), golden["sam2_labels"])
    assert np.array_equal(fitted_mask(reference.discs(), 32).numpy().astype(bool), golden["sam2_mask_prompt"])


def test_half_precision_follows_too(checkpoint, tracker, clip):
    half = Sam2Tracker.load(checkpoint("sam2"), device="cpu", dtype="bfloat16")
    ours, theirs = (track(t, clip[:4], {"lid": {1: Prompt(mask=blob())}}) for t in (half, tracker))
    assert ours.keys() == theirs.keys()
    agree = np.mean([(ours[key].mask == theirs[key].mask).mean() for key in ours])
    assert agree > 0.9


def test_a_single_picture_is_answered_as_the_tracker_s_first_frame(checkpoint, tracker, clip):
    """The two models share their weights, and no memory is involved yet. Boxes are two points to one of them and a
    box to the other."""
    found = Sam2.load(checkpoint("sam2"), device="cpu").segment(clip[0], [BOX, OTHER])
    followed = track(tracker, clip[:1], {"box": {0: BOX}, "points": {0: OTHER}})
    assert np.allclose(found[1].logits, followed["points", 0].logits, **NEAR)
    assert found[0].logits.shape == (60, 80)


def test_single_pictures_are_answered_as_the_library_does(checkpoint, picture):
    segmenter = Sam2.load(checkpoint("sam2"), device="cpu")
    (found,) = segmenter.segment(picture, [Prompt(points=np.array([[40.0, 30.0]]))])
    model = segmenter.model
    with torch.inference_mode():
        answer = model(
            pixel_values=torch.from_numpy(_official_pixels(picture)),
            input_points=torch.tensor([[[[40 * 128 / 150, 30 * 128 / 90]]]]),
            input_labels=torch.ones(1, 1, 1, dtype=torch.int64),
            multimask_output=True,
        )
    best = answer.iou_scores[0, 0].argmax()
    full = torch.nn.functional.interpolate(answer.pred_masks[0, :, best][None], (90, 150), mode="bilinear")[0, 0]
    assert np.allclose(found.logits, full.numpy(), **NEAR)
    assert found.score == pytest.approx(float(answer.iou_scores[0, 0, best]), abs=1e-5)


def _official_pixels(image: np.ndarray) -> np.ndarray:
    """As test_pictures.py finds them equal to the official processor's."""
    from splatsmith.models.pictures import IMAGENET_MEAN, IMAGENET_STD, normalised, squeezed

    return normalised(squeezed(image, 128), IMAGENET_MEAN, IMAGENET_STD).numpy()


def test_everything_is_found_with_sam2_too(checkpoint, picture):
    from splatsmith.models.everything import Everything

    settings = Everything(points_per_side=3, pred_iou_thresh=0.0, stability_score_thresh=0.0, box_nms_thresh=1.0)
    found = Sam2.load(checkpoint("sam2"), device="cpu").everything(picture, settings)
    assert len(found) > 3
    assert all(one.mask.shape == (90, 150) for one in found)
