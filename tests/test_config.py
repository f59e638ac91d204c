"""The configuration: typed, every section of every scene checked, overrides key by key."""

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml

from splatsmith.base.errors import InputError
from splatsmith.config import SECTIONS, merged, read_config

ROOT = Path(__file__).resolve().parent.parent
FOX = {"scenes": {"fox": {"path": "fox"}}}


def refused(raw: dict) -> str:
    with pytest.raises(InputError) as error:
        read_config(raw)
    return str(error.value)


def test_defaults_are_the_models_own():
    config = read_config(FOX | {"backend": "cpu"})
    for name, model in SECTIONS.items():
        given = {"backend": "cpu"} if "backend" in model.model_fields else {}
        assert config.section(name, "fox") == model(**given)


def test_a_scene_overrides_single_keys():
    scenes = {"fox": {"path": "fox", "train": {"steps": 20}}, "garden": {"path": "garden"}}
    config = read_config({"scenes": scenes, "train": {"steps": 10, "seed": 3}})
    assert [config.section("train", s).steps for s in ("fox", "garden")] == [20, 10]
    assert [config.section("train", s).seed for s in ("fox", "garden")] == [3, 3]


def test_mappings_are_laid_over_one_another_key_by_key():
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "e": 5}) == {"a": {"b": 1, "c": 4}, "d": 3, "e": 5}
    assert merged({"a": {"b": 1}}, {"a": 2}) == {"a": 2}


def test_the_backend_goes_to_every_section_that_has_one():
    config = read_config(FOX | {"backend": "cpu", "render": {"backend": "gsplat"}})
    assert config.section("train", "fox").backend == "cpu"
    assert config.section("render", "fox").backend == "gsplat"


def test_pictures_are_drawn_as_the_scene_was_trained():
    config = read_config(FOX | {"train": {"antialiased": True, "background": "white"}})
    assert config.section("render", "fox").antialiased
    assert config.section("render", "fox").background == "white"
    assert read_config(FOX | {"train": {"background": "random"}}).section("render", "fox").background == "black"
    own = {"render": {"antialiased": False}, "train": {"antialiased": True}}
    assert not read_config(FOX | own).section("render", "fox").antialiased


def test_values_from_the_command_line_are_text():
    assert read_config(FOX | {"train": {"steps": "20"}, "pin_code": "true"}).section("train", "fox").steps == 20


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"scene": {}}, ["unknown key `scene`", "did you mean `scenes`?", "missing key `scenes`"]),
        (FOX | {"trian": {}}, ["unknown key `trian`", "config: trian", "did you mean `train`?"]),
        (FOX | {"train": {"stpes": 3}}, ["unknown key `stpes`", "config: train: stpes", "did you mean `steps`?"]),
        (
            {"scenes": {"fox": {"path": "fox", "train": {"stpes": 3}}}},
            ["config: scenes.fox.train: stpes", "did you mean `steps`?"],
        ),
        (
            {"scenes": {"fox": {"path": "fox", "train": {"steps": 3}}}, "train": {"stpes": 3}},
            ["config: train: stpes", "did you mean `steps`?"],
        ),
        ({"scenes": {}}, ["there is no scene to work on", "config: scenes"]),
        ({"scenes": {"fox": {"pth": "fox"}}}, ["config: scenes.fox.pth", "did you mean `path`?"]),
        ({"scenes": {"Fox Hill": {"path": "fox"}}}, ["config: scenes.Fox Hill", "a-z 0-9 - _"]),
        (FOX | {"backend": "cuda"}, ["config: backend", "'auto', 'cpu' or 'gsplat'", "'cuda'"]),
        (FOX | {"train": {"steps": 0}}, ["config: train: steps", "greater than or equal to 1"]),
    ],
)
def test_errors_name_the_place(raw, words):
    message = refused(raw)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml"])
def test_the_shipped_files_are_valid(name):
    text = (ROOT / "config" / name).read_text(encoding="utf-8")
    assert list(read_config(yaml.safe_load(text)).scenes) == ["demo"]
    uncommented = re.sub(r"^( *)# ( *[a-z_]+:)", r"\1\2", text, flags=re.MULTILINE)  # its examples count, too
    assert "demo" in read_config(yaml.safe_load(uncommented)).scenes


def test_the_reference_follows_the_models():
    reference = runpy.run_path(str(ROOT / "tools" / "config_reference.py"))["reference"]
    assert (ROOT / "config" / "README.md").read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_is_explained_and_its_section_is_json(name):
    model = SECTIONS[name]
    assert [key for key, field in model.model_fields.items() if not field.description] == []
    assert len(model.model_fields) <= 20
    for section in (model(), *([model(preset="draft", steps=77)] if name == "train" else [])):
        assert model.model_validate_json(json.dumps(section.model_dump(mode="json"))) == section
