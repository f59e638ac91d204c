"""Where weights belong: what is there, what is missing, and what the user is told."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from splatsmith.base.errors import InputError
from splatsmith.models.catalogue import CATALOGUE
from splatsmith.models.checkpoints import find_checkpoint, find_checkpoints, locate, survey

CONFIG = {
    "grounding-dino": "grounding-dino",
    "sam": "sam",
    "sam2": "sam2_video",
    "sam3": "sam3_video",
    "matchanything": "efficientloftr",
    "lpips": "none is looked for",
}


def put(folder: Path, **files: str | bytes) -> Path:
    """Files by name, `_` for `.`; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def sam2(root: Path, **files: str | bytes) -> Path:
    return put(root / "sam2", **{"config__json": json.dumps({"model_type": "sam2_video"}), **files})


def told(backend: str, root: Path) -> str:
    with pytest.raises(InputError) as error:
        find_checkpoint(backend, root)
    return str(error.value).replace(str(root), "MODELS")


def test_a_missing_folder_says_what_belongs_where_and_under_which_licence(tmp_path):
    assert told("sam2", tmp_path) == (
        "the model `sam2` is not there\n"
        "  where:    MODELS/sam2\n"
        "  expected: config.json, model.safetensors\n"
        "  got:      no such folder\n"
        "  fix:      hf download facebook/sam2.1-hiera-large config.json model.safetensors --local-dir MODELS/sam2"
        " (0.9 GB, licence Apache-2.0; facebook/sam2.1-hiera-base-plus, facebook/sam2.1-hiera-small,"
        " facebook/sam2.1-hiera-tiny will do too), or copy the files there from another machine"
    )


def test_a_gated_model_names_the_step_before(tmp_path):
    assert told("sam3", tmp_path).splitlines()[-1] == (
        "  fix:      accept the licence on https://huggingface.co/facebook/sam3, then hf download facebook/sam3"
        " config.json tokenizer.json tokenizer_config.json model.safetensors --local-dir MODELS/sam3"
        " (3.4 GB, licence SAM License (commercial use allowed; no military use)), or copy the files there from another"
        " machine"
    )


def test_a_model_of_one_file_says_how_to_make_it(tmp_path):
    assert told("lpips", tmp_path) == (
        "the model `lpips` is not there\n"
        "  where:    MODELS/lpips\n"
        "  expected: model.safetensors\n"
        "  got:      no such folder\n"
        "  fix:      curl -LO https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
        " -LO https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/alex.pth"
        " && python -m splatsmith.models.lpips alexnet-owt-7be5be79.pth alex.pth MODELS/lpips/model.safetensors"
        " (0.01 GB, licence BSD-2-Clause, its AlexNet BSD-3-Clause), or copy the files there from another machine"
    )
    folder = put(tmp_path / "lpips", model__safetensors=bytes(10_000_000))
    assert find_checkpoint("lpips", tmp_path).files == (folder / "model.safetensors",)
    (told_of,) = (one for one in survey(tmp_path) if one.backend == "lpips")
    assert told_of.detail.startswith(f"10 MB in {folder} (BSD-2-Clause, its AlexNet BSD-3-Clause); ")


def test_sam_may_also_be_the_official_file(tmp_path):
    assert "expected: config.json, model.safetensors; or an official sam_vit_*.pth\n" in told("sam", tmp_path)


@pytest.mark.parametrize("backend", CATALOGUE)
def test_every_missing_file_is_named(tmp_path, backend):
    put(tmp_path / backend, config__json=json.dumps({"model_type": CONFIG[backend]}))
    missing = ", ".join([*CATALOGUE[backend].text_files, "model.safetensors"])
    assert f"\n  got:      no {missing}\n" in told(backend, tmp_path)


def test_pickles_are_no_weights(tmp_path):
    sam2(tmp_path, pytorch_model__bin=b"", sam2_hiera__pt=b"")
    got = "no model.safetensors (pytorch_model.bin, sam2_hiera.pt: pickles are not read)"
    assert f"\n  got:      {got}\n" in told("sam2", tmp_path)


def test_another_model_in_the_folder_is_noticed(tmp_path):
    put(tmp_path / "sam2", config__json='{"model_type": "sam"}', model__safetensors=b"")
    assert told("sam2", tmp_path).startswith(
        "another model lies in the folder of `sam2`\n"
        "  where:    MODELS/sam2/config.json: model_type\n"
        "  expected: sam2_video or sam2\n"
        "  got:      sam\n"
        "  fix:      hf download facebook/sam2.1-hiera-large"
    )


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_description_is_told(tmp_path, text):
    sam2(tmp_path, config__json=text, model__safetensors=b"")
    assert told("sam2", tmp_path).startswith(
        "the description of `sam2` is damaged\n  where:    MODELS/sam2/config.json"
    )


