"""Writing consistent masks: parts belong to what is cut out, and the contact sheet colours by place in the legend."""

import numpy as np
from PIL import Image

from splatsmith.scenes.label_maps import Entry, Legend
from splatsmith.segment2d import consistent
from splatsmith.segment2d.association import Consistent
from splatsmith.segment2d.consistent import write_consistent

LEGEND = Legend(entries=(Entry(id=3, name="mug"), Entry(id=300, name="pan"), Entry(id=301, name="lid", parent=300)))


def striped(scene) -> dict[str, Consistent]:
    """Stripes of every number."""
    labels = np.repeat(np.array([0, 3, 300, 301], np.uint16), 16)[None].repeat(48, axis=0)
    return {view.name: Consistent(labels, {3: 0.5, 301: 1.0}, "repaired", 1, 0, ()) for view in scene.views}


def test_parts_are_cut_out_with_their_object(tmp_path, orbit):
    scene = orbit(2)
    write_consistent(tmp_path / "out", scene, LEGEND, striped(scene), label="test", threads=2)
    cut_outs = tmp_path / "out" / "masked_image_rgba"
    assert {path.name for path in cut_outs.iterdir()} == {"mug", "pan"}
    alpha = {name: np.asarray(Image.open(cut_outs / name / "v01.png"))[0, :, 3] for name in ("mug", "pan")}
    assert np.flatnonzero(alpha["mug"]).tolist() == list(range(16, 32))
    assert np.flatnonzero(alpha["pan"]).tolist() == list(range(32, 64))


def test_only_the_first_objects_are_cut_out(tmp_path, orbit, monkeypatch):
    monkeypatch.setattr(consistent, "MOST_CUT_OUT", 1)
    scene = orbit(1)
    write_consistent(tmp_path / "out", scene, LEGEND, striped(scene), label="test", threads=1)
    assert [path.name for path in (tmp_path / "out" / "masked_image_rgba").iterdir()] == ["mug"]


def test_the_contact_sheet_knows_each_number_by_its_place_in_the_legend(tmp_path, orbit, monkeypatch):
    sheets = []

    def sheet(tiles, legend):
        sheets.append((tiles, legend))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(consistent, "contact_sheet", sheet)
    scene = orbit(1)
    write_consistent(tmp_path / "out", scene, LEGEND, striped(scene), label="test", threads=1)
    (tile,), legend = sheets[0]
    assert legend == ["mug", "pan", "pan/lid"]
    assert tile.labels[0, ::16].tolist() == [0, 1, 2, 3]
