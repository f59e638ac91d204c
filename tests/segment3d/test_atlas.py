"""The atlas: what it says of an object is what the labels, the Gaussians and the label maps say."""

import json
from pathlib import Path

import numpy as np
import pytest

from splatsmith.base.errors import InputError
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.label_maps import Entry, Legend, write_label_map
from splatsmith.scenes.palette import colour
from splatsmith.segment3d.atlas import plates
from splatsmith.segment3d.labels import tree_of
from splatsmith.segment3d.scores import Scores
from splatsmith.segment3d.sightings import FEWEST_PIXELS, Sighting, portrait, sightings, witnesses

LEGEND = Legend(
    entries=(
        Entry(id=1, name="pot", prompt="a pot"),
        Entry(id=2, name="cup"),
        Entry(id=9, name="lid", parent=1),
        Entry(id=40000, name="ghost"),
    )
)
WIDTH, HEIGHT = 40, 30


def views_of(folder: Path, maps: dict[str, np.ndarray]) -> list[View]:
    """Views whose label maps are written to `folder`."""
    camera = Camera(WIDTH, HEIGHT, 50.0, 50.0, WIDTH / 2, HEIGHT / 2)
    for name, labels in maps.items():
        write_label_map(folder / f"{name}.png", labels)
    return [View(name, folder / f"{name}.jpg", camera, np.eye(4)) for name in maps]


def blank(**boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A label map with boxes x0 y0 x1 y1 filled, by number: `_9=(..)`."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint16)
    for id, (x0, y0, x1, y1) in boxes.items():
        labels[y0:y1, x0:x1] = int(id.removeprefix("_"))
    return labels


def test_sightings_are_those_of_the_label_maps(tmp_path):
    rng = np.random.default_rng(0)
    maps = {f"v{i}": rng.choice([0, 1, 2, 9], (HEIGHT, WIDTH), p=[0.9, 0.02, 0.05, 0.03]) for i in range(6)}
    found = sightings(tmp_path, views_of(tmp_path, maps), LEGEND)
    assert list(found) == [1, 2, 9, 40000]
    for id, family in ((1, [1, 9]), (2, [2]), (9, [9])):
        counts = {name: np.isin(labels, family).sum() for name, labels in maps.items()}
        assert found[id].views == sum(count >= FEWEST_PIXELS for count in counts.values())
        assert counts[found[id].view] == max(counts.values())  # all of these touch the border
        rows, columns = np.nonzero(np.isin(maps[found[id].view], family))
        assert found[id].box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert found[40000] == Sighting(0)


def test_the_best_view_shows_an_object_whole_if_it_can(tmp_path):
    maps = {
        "cut": blank(_1=(0, 5, 20, 25)),
        "far": blank(_1=(10, 10, 14, 14)),
        "whole": blank(_1=(3, 4, 18, 21), _9=(18, 4, 20, 9)),
    }
    found = sightings(tmp_path, views_of(tmp_path, maps), LEGEND)[1]
    assert found == Sighting(3, "whole", (3, 4, 20, 21))


def test_specks_of_a_label_show_nothing(tmp_path):
    maps = {"a": blank(_2=(3, 3, 6, 8)), "b": blank(_2=(3, 3, 6, 8))}
    assert sightings(tmp_path, views_of(tmp_path, maps), LEGEND)[2] == Sighting(0)
    assert sightings(tmp_path, [], LEGEND)[2] == Sighting(0)


def test_a_label_map_that_is_missing_is_named(tmp_path):
    views = views_of(tmp_path, {"a": blank(), "b": blank()})
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError) as error:
        sightings(tmp_path, views, LEGEND)
    assert error.value.problems[0].where == str(tmp_path / "b.png")


def test_a_view_whose_map_was_drawn_bears_no_witness(tmp_path):
    views = views_of(tmp_path, {name: blank() for name in "abcd"})
    told = {"a": "given", "b": "rendered", "c": "repaired", "x": "given"}
    (tmp_path / "views.json").write_text(json.dumps({name: {"origin": o, "flags": []} for name, o in told.items()}))
    assert [view.name for view in witnesses(tmp_path, views)] == ["a", "c"]


