"""Boxes go to the prompt that they show, in the pixels of the picture."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.base.errors import InputError
from splatsmith.models import grounding_dino
from splatsmith.models.captions import caption
from splatsmith.models.grounding_dino import GroundingDino, _detections, corners
from splatsmith.models.protocols import Detector


@pytest.fixture(scope="module")
def detector(checkpoint) -> Detector:
    return GroundingDino.load(checkpoint("grounding-dino"), device="cpu", edges=(96, 160))


@pytest.fixture
def tokens_fire(detector, monkeypatch):
    """Makes the model answer with given scores of tokens, by their text, for boxes side by side."""

    def arrange(*boxes: dict[str, list[float]]) -> None:
        def answer(input_ids, **_):
            words = detector.tokenizer.convert_ids_to_tokens(input_ids[0])
            logits = torch.full((1, len(boxes), 256), -torch.inf)
            for q, fired in enumerate(boxes):
                for word, values in fired.items():
                    places = [i for i, token in enumerate(words) if token == word]
                    for place, value in zip(places, values, strict=False):
                        logits[0, q, place] = torch.tensor(value).logit()
            x = (torch.arange(len(boxes)) + 0.5) / len(boxes)
            extent = torch.full_like(x, 1 / len(boxes))
            found = torch.stack([x, torch.full_like(x, 0.5), extent, torch.ones_like(x)], dim=1)[None]
            return type("Answer", (), {"logits": logits, "pred_boxes": found})()

        monkeypatch.setattr(detector, "model", type("Model", (), {
            "__call__": staticmethod(answer), "device": "cpu", "dtype": torch.float32, "config": detector.model.config
        })())  # fmt: skip

    return arrange


def test_candidates_are_what_the_official_processor_finds(detector, picture):
    """One prompt, no thresholds: the same boxes with the same scores."""
    from transformers import GroundingDinoImageProcessorPil, GroundingDinoProcessor

    images = GroundingDinoImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160})
    processor = GroundingDinoProcessor(images, detector.tokenizer)
    inputs = processor(images=picture, text=caption(["red chair"])[0], return_tensors="pt")
    with torch.inference_mode():
        answer = detector.model(**inputs)
    answer.logits = answer.logits.clone()
    answer.logits[..., [0, 3, 4]] = -torch.inf  # the official score counts the caption's ends and full stop too
    (official,) = processor.post_process_grounded_object_detection(
        answer, threshold=0.0, target_sizes=[picture.shape[:2]]
    )
    boxes, scores, shown = detector._candidates(detector._pixels(picture), picture.shape[:2], ["red chair"])
    assert (shown == 0).all()
    assert np.allclose(scores, official["scores"].numpy(), atol=1e-5)
    expected = np.clip(official["boxes"].numpy(), 0, [150, 90, 150, 90])
    assert np.allclose(boxes, expected, atol=1e-3)


def test_upper_case_blanks_and_full_stops_change_nothing(detector, picture):
    plain, loud = (detector.detect(picture, [text], threshold=0.0)[0] for text in ("red chair", " RED  Chair. "))
    assert loud.prompt == " RED  Chair. "
    assert np.array_equal(plain.boxes, loud.boxes)
    assert np.array_equal(plain.scores, loud.scores)
    assert len(plain.boxes) > 0


def test_alike_prompts_get_the_same_answer(detector, picture):
    first, other, second = detector.detect(picture, ["lid", "red chair", "Lid"], threshold=0.0)
    assert np.array_equal(first.boxes, second.boxes)
    assert (first.prompt, other.prompt, second.prompt) == ("lid", "red chair", "Lid")


def test_prompts_that_share_a_word_are_told_apart(detector, picture, tokens_fire):
    tokens_fire(
        {"red": [0.9, 0.5], "chair": [0.8], "table": [0.05]},
        {"red": [0.6, 0.5], "chair": [0.05], "table": [0.7]},
    )
    chair, table = detector.detect(picture, ["red chair", "red table"], threshold=0.35)
    assert np.allclose(chair.boxes, [[0, 0, 75, 90]])
    assert np.allclose(table.boxes, [[75, 0, 150, 90]])
    assert np.allclose([chair.scores, table.scores], [[0.9], [0.7]])


def test_a_prompt_of_several_tokens_per_word_is_one_prompt(detector, picture, tokens_fire):
    tokens_fire({"chair": [0.4], "##s": [0.9], "lid": [0.1]})
    chairs, lid = detector.detect(picture, ["chairs", "lid"], threshold=0.35)
    assert (chairs.scores.round(6).tolist(), len(lid.boxes)) == ([0.9], 0)


def test_what_is_not_found_names_its_best_candidate(detector, picture, tokens_fire):
    tokens_fire({"lid": [0.2]}, {"lid": [0.3]}, {"chair": [0.8]})
    (lid, chair, lamp) = detector.detect(picture, ["lid", "chair", "lamp"], threshold=0.35)
    assert lid.boxes.shape == (0, 4)
    assert lid.best_score == pytest.approx(0.3)
    assert np.allclose(lid.best_box, [50, 0, 100, 90])
    assert chair.best_score == pytest.approx(0.8)
    assert (lamp.best_score, lamp.best_box, lamp.boxes.shape) == (0.0, None, (0, 4))


def test_the_threshold_is_met_by_all_and_the_best_come_first(detector, picture):
    everything, some = (detector.detect(picture, ["lid"], threshold=t)[0] for t in (0.0, 0.98))
    assert (np.diff(everything.scores) <= 0).all()
    assert 0 < len(some.scores) < len(everything.scores)
    assert some.scores.min() >= 0.98
    assert some.best_score == everything.scores[0] == everything.best_score


def test_many_prompts_are_asked_in_several_captions(detector, picture):
    """The tiny model reads 24 tokens: a caption holds seven prompts of two words, with their full stops."""
    prompts = [f"{colour} {thing}" for colour in ("red", "blue", "a") for thing in ("chair", "table", "lamp", "lid")]
    asked = []
    tokenizer = detector.tokenizer
    detector.tokenizer = lambda text, **options: asked.append(text) or tokenizer(text, **options)
    try:
        found = detector.detect(picture, prompts, threshold=0.0)
    finally:
        detector.tokenizer = tokenizer
    assert [one.prompt for one in found] == prompts
    captions = [text for text in asked if text.endswith(".")]
    assert captions == [caption(prompts[:7])[0], caption(prompts[7:])[0]]
    alone = detector.detect(picture, prompts[7:], threshold=0.0)
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(found[7:], alone, strict=True))


@pytest.mark.parametrize("prompt", ["", " . ", "\u200d"])
def test_a_prompt_without_words_is_refused(detector, picture, prompt):
    with pytest.raises(InputError) as error:
        detector.detect(picture, ["lid", prompt], threshold=0.3)
    assert str(error.value) == (
        f"a text prompt has no words\n  where:    {prompt!r}\n  fix:      say what is to be found, e.g. `red chair`"
    )


def test_every_prompt_that_is_too_long_is_told(detector, picture):
    with pytest.raises(InputError) as error:
        detector.detect(picture, ["red " * 25, "lid", ""], threshold=0.3)
    assert [problem.what for problem in error.value.problems] == [
        "a text prompt is too long",
        "a text prompt has no words",
    ]
    assert (error.value.problems[0].expected, error.value.problems[0].got) == ("at most 22 tokens", "26")


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1), st.integers(1, 500), st.integers(1, 500))
def test_boxes_stay_within_the_picture(boxes, height, width):
    found = corners(np.array(boxes), (height, width))
    assert (found[:, :2] <= found[:, 2:]).all()
    assert found.min() >= 0
    assert (found <= [width, height, width, height]).all()


def test_boxes_that_nearly_coincide_are_one():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 8.5], [0, 0, 10, 7.9], [30, 30, 40, 40]])
    found = _detections("lid", boxes, np.array([0.5, 0.9, 0.6, 0.1]), threshold=0.3)
    assert found.boxes.tolist() == boxes[[1]].tolist()  # overlaps of 0.85 and 0.93
    found = _detections("lid", boxes, np.array([0.9, 0.5, 0.6, 0.4]), threshold=0.3)
    assert found.boxes.tolist() == boxes[[0, 2, 3]].tolist()  # 0.85 is too much, 0.79 is not
    assert found.scores.tolist() == [0.9, 0.6, 0.4]


def test_nothing_asked_for_is_nothing_found(detector, picture):
    assert detector.detect(picture, [], threshold=0.3) == []


def test_a_box_that_covers_the_picture_covers_it():
    assert corners(np.array([[0.5, 0.5, 1.0, 1.0]]), (90, 150)).tolist() == [[0, 0, 150, 90]]


def test_half_precision_finds_much_the_same(checkpoint, detector, picture):
    half = GroundingDino.load(checkpoint("grounding-dino"), device="cpu", dtype="bfloat16", edges=(96, 160))
    ours, theirs = (d.detect(picture, ["lid"], threshold=0.0)[0] for d in (half, detector))
    assert ours.best_score == pytest.approx(theirs.best_score, abs=0.02)


def test_the_published_edges_are_the_default(checkpoint):
    assert GroundingDino.load(checkpoint("grounding-dino"), device="cpu").edges == grounding_dino.EDGES == (800, 1333)
