"""Label maps that agree: the right partition from any order and numbering, repaired, complete, and honest."""

from dataclasses import replace

import numpy as np
import pytest

from splatsmith.scenes.description import Object
from splatsmith.segment2d.association import Given, Projector, associate
from splatsmith.segment2d.masks import Mask, ViewMasks


def maps_of(found) -> dict[str, np.ndarray]:
    return {name: map.labels for name, map in found.items()}


@pytest.fixture(scope="module")
def exact(toy):
    """What comes of true masks that each view numbers in its own way."""
    return associate(toy.projector, toy.given_of(toy.views, toy.renumbered(toy.truth, 0)))


def test_true_masks_give_the_true_partition(toy, exact):
    legend, found = exact
    assert toy.accuracy(toy.truth, maps_of(found)) == 1
    assert [(entry.id, entry.name, entry.parent) for entry in legend.entries] == [
        (i, f"object-{i}", None) for i in (1, 2, 3, 4)
    ]
    assert {map.origin for map in found.values()} == {"repaired"}
    for name, map in found.items():
        assert map.labels.dtype == np.uint16
        assert set(map.scores) == set(np.unique(map.labels).tolist()) - {0}
        assert all(0.5 < score <= 1 for score in map.scores.values())
        assert (map.labels[toy.truth[name] == 0] > 0).mean() < 0.01
        assert map.flags == ()


