"""Stage segment_2d: whatever the source, the folder is complete, what was not found is told, wrong input a message."""

import json

import numpy as np
import pytest
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.scenes.description import Object
from splatsmith.scenes.label_maps import read_label_map
from splatsmith.segment2d import sources
from splatsmith.segment2d.masks import Found, Mask, ViewMasks
from splatsmith.segment2d.settings import ProvidedSettings
from splatsmith.stages import segment_2d
from splatsmith.stages.segment_2d import Config, Inputs, Outputs

VIEWS = [f"{i:04}" for i in range(4)]
CUP, GHOST = Object(name="cup"), Object(name="ghost")


@pytest.fixture
def inputs(tmp_path, prepared) -> Inputs:
    """A scene of 40x30 pixels whose folder holds a mask of the cup for each photo."""
    scene = prepared(tmp_path / "fox" / "scene", VIEWS, VIEWS[:1])
    source = tmp_path / "captured"
    (source / "object_mask").mkdir(parents=True)
    (source / "labels.json").write_text('{"objects": {"7": "cup"}}')
    for i, name in enumerate(VIEWS):
        mask = np.zeros((30, 40), np.uint8)
        mask[5 + i : 15, 8:20] = 7
        Image.fromarray(mask).save(source / "object_mask" / f"{name}.png")
    return Inputs(scene, source, (CUP, GHOST), None, tmp_path / "models")


def run(inputs: Inputs, **settings):
    outputs = Outputs(inputs.scene.parent / "masks" / "raw")
    segment_2d.main(Config(**{"source": "provided", "backend": "cpu"} | settings), inputs, outputs, threads=1)
    return outputs.folder


def test_the_folder_is_complete_and_what_was_not_found_is_told(inputs):
    folder = run(inputs)
    listed = json.loads((folder / "manifest.json").read_text())
    assert set(listed) == {"masks.json", "contact.jpg", *(f"{name}.png" for name in VIEWS)}
    assert all(sha256_of(folder / name) == digest for name, digest in listed.items())
    assert read_label_map(folder / f"{VIEWS[2]}.png").sum() == 8 * 12
    assert read_label_map(folder / f"{VIEWS[0]}.png").max() == 0  # held out: kept for measuring
    stage = json.loads((folder / "stage.json").read_text())
    assert stage["status"] == "degraded"
    assert "`ghost` was not found" in stage["reason"]
    assert (inputs.source / "object_mask" / f"{VIEWS[0]}.png").as_posix() in stage["inputs"]


def test_the_same_input_gives_the_same_bytes(inputs):
    first = (run(inputs) / "manifest.json").read_bytes()
    assert (run(inputs) / "manifest.json").read_bytes() == first


def test_a_failed_run_leaves_no_manifest(inputs):
    folder = run(inputs)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(inputs.source / "object_mask" / f"{VIEWS[1]}.png")
    with pytest.raises(InputError, match="wrong size"):
        run(inputs)
    assert not (folder / "manifest.json").exists()
    assert json.loads((folder / "stage.json").read_text())["status"] == "failed"


class Foreign:
    """A source that another package might bring: the left half of every view is the first object."""

    def find(self, request) -> Found:
        def views():
            for view in request.scene.views:
                labels = np.zeros((view.camera.height, view.camera.width), np.uint16)
                labels[:, : view.camera.width // 2] = 1
                yield view.name, ViewMasks(labels, (Mask(object=request.objects[0].name, score=0.5),))

        return Found("unknown", views(), {})


def test_another_package_may_bring_a_source(inputs, monkeypatch):
    class Point:
        name, load = "left-half", staticmethod(lambda: Foreign)

    monkeypatch.setattr(sources.metadata, "entry_points", lambda group: [Point] if group == sources.GROUP else [])
    folder = run(inputs, source="left-half")
    assert json.loads((folder / "masks.json").read_text())["source"] == "left-half"
    assert read_label_map(folder / f"{VIEWS[3]}.png").sum() == 30 * 20


def test_an_unknown_source_names_those_there_are(inputs):
    with pytest.raises(InputError, match="boxes, provided, grounded-sam2, sam, sam3"):
        run(inputs, source="box")


def test_a_source_whose_models_are_missing_says_where_they_belong(inputs):
    with pytest.raises(InputError, match="grounding-dino"):
        run(inputs, source="grounded-sam2")


def test_boxes_without_a_box_say_how_to_give_one(inputs):
    with pytest.raises(InputError, match="no object has a box or a point"):
        run(inputs, source="boxes")


@pytest.mark.parametrize(
    ("config", "objects", "work", "gaussians"),
    [
        (Config(), (CUP,), False, True),
        (Config(), (Object(name="cup", boxes={"a": (1, 2, 3, 4)}),), True, True),
        (Config(), (Object(name="cup", points={"a": ((1, 2),)}),), True, True),
        (Config(source="provided"), (), True, False),
        (Config(source="sam"), (), True, False),
        (Config(source="sam3"), (), False, False),
        (Config(source="grounded-sam2"), (CUP,), True, False),
    ],
)
def test_what_there_is_to_do(config, objects, work, gaussians):
    assert segment_2d.has_work(config, objects) is work
    assert segment_2d.needs_gaussians(config) is gaussians


def test_mask_files_are_those_that_are_read(inputs):
    files = segment_2d.mask_files(Config(source="provided"), inputs.source)
    assert {path.name for path in files} == {"labels.json", *(f"{name}.png" for name in VIEWS)}
    assert segment_2d.mask_files(Config(), inputs.source) == []
    with pytest.raises(InputError, match="no folder of masks"):
        segment_2d.mask_files(Config(source="provided", provided=ProvidedSettings(folder="nowhere")), inputs.source)
