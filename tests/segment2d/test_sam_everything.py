"""Everything-mode: all masks of a view in one label map, smaller ones on top, by SAM, its official file, or SAM 2."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.base.errors import InputError
from splatsmith.models.everything import Everything
from splatsmith.models.protocols import Segment
from splatsmith.scenes.description import Object
from splatsmith.segment2d.masks import Request, ViewMasks
from splatsmith.segment2d.model_settings import SamEverythingSettings
from splatsmith.segment2d.sam_everything import SamEverything, stacked

SIZE = (48, 64)


def segment(x0: int, y0: int, x1: int, y1: int, score: float = 0.9) -> Segment:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return Segment(mask, np.array([x0, y0, x1 - 1, y1 - 1]), score, 1.0, np.array([x0 + 0.5, y0 + 0.5]))


segments = st.lists(
    st.tuples(
        st.integers(0, 50), st.integers(0, 40), st.integers(1, 14), st.integers(1, 8), st.sampled_from([0.5, 0.9])
    ),
    max_size=6,
    unique_by=lambda drawn: drawn[:4],
).map(lambda drawn: [segment(x, y, x + w, y + h, score) for x, y, w, h, score in drawn])


class FakeSegmenter:
    """Finds in view i a square of i pixels, and the picture."""

    def everything(self, image: np.ndarray, settings: Everything) -> list[Segment]:
        self.settings = settings
        side = int(image[0, 0, 0]) + 1
        return [segment(0, 0, SIZE[1], SIZE[0], 0.8), segment(2, 2, 2 + side, 2 + side, 0.7)]


@given(segments, st.randoms())
def test_every_pixel_shows_the_smallest_mask_that_covers_it_in_any_order(drawn, random):
    told = stacked(SIZE, drawn)
    areas = np.array([np.where(one.mask, one.mask.sum(), SIZE[0] * SIZE[1] + 1) for one in drawn])
    smallest = areas.min(axis=0) if drawn else np.full(SIZE, SIZE[0] * SIZE[1] + 1)
    assert np.array_equal(told.labels > 0, smallest <= SIZE[0] * SIZE[1])
    for number in range(1, len(told.masks) + 1):
        assert len(np.unique(smallest[told.labels == number])) == 1
    again = stacked(SIZE, random.sample(drawn, len(drawn)))
    assert np.array_equal(again.labels, told.labels)
    assert again.masks == told.masks


def test_masks_keep_their_scores_and_hidden_ones_are_left_out():
    halves = [segment(0, 0, 10, 5, 0.6), segment(0, 5, 10, 10, 1.02)]
    told = stacked(SIZE, [segment(0, 0, 10, 10, 0.9), *halves, segment(20, 20, 22, 22, 0.5)])
    assert sorted(mask.score for mask in told.masks) == [0.5, 0.6, 1.0]
    assert told.masks[told.labels[2, 2] - 1].score == 0.6
    assert told.masks[told.labels[20, 20] - 1].score == 0.5
    assert all(mask.object is None and mask.track is None for mask in told.masks)
    assert told.flags == ()


def test_of_equal_masks_the_better_is_on_top():
    told = stacked(SIZE, [segment(0, 0, 5, 5, 0.9), segment(0, 0, 5, 5, 0.6)])
    assert [mask.score for mask in told.masks] == [0.9]


def test_a_view_in_which_nothing_is_cut_out_is_flagged():
    told = stacked(SIZE, [])
    assert not told.labels.any()
    assert (told.masks, told.flags) == ((), ("nothing was cut out",))


def told(source: SamEverything, scene, objects: Sequence[Object] = ()) -> dict[str, ViewMasks]:
    found = source.find(Request(scene, objects, None, "cpu"))
    views = dict(found.views)
    assert (found.rest, found.missing) == ("unknown", {})
    assert sorted(views) == [view.name for view in scene.views]
    return views


def test_each_view_is_by_itself_and_objects_are_not_asked_for(orbit):
    segmenter = FakeSegmenter()
    settings = SamEverythingSettings(points_per_side=7, pred_iou_thresh=0.2, stability_score_thresh=0.3)
    views = told(SamEverything(settings, segmenter), orbit(4), [Object(name="cup")])
    assert [int((masks.labels == 2).sum()) for _, masks in sorted(views.items())] == [1, 4, 9, 16]
    assert all(mask.object is None for masks in views.values() for mask in masks.masks)
    asked = segmenter.settings
    assert (asked.points_per_side, asked.pred_iou_thresh, asked.stability_score_thresh) == (7, 0.2, 0.3)


def test_views_are_told_as_they_become_ready(orbit):
    segmenter = FakeSegmenter()
    found = SamEverything(SamEverythingSettings(), segmenter).find(Request(orbit(4), (), None, "cpu"))
    assert not hasattr(segmenter, "settings")
    next(found.views)
    assert hasattr(segmenter, "settings")


def test_the_defaults_are_the_published_ones():
    ours, published = SamEverythingSettings(), Everything()
    for name in ("points_per_side", "pred_iou_thresh", "stability_score_thresh"):
        assert getattr(ours, name) == getattr(published, name)


EAGER = {"points_per_side": 3, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
"""Random weights are sure of nothing."""


def picture(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 255, (*SIZE, 3)).astype(np.uint8)


@pytest.mark.parametrize("model", ["sam", "sam2"])
def test_tiny_models_cut_something_out(orbit, models_dir, model, capsys):
    source = SamEverything.load(SamEverythingSettings(model=model, **EAGER), models_dir, "cpu")
    assert capsys.readouterr().out == f"sam: {model} on cpu, float32\n"
    eager = Everything(**EAGER)
    for name, masks in told(source, orbit(2, picture)).items():
        segments = source.segmenter.everything(picture(int(name[1:])), eager)
        assert np.array_equal(masks.labels > 0, np.any([one.mask for one in segments], axis=0))
        assert {mask.score for mask in masks.masks} <= {one.score for one in segments}
        assert set(np.unique(masks.labels)) - {0} == set(range(1, len(masks.masks) + 1)) != set()


def test_the_models_that_are_needed_are_named(tmp_path):
    assert SamEverythingSettings(model="sam2").models == ("sam2",)
    with pytest.raises(InputError, match="the model `sam2` is not there"):
        SamEverything.load(SamEverythingSettings(model="sam2"), tmp_path)


def test_weights_of_another_model_are_refused(tmp_path, models_dir):
    folder = tmp_path / "sam"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "sam2"}))
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="another model lies in the folder of `sam`"):
        SamEverything.load(SamEverythingSettings(), tmp_path)
