"""SAM 3 finds and follows what text says, as the library does with the official processors."""

import sys

import numpy as np
import pytest
import torch
from transformers import Sam3VideoInferenceSession, Sam3VideoModel

from splatsmith.base.errors import InputError
from splatsmith.models.loading import load_model
from splatsmith.models.protocols import Tracked
from splatsmith.models.sam3 import Sam3, instances, tokenized
from splatsmith.models.sam3_video import Sam3Tracker, _tracked, _without_duplicates, parted

NEAR = {"rtol": 1e-4, "atol": 1e-3}


@pytest.fixture(scope="module")
def detector(checkpoint) -> Sam3:
    return Sam3.load(checkpoint("sam3"), device="cpu")


@pytest.fixture
def tracker(checkpoint) -> Sam3Tracker:
    tracker = Sam3Tracker.load(checkpoint("sam3"), device="cpu")
    eager(tracker.model)
    return tracker


def eager(model) -> None:
    """Let a tiny model with random weights find and keep something."""
    model.score_threshold_detection, model.new_det_thresh = 0.35, 0.4
    model.hotstart_delay, model.hotstart_unmatch_thresh = 0, 1000
    model.det_nms_thresh = 0.5


def test_instances_are_what_the_official_processor_makes_of_an_answer(golden, reference):
    boxes, scores, best_score, best_box, masks = instances(reference.sam3_answer(), (45, 75), 0.3)
    order = np.argsort(-golden["sam3_scores"])
    assert np.allclose(scores, golden["sam3_scores"][order])
    expected = np.clip(golden["sam3_boxes"][order], 0, [75, 45, 75, 45])
    assert np.allclose(boxes, expected, atol=1e-4)
    assert np.array_equal([mask.mask for mask in masks], golden["sam3_masks"][order].astype(bool))
    assert [mask.score for mask in masks] == pytest.approx(scores.tolist())
    assert best_score == scores[0]
    assert np.array_equal(best_box, boxes[0])


def test_below_the_threshold_only_the_best_is_named(golden, reference):
    boxes, scores, best_score, best_box, masks = instances(reference.sam3_answer(), (45, 75), 0.99)
    assert (boxes.shape, scores.shape, masks) == ((0, 4), (0,), ())
    assert best_score == pytest.approx(golden["sam3_scores"].max())
    assert best_box.shape == (4,)


def test_detections_are_what_the_model_itself_answers(detector, picture):
    (found,) = detector.detect(picture, ["red chair"], threshold=0.0)
    ids, mask = tokenized(detector.tokenizer, ["red chair"])["red chair"]
    from splatsmith.models.sam3 import prepared

    with torch.inference_mode():
        answer = detector.model(prepared(picture, detector.model), input_ids=ids, attention_mask=mask)
    scores = (answer.pred_logits[0].sigmoid() * answer.presence_logits[0].sigmoid()).numpy()
    assert np.allclose(found.scores, np.sort(scores)[::-1], atol=1e-6)
    assert len(found.masks) == len(found.boxes) == 10
    assert all(mask.logits.shape == (90, 150) for mask in found.masks)
    assert found.boxes.min() >= 0
    assert (found.boxes <= [150, 90, 150, 90]).all()


def test_prompts_are_answered_by_themselves_and_in_order(detector, picture):
    together = detector.detect(picture, ["lid", "red chair", "lid"], threshold=0.3)
    assert [found.prompt for found in together] == ["lid", "red chair", "lid"]
    for found in together:
        (alone,) = detector.detect(picture, [found.prompt], threshold=0.3)
        assert np.allclose(alone.scores, found.scores)
        assert alone.best_score == pytest.approx(found.best_score)
    assert together[0].best_score != together[1].best_score


def test_upper_case_changes_nothing(detector, picture):
    plain, loud = detector.detect(picture, ["red chair", "RED Chair"], threshold=0.0)
    assert np.array_equal(plain.scores, loud.scores)


@pytest.mark.parametrize("kind", ["detector", "tracker"])
def test_prompts_that_the_model_cannot_read_are_all_told(request, picture, kind):
    model, prompts = request.getfixturevalue(kind), ["lid", " ", "red" * 20]
    ask = {
        "detector": lambda: model.detect(picture, prompts, threshold=0.3),
        "tracker": lambda: list(model.track([picture], prompts)),
    }[kind]
    with pytest.raises(InputError) as error:
        ask()
    assert str(error.value) == (
        "a text prompt has no words\n"
        "  where:    ' '\n"
        "  fix:      say what is to be found, e.g. `red chair`\n"
        "a text prompt is too long\n"
        f"  where:    '{'red' * 20}'\n"
        "  expected: at most 30 tokens\n"
        "  got:      60\n"
        "  fix:      say it shorter"
    )


def test_a_prompt_as_long_as_the_model_reads_is_read(detector):
    ((ids, mask),) = tokenized(detector.tokenizer, ["red" * 10]).values()
    assert ids.shape == mask.shape == (1, 32)
    assert mask.all()


def test_tracks_are_what_the_official_processor_makes_of_an_answer(golden, reference):
    session, answer = reference.sam3_tracks()
    found = sorted(_tracked(session, answer, (45, 75)), key=lambda one: one.instance)
    assert [one.instance for one in found] == golden["sam3_video_object_ids"].tolist()
    assert np.array_equal([one.mask.mask for one in found], golden["sam3_video_masks"])
    assert [(one.frame, one.name) for one in found] == [(3, "red chair"), (3, "lid"), (3, "red chair")]
    assert [one.mask.score for one in found] == pytest.approx([0.6, 0.9, 0.8])


