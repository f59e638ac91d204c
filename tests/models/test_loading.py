"""Weights are read offline and whole, or not at all."""

import os
import socket
import subprocess
import sys

import pytest
import torch
from transformers import (
    EfficientLoFTRForKeypointMatching,
    GroundingDinoForObjectDetection,
    Sam2Model,
    Sam2VideoModel,
    Sam3Model,
    SamModel,
)

from splatsmith.base.errors import InputError
from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import load_model
from splatsmith.models.sam3_video import Sam3Tracker

CLASSES = {
    GroundingDinoForObjectDetection: "grounding-dino",
    SamModel: "sam",
    Sam2Model: "sam2",
    Sam2VideoModel: "sam2",
    Sam3Model: "sam3",
    EfficientLoFTRForKeypointMatching: "matchanything",
}


def told(model_class: type, checkpoint: Checkpoint, **placement: str) -> str:
    with pytest.raises(InputError) as error:
        load_model(model_class, checkpoint, **{"device": "cpu", "dtype": "float32", **placement})
    return str(error.value).replace(str(checkpoint.folder), "FOLDER")


@pytest.mark.parametrize(
    ("model_class", "backend"), CLASSES.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_saved_model_comes_back_the_same_without_a_socket(monkeypatch, checkpoint, model_class, backend):
    from safetensors.torch import load_file

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    model = load_model(model_class, checkpoint(backend), device="cpu", dtype="float32")
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    saved = {n.removeprefix("detector_model."): t for n, t in load_file(checkpoint(backend).weights[0]).items()}
    shared = model.state_dict().keys() & saved.keys()
    assert len(shared) > 50
    assert all(torch.equal(model.state_dict()[name], saved[name]) for name in shared)


def test_importing_the_adapters_takes_the_hub_offline():
    code = "import splatsmith.models, huggingface_hub.constants as c, sys; sys.exit(not c.HF_HUB_OFFLINE)"
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_the_precision_is_the_one_asked_for(checkpoint):
    model = load_model(SamModel, checkpoint("sam"), device="cpu", dtype="bfloat16")
    assert model.dtype == torch.bfloat16


def test_a_missing_tensor_is_an_error(broken):
    bad = broken("sam", lambda tensors: [tensors.pop(f"vision_encoder.layers.0.mlp.lin{i}.bias") for i in (1, 2)])
    assert told(SamModel, bad) == (
        "the weights of `sam` do not fit the model\n"
        "  where:    FOLDER: model.safetensors\n"
        "  got:      missing: vision_encoder.layers.0.mlp.lin1.bias, vision_encoder.layers.0.mlp.lin2.bias\n"
        "  fix:      fetch config.json and the weights anew, both from one repository"
    )


def test_a_tensor_without_a_place_is_an_error(broken):
    bad = broken("sam", lambda tensors: tensors.update({f"head.{i}": torch.zeros(2) for i in range(5)}))
    assert "got:      unexpected: head.0, head.1, head.2 and 2 more\n" in told(SamModel, bad)


def test_a_tensor_of_another_shape_is_an_error(broken):
    name = "vision_encoder.layers.0.mlp.lin1.bias"
    bad = broken("sam", lambda tensors: tensors.update({name: torch.zeros(3)}))
    assert told(SamModel, bad).startswith("the weights of `sam` do not fit the model\n")


def test_a_cut_file_is_an_error(broken):
    bad = broken("sam2", lambda _: None)
    (bad.folder / "model.safetensors").write_bytes((bad.folder / "model.safetensors").read_bytes()[:-1000])
    assert told(Sam2Model, bad).startswith("the weights of `sam2` do not fit the model\n")


def test_the_subclass_that_follows_text_is_read_as_strictly(broken):
    bad = broken("sam3", lambda tensors: tensors.pop("tracker_model.no_object_pointer"))
    with pytest.raises(InputError, match=r"missing: tracker_model\.no_object_pointer"):
        Sam3Tracker.load(bad, device="cpu")


def test_a_pickle_is_never_read(broken):
    good = {}
    bad = broken("sam", good.update)
    (bad.folder / "model.safetensors").unlink()
    torch.save(good, bad.folder / "pytorch_model.bin")
    assert told(SamModel, bad).startswith("the weights of `sam` do not fit the model\n")


def test_a_device_that_is_not_there_is_an_error(checkpoint):
    message = told(SamModel, checkpoint("sam"), device="xpu:7")
    assert message.startswith("the 2D model's device is not there\n  where:    device\n  expected: xpu:7\n  got:      ")
    assert message.endswith("  fix:      choose `cpu`, or install a torch for this machine's accelerator")