@pytest.mark.parametrize("text", [None, "{", '{"a": {"origin": "made up"}}'])
def test_a_table_of_origins_that_cannot_be_read_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "views.json").write_text(text)
    with pytest.raises(InputError) as error:
        witnesses(tmp_path, [])
    (problem,) = error.value.problems
    assert problem.where.startswith(str(tmp_path / "views.json"))


def test_plates_say_what_the_labels_say():
    rng = np.random.default_rng(1)
    means, labels = rng.normal(size=(60, 3)), rng.choice([0, 1, 2, 9], 60).astype(np.uint16)
    scores = Scores.from_dense(rng.dirichlet([1, 1, 1, 1], 60), np.array([0, 1, 2, 9]))
    seen = {id: Sighting(2, "a", (1, 2, 3, 4)) for id in (1, 2, 9, 40000)}
    found = plates(LEGEND, tree_of(LEGEND), means, labels, scores, seen)
    assert [plate.path for plate in found] == ["pot", "cup", "pot/lid", "ghost"]
    for plate, family in zip(found[:3], ([1, 9], [2], [9]), strict=True):
        rows = np.isin(labels, family)
        shares = np.where(np.isin(scores.ids, family), scores.scores, 0).sum(1, dtype=float)[rows]
        assert plate.count == rows.sum()
        np.testing.assert_allclose(plate.centroid, means[rows].mean(0), rtol=1e-5)
        np.testing.assert_allclose(plate.box_min, means[rows].min(0), rtol=1e-5)
        np.testing.assert_allclose(plate.box_max, means[rows].max(0), rtol=1e-5)
        np.testing.assert_allclose(plate.size, np.ptp(means[rows], axis=0), rtol=1e-4)
        assert plate.mean_score == pytest.approx(shares.mean(), abs=1e-4)
        assert (plate.status, plate.reason, plate.ply) == ("ok", "", f"{plate.path}/gaussians.ply")
        assert plate.colour == colour(plate.id)
        assert (plate.views, plate.view, plate.view_box) == (2, "a", (1, 2, 3, 4))
    assert (found[0].prompt, found[2].parent) == ("a pot", 1)
    assert found[3].status == "empty"
    assert {found[3].ply, found[3].centroid, found[3].size, found[3].mean_score} == {None}


@pytest.mark.parametrize(
    ("count", "views", "status", "words"),
    [
        (5, 2, "ok", ""),
        (5, 1, "single-view", "how far back it reaches is a guess"),
        (5, 0, "single-view", "how far back it reaches is a guess"),
        (0, 9, "empty", "`objects.min_share`"),
        (0, 0, "empty", "no view shows it"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(count, views, status, words):
    legend = Legend(entries=(Entry(id=7, name="cup"),))
    labels, scores = np.full(count, 7, np.uint16), Scores.from_dense(np.ones((count, 1)), np.array([7]))
    sighting = {7: Sighting(views, "a", (0, 0, 9, 9)) if views else Sighting(0)}
    (plate,) = plates(legend, tree_of(legend), np.zeros((count, 3)), labels, scores, sighting)
    assert plate.status == status
    assert words in plate.reason
    assert bool(plate.reason) == (status != "ok")


def test_a_portrait_shows_the_object_as_it_is_outlined_in_its_colour():
    photo = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    mask = blank(_1=(12, 8, 24, 20)) == 1
    picture = portrait(photo, mask, (12, 8, 24, 20), (255, 0, 255))
    assert picture.shape == (20, 20, 3)  # a margin of 4
    np.testing.assert_array_equal(picture[5:15, 5:15], photo[9:19, 13:23])
    outline = np.zeros((20, 20), bool)
    outline[4:16, 4:16] = True
    outline[5:15, 5:15] = False
    assert (picture[outline] == (255, 0, 255)).all()
    outside = np.ones((20, 20), bool)
    outside[4:16, 4:16] = False
    assert np.ptp(picture[outside].astype(int)) < 100  # dull


def test_a_portrait_at_the_edge_of_a_photo_stays_within_it():
    photo, mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8), blank(_1=(0, 0, 40, 10)) == 1
    picture = portrait(photo, mask, (0, 0, 40, 10), (1, 2, 3))
    assert picture.shape == (15, 40, 3)
    assert (picture[9] == (1, 2, 3)).all()
    assert (picture[0] == 0).all()  # it may go on beyond the edge: no outline
