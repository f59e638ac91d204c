"""Raw masks on disk: what is written is read back, nothing damaged is read, and a source is held to the contract."""

import json

import numpy as np
import pytest
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.scenes.description import Object
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.store import read_raw, write_raw

NAMES = ("v00", "v01", "v02")


def masks_of(i: int) -> ViewMasks:
    """View i has i masks: a mug, and something of a track."""
    labels = np.zeros((48, 64), np.uint16)
    masks = (Mask(object="mug", score=0.25 * i, track=0), Mask(score=0.5, track=7))[:i]
    for number in range(1, i + 1):
        labels[10 * number : 10 * number + 8, 5 : 5 + 10 * number] = number
    return ViewMasks(labels, masks, ("mug: doubtful",) if i == 1 else ())


def request(scene) -> Request:
    return Request(scene, (Object(name="mug", prompt="teal mug"), Object(name="can")), None, "cpu")


def found(views=None) -> Found:
    views = {name: masks_of(i) for i, name in enumerate(NAMES)} if views is None else views
    return Found("unknown", iter(reversed(views.items())), {"can": "it is nowhere"})


def write(scene, folder, answer=None):
    return write_raw(folder, request(scene), "boxes", answer or found(), "test")


def test_round_trip(orbit, tmp_path):
    folder = tmp_path / "raw"
    write(orbit(3), folder)
    stored = read_raw(folder)
    assert (stored.raw.source, stored.raw.rest) == ("boxes", "unknown")
    assert [one.name for one in stored.raw.objects] == ["mug", "can"]
    assert stored.raw.objects[0].prompt == "teal mug"
    assert stored.raw.missing == {"can": "it is nowhere"}
    assert list(stored.raw.views) == list(NAMES)
    for i, name in enumerate(NAMES):
        there, expected = stored.of_view(name), masks_of(i)
        np.testing.assert_array_equal(there.labels, expected.labels)
        assert (there.masks, there.flags) == (expected.masks, expected.flags)


def test_the_manifest_lists_every_file_and_stale_ones_go(orbit, tmp_path):
    folder = tmp_path / "raw"
    write(orbit(3), folder)
    (folder / "gone.png").write_bytes(b"of an earlier scene")
    write(orbit(3), folder)
    listed = json.loads((folder / "manifest.json").read_text())
    assert set(listed) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert listed == {name: sha256_of(folder / name) for name in listed}
    Image.open(folder / "contact.jpg").load()


def test_the_order_in_which_views_come_is_of_no_account(orbit, tmp_path):
    views = {name: masks_of(i) for i, name in enumerate(NAMES)}
    write(orbit(3), tmp_path / "a", found(views))
    write(orbit(3), tmp_path / "b", found(dict(reversed(views.items()))))
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_what_a_source_names_beyond_the_description_is_listed_after_it(orbit, tmp_path):
    labels = masks_of(2).labels
    views = {name: ViewMasks(labels, (Mask(object="zebra", score=1), Mask(object="ant", score=1))) for name in NAMES}
    raw = write(orbit(3), tmp_path / "raw", found(views))
    assert [one.name for one in raw.objects] == ["mug", "can", "ant", "zebra"]


def test_a_run_that_fails_leaves_no_manifest(orbit, tmp_path):
    folder = tmp_path / "raw"
    write(orbit(3), folder)

    def broken():
        yield "v00", masks_of(0)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        write(orbit(3), folder, Found("background", broken(), {}))
    with pytest.raises(InputError, match="there are no masks yet"):
        read_raw(folder)


@pytest.mark.parametrize("name", ["masks.json", "v01.png", "contact.jpg", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "altered"])
def test_a_damaged_file_is_named_with_the_stage_to_redo(orbit, tmp_path, name, damage):
    folder = tmp_path / "raw"
    write(orbit(3), folder)
    path = folder / name
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "altered": data[:-9] + bytes(9)}[damage])
    with pytest.raises(InputError) as error:
        read_raw(folder)
    (problem,) = error.value.problems
    assert problem.where == str(path)
    assert "redo" in problem.fix


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ({"v00": masks_of(0), "v01": masks_of(1)}, "said nothing of the views"),
        ({**{name: masks_of(0) for name in NAMES}, "other": masks_of(0)}, "each view of the scene once"),
        ({name: ViewMasks(masks_of(2).labels, masks_of(1).masks) for name in NAMES}, "of 1 masks"),
        ({name: ViewMasks(np.zeros((48, 63), np.uint16), ()) for name in NAMES}, r"\(48, 63\)"),
    ],
    ids=["a view is left out", "a view of another scene", "more numbers than masks", "another size"],
)
def test_a_source_that_breaks_the_contract_is_a_bug_of_its_own(orbit, tmp_path, views, message):
    with pytest.raises(ValueError, match=message):
        write(orbit(3), tmp_path / "raw", found(views))