def test_what_several_claim_goes_to_the_surest():
    logits = np.array([[[1.0, 1, -1]], [[2, -2, -2]], [[3, 3, 3]]], dtype=np.float32)
    found = parted(logits, np.array([0.9, 0.9, 0.5]))
    assert (found > 0).tolist() == [[[True, True, False]], [[False, False, False]], [[False, False, True]]]
    assert (found.max(axis=0) > 0).tolist() == (logits.max(axis=0) > 0).tolist()
    assert np.array_equal(found[logits <= 0], logits[logits <= 0])


def test_duplicate_detections_are_suppressed_in_the_order_of_the_model():
    masks = torch.tensor([[[1.0, 1, -1, -1]], [[1, 1, 1, -1]], [[-1, -1, -1, 1]]])
    found = {"bbox": torch.arange(12.0).reshape(3, 4), "mask": masks, "scores": torch.tensor([0.6, 0.8, 0.7])}
    kept = _without_duplicates(found, 0.5)
    assert torch.allclose(kept["scores"], torch.tensor([0.8, 0.7]))
    assert torch.equal(kept["bbox"], found["bbox"][1:])
    assert torch.equal(kept["mask"], masks[1:])
    assert all(torch.equal(_without_duplicates(found, 0.7)[name], found[name]) for name in found)
    none = {name: values[:0] for name, values in found.items()}
    assert {name: len(values) for name, values in _without_duplicates(none, 0.5).items()} == dict.fromkeys(found, 0)


def test_a_sequence_is_followed_as_the_library_does(checkpoint, tracker, clip):
    """Without suppression, which the library leaves to another one: every frame's masks before they are parted."""
    model = load_model(Sam3VideoModel, checkpoint("sam3"), device="cpu", dtype="float32")
    for each in (model, tracker.model):
        eager(each)
        each.det_nms_thresh, each.fill_hole_area = 0.0, 0
    tracker.model.det_nms_thresh = 1.0
    from splatsmith.models.sam3 import prepared

    frames = clip[:4]
    video = torch.cat([prepared(image, model.detector_model) for image in frames])
    session = Sam3VideoInferenceSession(video=video, video_height=60, video_width=80, dtype=torch.float32)
    for prompt, (ids, mask) in tokenized(tracker.tokenizer, ["red chair", "lid"]).items():
        place = session.add_prompt(prompt)
        session.prompt_input_ids[place], session.prompt_attention_masks[place] = ids, mask
    theirs = {}
    for answer in model.propagate_in_video_iterator(session):
        theirs |= {(one.frame, one.name, one.instance): one for one in _tracked(session, answer, (60, 80))}
    ours = {(one.frame, one.name, one.instance): one for one in tracker.track(frames, ["red chair", "lid"])}
    assert ours.keys() == theirs.keys()
    assert {name for _, name, _ in ours} == {"red chair", "lid"}
    assert {frame for frame, _, _ in ours} == set(range(4))
    for key, one in ours.items():
        assert np.allclose(one.mask.logits, theirs[key].mask.logits, **NEAR)


def test_instances_of_a_prompt_do_not_overlap_and_keep_their_prompt(tracker, clip):
    found = list(tracker.track(clip[:5], ["red chair", "lid"]))
    assert [one.frame for one in found] == sorted(one.frame for one in found)
    assert len({(one.instance, one.name) for one in found}) == len({one.instance for one in found})
    for frame in range(5):
        for name in ("red chair", "lid"):
            masks = [one.mask.mask for one in found if (one.frame, one.name) == (frame, name)]
            assert np.sum(masks, axis=0).max() <= 1
    assert all(one.mask.mask.any() and 0 <= one.mask.score <= 1 for one in found)


def test_nothing_asked_for_is_nothing_found(detector, tracker, picture, clip):
    assert detector.detect(picture, [], threshold=0.3) == []
    assert list(tracker.track(clip, [])) == []
    assert list(tracker.track([], ["lid"])) == []


def test_memory_does_not_grow_with_the_sequence(tracker, reference, monkeypatch):
    sessions = []
    make = tracker._session
    monkeypatch.setattr(tracker, "_session", lambda *given: sessions.append(make(*given)) or sessions[-1])
    frames = [reference.picture(40, 40, seed) for seed in range(18)]
    kept = []
    for one in tracker.track(frames, ["lid"]):
        assert isinstance(one, Tracked)
        kept += [len(o["non_cond_frame_outputs"]) for o in sessions[0].output_dict_per_obj.values()]
    assert max(kept) == 16  # what the next frame reads, and the frame that is being told of


def test_no_code_is_fetched_for_the_steps_that_the_library_leaves_to_another(tracker, clip):
    list(tracker.track(clip[:2], ["lid"]))
    assert tracker.model.fill_hole_area == 0
    module = sys.modules[Sam3VideoModel.__module__]
    assert module.cv_utils_kernel is None


def test_suppression_is_switched_back_on_when_detection_fails(tracker, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Sam3VideoModel, "run_detection", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        tracker.model.run_detection(None, None)
    assert tracker.model.det_nms_thresh == 0.5


def test_half_precision_answers_much_the_same(checkpoint, detector, picture, clip):
    half = Sam3.load(checkpoint("sam3"), device="cpu", dtype="bfloat16")
    ours, theirs = (d.detect(picture, ["lid"], threshold=0.0)[0] for d in (half, detector))
    assert ours.best_score == pytest.approx(theirs.best_score, abs=0.02)
    tracker = Sam3Tracker.load(checkpoint("sam3"), device="cpu", dtype="bfloat16")
    eager(tracker.model)
    assert {one.frame for one in tracker.track(clip[:3], ["lid"])} == {0, 1, 2}