def test_an_unknown_model_names_the_nearest(tmp_path):
    assert told("sam22", tmp_path) == (
        "unknown model `sam22`\n"
        "  where:    models\n"
        "  expected: one of grounding-dino, sam, sam2, sam3, matchanything, lpips\n"
        "  fix:      did you mean `sam2`?"
    )
    assert told("yolo", tmp_path).endswith("fix:      choose one of them")


def test_weights_in_several_files_are_all_looked_for(tmp_path):
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = json.dumps({"weight_map": {"a": names[1], "b": names[0], "c": names[0]}})
    folder = sam2(tmp_path, model__safetensors__index__json=index)
    assert f"\n  got:      no {', '.join(names)}\n" in told("sam2", tmp_path)
    for name in names:
        (folder / name).write_bytes(name.encode())
    found = find_checkpoint("sam2", tmp_path)
    assert [file.name for file in found.weights] == names
    assert [file.name for file in found.files] == ["config.json", *names]


@pytest.mark.parametrize(
    "index",
    ["", "{}", "[]", '{"weight_map": {}}', '{"weight_map": {"a": "../b.safetensors"}}', '{"weight_map": {"a": 1}}'],
)
def test_a_damaged_list_of_files_is_told(tmp_path, index):
    sam2(tmp_path, model__safetensors__index__json=index)
    assert told("sam2", tmp_path).startswith("the list of weights files is damaged\n  where:    MODELS/sam2/model.safe")


def test_weights_are_hashed_and_the_official_sam_is_found(tmp_path):
    put(tmp_path / "sam", sam_vit_b_01ec64__pth=b"weights")
    found = find_checkpoint("sam", tmp_path)
    assert found.official_sam == tmp_path / "sam" / "sam_vit_b_01ec64.pth"
    assert found.sha256() == {"sam_vit_b_01ec64.pth": hashlib.sha256(b"weights").hexdigest()}
    sam2(tmp_path, model__safetensors=b"other")
    assert find_checkpoint("sam2", tmp_path).official_sam is None
    assert find_checkpoint("sam2", tmp_path).sha256() == {"model.safetensors": hashlib.sha256(b"other").hexdigest()}


def test_several_models_are_found_in_order_or_all_that_is_missing_is_told(models_dir, tmp_path):
    assert find_checkpoints(["sam2", "sam"], models_dir) == [
        find_checkpoint(name, models_dir) for name in ("sam2", "sam")
    ]
    sam2(tmp_path, model__safetensors=b"weights")
    with pytest.raises(InputError) as error:
        find_checkpoints(["sam3", "sam2", "sam"], tmp_path)
    whats = [problem.what for problem in error.value.problems]
    assert whats == ["the model `sam3` is not there", "the model `sam` is not there"]


def test_two_official_files_are_one_too_many(tmp_path):
    put(tmp_path / "sam", sam_vit_b__pth=b"", sam_vit_h__pth=b"")
    assert "got:      sam_vit_b.pth, sam_vit_h.pth" in told("sam", tmp_path)


def test_a_folder_in_the_library_s_form_counts_before_an_official_file(tmp_path):
    config = json.dumps({"model_type": "sam"})
    put(tmp_path / "sam", sam_vit_b__pth=b"", config__json=config, model__safetensors=b"")
    assert find_checkpoint("sam", tmp_path).official_sam is None


def test_the_survey_tells_of_every_model_without_reading_weights(tmp_path):
    sam2(tmp_path, model__safetensors=bytes(200_000_000))
    put(tmp_path / "grounding-dino", config__json="{}")
    by_name = {one.backend: one for one in survey(tmp_path)}
    assert list(by_name) == list(CATALOGUE)
    assert {name for name, one in by_name.items() if one.ready} == {"sam2"}
    task = "cuts out what a box or points show, and follows it through a sequence"
    assert by_name["sam2"].detail == f"0.2 GB in {tmp_path / 'sam2'} (Apache-2.0); {task}"
    assert by_name["sam2"].fix is None
    assert by_name["sam"].detail == "not there; cuts out what a box or points show, or everything (Apache-2.0)"
    missing = "no tokenizer.json, tokenizer_config.json, model.safetensors"
    assert by_name["grounding-dino"].detail == f"the model `grounding-dino` is not there: {missing} (Apache-2.0)"
    assert by_name["sam"].fix.startswith("hf download facebook/sam-vit-huge config.json model.safetensors --local-dir")


def test_every_tiny_model_is_found_where_it_was_saved(models_dir):
    assert [one.backend for one in survey(models_dir) if one.ready] == list(CATALOGUE)
    for backend in CATALOGUE:
        assert find_checkpoint(backend, models_dir) == locate(CATALOGUE[backend], models_dir)


def test_looking_for_weights_imports_neither_torch_nor_transformers(tmp_path):
    code = (
        "import sys; from pathlib import Path; from splatsmith.models.checkpoints import find_checkpoint, survey;"
        f"survey(Path({str(tmp_path)!r}));"
        "import splatsmith.models.libraries as l; l.broken_torchvision();"
        "sys.exit(bool({'torch', 'transformers', 'torchvision', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
