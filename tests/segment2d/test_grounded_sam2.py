"""Objects are found by words and followed through all views: by fakes that err as told, and by tiny models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from splatsmith.base.errors import InputError, Problem
from splatsmith.models.nms import box_iou
from splatsmith.models.protocols import Detections, Frames, Prompt, SoftMask, Tracked
from splatsmith.scenes.description import Object
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.segment2d.grounded_sam2 import GroundedSam2
from splatsmith.segment2d.masks import Request, ViewMasks
from splatsmith.segment2d.model_settings import GroundedSam2Settings

SIZE = (48, 64)
COUNT = 20

Box = tuple[int, int, int, int]


def cup(i: int) -> Box:
    """Where the cup is in view i; it moves on."""
    return 4 + i, 6, 16 + i, 18


def hat(i: int) -> Box:
    """Where the hat is, which comes the other way."""
    return 44 - i, 26, 56 - i, 40


def pixels(box: Box) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@dataclass
class FakeDetector:
    """Says of each prompt in each view what it is told to say: boxes with scores."""

    sees: Callable[[str, int], Sequence[tuple[Box, float]]]
    asked: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def detect(self, image: np.ndarray, prompts: Sequence[str], *, threshold: float) -> list[Detections]:
        view = int(image[0, 0, 0])
        self.asked.append((view, tuple(prompts)))
        answers = []
        for prompt in prompts:
            seen = sorted(self.sees(prompt, view), key=lambda one: -one[1])
            good = [one for one in seen if one[1] >= threshold]
            boxes = np.array([box for box, _ in good], dtype=float).reshape(-1, 4)
            best = seen[0] if seen else (None, 0.0)
            best_box = None if best[0] is None else np.array(best[0], dtype=float)
            answers.append(Detections(prompt, boxes, np.array([score for _, score in good]), best[1], best_box))
        return answers


@dataclass
class FakeTracker:
    """Follows whichever thing a seed shows; `reach` frames away from the seed it slips over to another one."""

    things: Sequence[Callable[[int], Box]] = (cup, hat)
    reach: int = COUNT
    unseen: Callable[[int], bool] = lambda view: False
    passes: list[list[str]] = field(default_factory=list)

    def track(self, frames: Frames, seeds: Mapping[str, Mapping[int, Prompt]]) -> Iterator[Tracked]:
        self.passes.append(list(seeds))
        views = [int(frames[frame][0, 0, 0]) for frame in range(len(frames))]
        for name, shown in seeds.items():
            ((seed, prompt),) = shown.items()
            places = np.array([thing(views[seed]) for thing in self.things], dtype=float)
            which = int(box_iou(np.vstack([prompt.box, places]))[0, 1:].argmax())
            for frame, view in enumerate(views):
                slipped = which if abs(frame - seed) <= self.reach else (which + 1) % len(self.things)
                mask = pixels(self.things[slipped](view))
                mask = SoftMask.known(mask & (not self.unseen(view)))
                yield Tracked(frame, name, SoftMask(mask.logits, 0.9))


def truthful(prompt: str, view: int) -> list[tuple[Box, float]]:
    return [({"tea cup": cup, "hat": hat}[prompt](view), 0.6)] if prompt in ("tea cup", "hat") else []


CUP, HAT = Object(name="cup", prompt="tea cup"), Object(name="hat")


def source(detector=truthful, tracker: FakeTracker | None = None, **settings) -> GroundedSam2:
    settings = GroundedSam2Settings(**({"key_every": 4} | settings))
    return GroundedSam2(settings, FakeDetector(detector), tracker or FakeTracker())


def find(one: GroundedSam2, scene: PreparedScene, *objects: Object) -> tuple[dict[str, ViewMasks], dict[str, str]]:
    found = one.find(Request(scene, objects or (CUP, HAT), None, "cpu"))
    assert found.rest == "background"
    told = list(found.views)
    assert sorted(name for name, _ in told) == [view.name for view in scene.views]
    return dict(sorted(told)), found.missing


def shown(masks: ViewMasks, name: str) -> np.ndarray:
    assert masks.labels.shape == SIZE
    numbers = [i for i, mask in enumerate(masks.masks, 1) if mask.object == name]
    assert len(numbers) <= 1
    return np.isin(masks.labels, numbers)


def score(masks: ViewMasks, name: str) -> float:
    return next(mask.score for mask in masks.masks if mask.object == name)


def wrong(views: dict[str, ViewMasks], name: str, truth: Callable[[int], Box]) -> list[int]:
    return [i for i, masks in enumerate(views.values()) if not np.array_equal(shown(masks, name), pixels(truth(i)))]


def same(first: dict[str, ViewMasks], second: dict[str, ViewMasks]) -> bool:
    """Whether every object has the same pixels, score and flags in each view."""
    for a, b in zip(first.values(), second.values(), strict=True):
        facts = [sorted((m.object, m.score, shown(v, m.object).tobytes()) for m in v.masks) for v in (a, b)]
        if facts[0] != facts[1] or sorted(a.flags) != sorted(b.flags):
            return False
    return True


def test_what_is_found_is_followed_through_every_view(orbit):
    views, missing = find(source(), orbit(COUNT))
    assert wrong(views, "cup", cup) == wrong(views, "hat", hat) == []
    assert missing == {}
    assert all(masks.flags == () for masks in views.values())
    assert {round(mask.score, 6) for masks in views.values() for mask in masks.masks} == {0.9 * 0.6}


@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("reach", [5, COUNT])
def test_tracks_in_chunks_give_the_same_masks(orbit, at_once, reach):
    scene = orbit(COUNT)
    whole, chunked = FakeTracker(reach=reach), FakeTracker(reach=reach)
    together, _ = find(source(tracker=whole, tracks_at_once=100), scene)
    apart, _ = find(source(tracker=chunked, tracks_at_once=at_once), scene)
    assert max(map(len, chunked.passes)) <= at_once
    assert sorted(sum(chunked.passes, [])) == sorted(sum(whole.passes, []))
    for name, masks in together.items():
        assert np.array_equal(masks.labels, apart[name].labels)
        assert (masks.masks, masks.flags) == (apart[name].masks, apart[name].flags)


def test_neither_the_order_of_objects_nor_that_of_views_matters(orbit):
    scene, tracker = orbit(COUNT), FakeTracker(reach=5)
    plain, _ = find(source(tracker=tracker), scene, CUP, HAT)
    swapped, _ = find(source(tracker=tracker), scene, HAT, CUP)
    jumbled = replace(scene, views=tuple(scene.views[i] for i in np.random.default_rng(0).permutation(COUNT)))
    found = source(tracker=tracker).find(Request(jumbled, (CUP, HAT), None, "cpu"))
    assert same(plain, swapped)
    assert same(plain, dict(sorted(found.views)))


@pytest.mark.parametrize("reach", [3, 5, 9])
@pytest.mark.parametrize("seeds", [1, 3])
def test_a_tracker_that_drifts_is_corrected_by_detections(orbit, reach, seeds):
    """With a key frame within reach of every frame, only new seeds can make all views right."""
    scene = orbit(COUNT)
    settings = {"seeds": seeds, "key_every": 2}
    drifted, _ = find(source(tracker=FakeTracker(reach=reach), reseeds=0, **settings), scene)
    mended, _ = find(source(tracker=FakeTracker(reach=reach), reseeds=9, **settings), scene)
    assert wrong(mended, "cup", cup) == wrong(mended, "hat", hat) == []
    assert all(masks.flags == () for masks in mended.values())
    if seeds * (2 * reach + 1) < COUNT:
        assert len(wrong(drifted, "cup", cup)) > 3


def test_drift_that_is_not_corrected_costs_score_and_is_flagged(orbit):
    """One track that drifts away after five frames, and detections in every fourth."""
    views, _ = find(source(tracker=FakeTracker(reach=5), seeds=1, reseeds=0), orbit(COUNT), CUP)
    bad = wrong(views, "cup", cup)
    assert bad
    flagged = [i for i, masks in enumerate(views.values()) if masks.flags]
    assert flagged
    assert set(flagged) <= set(bad)
    assert views[f"v{flagged[0]:02}"].flags == ("`cup`: what was followed and what is detected here overlap by 0.00",)
    assert all(score(views[f"v{i:02}"], "cup") == 0 for i in flagged)
    good = set(range(COUNT)) - set(bad)
    assert {round(score(views[f"v{i:02}"], "cup"), 6) for i in good} == {0.9 * 0.6}


def test_a_false_detection_does_not_lead_away(orbit):
    """In one key frame the hat is surely taken for the cup."""
    scene = orbit(COUNT)
    keys = sorted({view for view, _ in _asked(scene)})
    fooled = keys[len(keys) // 2]

    def sees(prompt: str, view: int) -> list[tuple[Box, float]]:
        return [(hat(view), 0.95)] if view == fooled else [(cup(view), 0.6)]

    for seeds in (1, 3):
        views, _ = find(source(sees, seeds=seeds), scene, CUP)
        assert wrong(views, "cup", cup) == []
        told = "`cup`: what is detected here fits nothing before and after"
        assert [name for name, masks in views.items() if told in masks.flags] == [f"v{fooled:02}"]
        assert score(views[f"v{fooled:02}"], "cup") == 0


def test_of_two_things_that_fit_a_prompt_the_object_is_one_in_all_views(orbit):
    """Which of them is surer differs from view to view."""

    def sees(prompt: str, view: int) -> list[tuple[Box, float]]:
        return [(cup(view), 0.5 + 0.02 * view), (hat(view), 0.7)]

    views, _ = find(source(sees, seeds=4), orbit(COUNT), Object(name="thing"))
    assert wrong(views, "thing", cup) == []
    assert any("`thing`: several things fit the prompt" in masks.flags for masks in views.values())


def test_an_object_that_is_out_of_sight_has_no_mask(orbit):
    hidden = {5, 6, 7}
    tracker = FakeTracker(unseen=hidden.__contains__)
    views, missing = find(
        source(lambda p, v: [] if v in hidden else truthful(p, v), tracker, key_every=2), orbit(COUNT), CUP
    )
    assert wrong(views, "cup", cup) == sorted(hidden)
    assert all(views[f"v{i:02}"].masks == () for i in hidden)
    assert missing == {}


def test_a_prompt_that_is_not_found_is_told_with_its_best_candidate(orbit):
    def sees(prompt: str, view: int) -> list[tuple[Box, float]]:
        if prompt == "ghost":
            return [((1, 1, 9, 9), 0.29 - 0.01 * abs(view - 9))]
        return [] if prompt == "elf" else truthful(prompt, view)

    scene = orbit(COUNT)
    keys = {view for view, _ in _asked(scene)}
    best = min(keys, key=lambda view: abs(view - 9))
    views, missing = find(source(sees), scene, Object(name="ghost"), CUP, Object(name="wood-elf", prompt="elf"))
    assert wrong(views, "cup", cup) == []
    found = 0.29 - 0.01 * abs(best - 9)
    assert missing == {
        "ghost": f"`ghost` was not found in any of the 5 views that were looked at: the surest candidate scores "
        f"{found:.2f}, in v{best:02}, and box_threshold is 0.3; lower it, use other words, look in more views "
        "(key_every), or show it in one view: objects.ghost.boxes",
        "wood-elf": "`elf` was not found in any of the 5 views that were looked at: there was no candidate, and "
        "box_threshold is 0.3; lower it, use other words, look in more views (key_every), or show it in one view: "
        "objects.wood-elf.boxes",
    }
    everywhere = find(source(sees, key_every=1), scene, Object(name="ghost"))[1]
    assert everywhere["ghost"].startswith("`ghost` was not found in any view: the surest candidate scores 0.29, in v09")


def test_what_is_detected_but_cannot_be_cut_out_is_missing(orbit):
    views, missing = find(source(tracker=FakeTracker(unseen=lambda view: True)), orbit(8), CUP)
    assert all(masks.masks == () for masks in views.values())
    assert missing["cup"].startswith("`tea cup`: nothing could be cut out where it was detected (the surest candidate ")


def test_two_prompts_for_one_thing_leave_the_surer_object(orbit):
    def sees(prompt: str, view: int) -> list[tuple[Box, float]]:
        return [(cup(view), {"red cup": 0.7, "mug": 0.5}[prompt])]

    both = (Object(name="mug"), Object(name="red-cup", prompt="red cup"))
    views, missing = find(source(sees), orbit(8), *both)
    assert wrong(views, "red-cup", cup) == []
    assert missing == {"mug": "`mug`: what fits it fits another prompt better; say what tells them apart"}
    assert all(masks.flags == ("`red-cup` and `mug` claim the same pixels",) for masks in views.values())


def test_an_object_that_was_shown_is_followed_from_there_and_not_looked_for(orbit):
    given = Object(name="hat", prompt="no such words", boxes={"v03": hat(3), "v16": hat(16)})
    one = source()
    views, missing = find(one, orbit(COUNT), CUP, given)
    assert wrong(views, "hat", hat) == wrong(views, "cup", cup) == []
    assert {prompts for _, prompts in one.detector.asked} == {("tea cup",)}
    assert missing == {}
    assert {score(masks, "hat") for masks in views.values()} == {0.9}
    alone = source()
    find(alone, orbit(COUNT), given)
    assert alone.detector.asked == []


def test_points_that_were_given_are_passed_on(orbit):
    seen = {}

    class Recorder(FakeTracker):
        def track(self, frames, seeds):
            seen.update({name: dict(shown) for name, shown in seeds.items()})
            return iter(())

    given = Object(name="hat", points={"v03": ((50.0, 30.0), (48.0, 35.0))}, boxes={"v05": hat(5)})
    _, missing = find(source(tracker=Recorder()), orbit(8), given)
    prompts = [prompt for shown in seen.values() for prompt in shown.values()]
    (points,) = [prompt.points for prompt in prompts if prompt.points is not None]
    assert points.tolist() == [[50.0, 30.0], [48.0, 35.0]]
    (box,) = [prompt.box for prompt in prompts if prompt.box is not None]
    assert box.tolist() == list(hat(5))
    assert missing == {"hat": "`hat`: nothing could be cut out at its box or points; show it in other views"}


def test_masks_of_one_track_have_its_number(orbit):
    views, _ = find(source(seeds=2), orbit(COUNT))
    numbers = {(mask.object, mask.track) for masks in views.values() for mask in masks.masks}
    assert len(numbers) == 4
    assert len({track for _, track in numbers}) == 4


def test_a_scene_without_objects_is_refused(orbit):
    with pytest.raises(InputError) as error:
        source().find(Request(orbit(2), (), None, "cpu"))
    assert str(error.value) == (
        "the source `grounded-sam2` looks for objects, and the scene describes none\n"
        "  where:    description.yml: objects\n"
        "  fix:      list them in description.yml, e.g. `prompts: red chair, teapot`; or take the source `sam`, which "
        "needs none"
    )


def test_objects_with_the_same_words_are_refused(orbit):
    objects = [
        Object(name=name, prompt=words) for name, words in (("a", "Red  chair"), ("b", "lid"), ("c", "red chair"))
    ]
    with pytest.raises(InputError) as error:
        source().find(Request(orbit(2), objects, None, "cpu"))
    (problem,) = error.value.problems
    assert (problem.what, problem.got) == ("objects have the same prompt `red chair`", "a, c")


def test_words_that_the_detector_cannot_read_are_its_own_error(orbit):
    def refuse(prompt: str, view: int):
        raise InputError(Problem("a text prompt has no words", "' '", "say what is to be found"))

    with pytest.raises(InputError, match="no words"):
        source(refuse).find(Request(orbit(2), (CUP,), None, "cpu"))


@pytest.fixture(scope="module")
def tiny(models_dir) -> GroundedSam2:
    """Random weights: they find something in everything."""
    one = GroundedSam2.load(GroundedSam2Settings(box_threshold=0.0, key_every=3, seeds=1, reseeds=1), models_dir, "cpu")
    one.detector.edges = (96, 160)
    return one


def picture(i: int) -> np.ndarray:
    image = np.random.default_rng(i).integers(0, 60, (*SIZE, 3)).astype(np.uint8)
    image[pixels(cup(i))] = [220, 60, 40]
    return image


def test_tiny_models_go_all_the_way(orbit, tiny):
    scene = orbit(5, picture)
    objects = (Object(name="red-lid", prompt="Red lid"), Object(name="lamp"))
    views, missing = find(tiny, scene, *objects)
    assert not missing.keys() - {"red-lid", "lamp"}
    assert {mask.object for masks in views.values() for mask in masks.masks} == {"red-lid", "lamp"} - missing.keys()
    assert any(masks.labels.any() for masks in views.values())
    for masks in views.values():
        assert set(np.unique(masks.labels)) - {0} == set(range(1, len(masks.masks) + 1))
        assert all(0 <= mask.score <= 1 for mask in masks.masks)
    assert same(views, find(tiny, scene, *objects)[0])


def test_where_tiny_models_run_is_told(models_dir, capsys):
    GroundedSam2.load(GroundedSam2Settings(), models_dir)
    assert capsys.readouterr().out.startswith("grounded-sam2: grounding-dino on c")


def test_all_models_that_are_missing_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as error:
        GroundedSam2.load(GroundedSam2Settings(), tmp_path)
    assert [problem.what for problem in error.value.problems] == [
        "the model `grounding-dino` is not there",
        "the model `sam2` is not there",
    ]


def _asked(scene: PreparedScene) -> list[tuple[int, tuple[str, ...]]]:
    """The views that the detector is asked about."""
    one = source()
    find(one, scene, CUP)
    return one.detector.asked