def test_the_larger_object_has_the_smaller_number(toy, exact):
    pixels = sum(np.bincount(map.labels.ravel(), minlength=5) for map in exact[1].values())
    assert (np.diff(pixels[1:]) <= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_neither_order_nor_numbers_matter(toy, exact, seed):
    """Views in another order, masks under other numbers: the same bytes."""
    order = np.random.default_rng(seed).permutation(len(toy.views))
    given = toy.given_of([toy.views[i] for i in order], toy.renumbered(toy.truth, seed + 1))
    legend, found = associate(toy.projector, given)
    assert legend == exact[0]
    for name, map in exact[1].items():
        np.testing.assert_array_equal(found[name].labels, map.labels)
        assert found[name].scores == map.scores


def test_joined_and_cut_masks_are_repaired(toy):
    """In two of twelve views two masks are one, and in three others one is two."""
    views = toy.ring(12)
    truth = {view.name: toy.true_labels(toy.projector, view, toy.thing_of) for view in views}
    spoilt = {name: labels.astype(int) for name, labels in truth.items()}
    for name in ("v0", "v4"):
        spoilt[name][spoilt[name] == 3] = 2
    for name in ("v1", "v5", "v10"):
        spoilt[name][(spoilt[name] == 4) & (np.arange(64) > np.nonzero(spoilt[name] == 4)[1].mean())] = 5
    legend, found = associate(toy.projector, toy.given_of(views, toy.renumbered(spoilt, 0)))
    assert len(legend.entries) == 4
    assert toy.accuracy(truth, maps_of(found)) > 0.99
    assert {name: map.divided for name, map in found.items() if map.divided} == {"v0": 1, "v4": 1}
    assert not any(map.dropped or map.flags for map in found.values())


def test_parts_become_children(toy):
    """Every other view tells the cap of the first ball from the rest of it; the label maps hold the leaves, and the
    legend has both in one object."""
    things = toy.thing_of.copy()
    things[:24] = 5
    leaves = {view.name: toy.true_labels(toy.projector, view, things) for view in toy.views}
    seen = {
        name: leaves[name] if i % 2 else np.where(leaves[name] == 5, 1, leaves[name]) for i, name in enumerate(leaves)
    }
    legend, found = associate(toy.projector, toy.given_of(toy.views, toy.renumbered(seen, 0)))
    number_of = toy.matched(leaves, maps_of(found))
    wholes = [set(legend.family(entry.id)) for entry in legend.entries if entry.parent is None]
    of_ball = [family & set(number_of.values()) for family in wholes]
    assert sorted(map(sorted, of_ball)) == sorted(
        [sorted([number_of[1], number_of[5]]), *([number_of[thing]] for thing in (2, 3, 4))]
    )
    assert toy.accuracy(leaves, maps_of(found)) > 0.97


def test_a_view_without_masks_and_a_dropped_mask_are_filled(toy):
    maps = {**toy.truth, "v3": np.zeros_like(toy.truth["v3"])}
    maps["v5"] = np.where(maps["v5"] == 2, 0, maps["v5"])
    legend, found = associate(toy.projector, toy.given_of(toy.views, maps))
    assert toy.accuracy(toy.truth, maps_of(found)) > 0.95
    assert found["v3"].origin == "rendered"
    assert found["v3"].flags == ("no masks of its own: drawn from the other views",)
    assert {map.origin for name, map in found.items() if name != "v3"} == {"repaired"}


def test_held_out_masks_change_no_other_map(toy):
    """Held-out views get their maps, but what lies in them, or that nothing does, is unseen by the rest."""
    held_out = ("v0", "v4")
    nonsense = {**toy.truth, "v0": np.full((48, 64), 3), "v4": np.zeros((48, 64), int)}
    results = [associate(toy.projector, toy.given_of(toy.views, maps, held_out)) for maps in (toy.truth, nonsense)]
    assert results[0][0] == results[1][0]
    for name in toy.truth.keys() - set(held_out):
        np.testing.assert_array_equal(results[0][1][name].labels, results[1][1][name].labels)
    assert toy.accuracy(toy.truth, maps_of(results[0][1])) > 0.99
    assert (results[1][1]["v4"].origin, results[1][1]["v4"].flags) == ("rendered", ())
    assert (results[1][1]["v4"].labels > 0).mean() > 0.2


def test_more_than_256_objects(toy):
    """A wall of 300 balls, seen by three cameras."""
    centers = [(x, 0.0, z) for z in np.linspace(-0.7, 0.7, 15) for x in np.linspace(-0.95, 0.95, 20)]
    projector = Projector.of(toy.balls(centers, radius=0.035, count=6), "cpu")
    views = [view for view in toy.ring(24, width=160, height=120, distance=2.6) if view.name in ("v17", "v18", "v19")]
    thing_of = np.repeat(np.arange(300), 6) + 1
    truth = {view.name: toy.true_labels(projector, view, thing_of) for view in views}
    legend, found = associate(projector, toy.given_of(views, toy.renumbered(truth, 0)))
    assert len(legend.entries) == max(int(map.labels.max()) for map in found.values()) == 300
    assert toy.accuracy(truth, maps_of(found)) > 0.99


def named(labels: np.ndarray, names: dict[int, str]) -> ViewMasks:
    """Masks that say which object they are."""
    numbers, places = np.unique(labels, return_inverse=True)
    masks = tuple(Mask(object=names[n], score=n / 10) for n in numbers.tolist() if n)
    return ViewMasks(places.reshape(labels.shape).astype(np.uint16), masks)


NAMES = {1: "cup", 2: "jug", 3: "pan", 4: "lid"}
ASKED = tuple(Object(name=name) for name in ("pan", "absent", "lid", "cup", "jug"))


def test_named_masks_pass_through_under_the_numbers_of_the_description(toy):
    given = [Given(view, named(toy.truth[view.name], NAMES), True) for view in toy.views]
    legend, found = associate(toy.projector, given, objects=ASKED, rest="background")
    assert [(entry.id, entry.name) for entry in legend.entries] == [(i, one.name) for i, one in enumerate(ASKED, 1)]
    assert legend.rest == "background"
    number = np.array([0, 4, 5, 1, 3])
    for name, map in found.items():
        np.testing.assert_array_equal(map.labels, number[toy.truth[name]])
        assert (map.origin, map.flags) == ("given", ())
        assert map.scores == {int(number[n]): n / 10 for n in np.unique(toy.truth[name]).tolist() if n}


def test_tracks_pass_through_numbered_by_size(toy, exact):
    """The same numbers as found without tracks: they are given by size."""
    given = [
        Given(view, ViewMasks(toy.truth[view.name], tuple(Mask(score=1, track=9 - k) for k in range(4))), True)
        for view in toy.views
    ]
    legend, found = associate(toy.projector, given)
    assert legend == exact[0]
    for name, map in found.items():
        inside = toy.truth[name] > 0
        assert map.origin == "given"
        np.testing.assert_array_equal(map.labels[inside], exact[1][name].labels[inside])
        assert not map.labels[~inside].any()


def test_equals_are_numbered_by_what_they_are(toy):
    """Two tracks of a hundred pixels, each in a view of its own: no order of views and no number of a track decides."""
    corners = {"v0": np.zeros((48, 64), np.uint16), "v5": np.zeros((48, 64), np.uint16)}
    corners["v0"][:10, :10] = corners["v5"][20:30, 20:30] = 1
    numbers = []
    for order, tracks in ((("v0", "v5"), (3, 8)), (("v5", "v0"), (3, 8)), (("v0", "v5"), (8, 3))):
        views = {view.name: view for view in toy.views}
        masks = [ViewMasks(corners[n], (Mask(score=1, track=k),)) for n, k in zip(order, tracks, strict=True)]
        given = [Given(views[name], one, True) for name, one in zip(order, masks, strict=True)]
        found = associate(toy.projector, given)[1]
        numbers.append([int(found[name].labels.max()) for name in ("v0", "v5")])
    assert numbers[0] == numbers[1] == numbers[2]
    assert sorted(numbers[0]) == [1, 2]


def test_a_view_that_a_tracker_gave_nothing_for_is_rendered(toy):
    maps = {**toy.truth, "v2": np.zeros_like(toy.truth["v2"])}
    given = [Given(view, named(maps[view.name], NAMES), True) for view in toy.views]
    _, found = associate(toy.projector, given, objects=ASKED)
    assert found["v2"].origin == "rendered"
    number = np.array([0, 4, 5, 1, 3])
    assert (found["v2"].labels == number[toy.truth["v2"]]).mean() > 0.95


def test_named_masks_are_repaired_where_that_is_asked_for(toy):
    """A tracker that slips onto a neighbour in one view."""
    maps = {**toy.truth, "v0": np.where(toy.truth["v0"] == 3, 2, toy.truth["v0"])}
    given = [Given(view, named(maps[view.name], NAMES), True) for view in toy.views]
    number = np.array([0, 4, 5, 1, 3])
    for repair, right in ((False, False), (True, True)):
        _, found = associate(toy.projector, given, objects=ASKED, repair=repair)
        inside = toy.truth["v0"] == 3
        assert ((found["v0"].labels == number[3])[inside].mean() > 0.9) == right
        assert found["v0"].origin == ("repaired" if repair else "given")


def test_names_that_are_not_trusted_count_for_nothing(toy, exact):
    """Numbers of each view's own that were taken for names."""
    names = [Object(name=f"object-{i}") for i in range(1, 5)]
    given = []
    for view in toy.views:
        masks = toy.plain(toy.renumbered(toy.truth, 2)[view.name])
        said = tuple(replace_object(mask, f"object-{k}") for k, mask in enumerate(masks.masks, 1))
        given.append(Given(view, replace(masks, masks=said), True))
    legend, found = associate(toy.projector, given, objects=names, trust=False)
    assert legend == exact[0]
    for name, map in found.items():
        np.testing.assert_array_equal(map.labels, exact[1][name].labels)


def replace_object(mask: Mask, name: str) -> Mask:
    return mask.model_copy(update={"object": name})


def test_names_hold_masks_together_among_others_that_have_none(toy):
    """Balls 2 and 3 are said to be one thing, the pair; the others say nothing."""
    given = []
    for view in toy.views:
        labels = toy.truth[view.name]
        masks = tuple(Mask(score=1, object="pair" if n in (2, 3) else None) for n in range(1, 5))
        given.append(Given(view, ViewMasks(labels, masks), True))
    legend, found = associate(toy.projector, given, objects=[Object(name="pair")])
    assert legend.paths == {"pair": 1, "object-2": 2, "object-3": 3}
    merged = {name: np.where(labels == 3, 2, labels) for name, labels in toy.truth.items()}
    assert toy.accuracy(merged, maps_of(found)) == 1
    assert toy.matched(merged, maps_of(found))[2] == 1


def test_flags_of_the_source_are_kept(toy):
    given = toy.given_of(toy.views, toy.truth)
    given[0] = replace(given[0], masks=replace(given[0].masks, flags=("blurred",)))
    assert associate(toy.projector, given)[1]["v0"].flags == ("blurred",)


def test_nothing_to_begin_with_is_a_callers_mistake(toy):
    nothing = {name: np.zeros_like(labels) for name, labels in toy.truth.items()}
    with pytest.raises(ValueError, match="no view that trains has a mask"):
        associate(toy.projector, toy.given_of(toy.views, nothing))
    with pytest.raises(ValueError, match="no view that trains has a mask"):
        associate(toy.projector, toy.given_of(toy.views, toy.truth, held_out=list(toy.truth)))
