"""SAM answers as the official package does, from the library's files and from the official ones."""

import re

import numpy as np
import pytest
import torch
from transformers import SamConfig, SamModel

from splatsmith.base.errors import InputError
from splatsmith.models.checkpoints import find_checkpoint
from splatsmith.models.everything import Everything
from splatsmith.models.protocols import Prompt, Segmenter
from splatsmith.models.sam import Sam
from splatsmith.models.sam_official import config_of, renamed

SIZES = {
    "vit_b": {},
    "vit_l": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
              "global_attn_indexes": [5, 11, 17, 23]},
    "vit_h": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16,
              "global_attn_indexes": [7, 15, 23, 31]},
}  # fmt: skip
"""Published sizes, and where they differ from the library's default."""


def official_name(name: str) -> str:
    """What the official package calls a tensor of the library's model."""
    head = r"(output_hypernetworks_mlps\.\d+|iou_prediction_head)"
    if re.search(head, name):
        places = {"proj_in": "layers.0", "layers.0": "layers.1", "proj_out": "layers.2"}
        return re.sub(head + r"\.(proj_in|layers\.0|proj_out)", lambda m: f"{m[1]}.{places[m[2]]}", name)
    for ours, theirs in {
        "vision_encoder.layers": "image_encoder.blocks",
        "vision_encoder.patch_embed.projection": "image_encoder.patch_embed.proj",
        "vision_encoder.neck.conv1": "image_encoder.neck.0",
        "vision_encoder.neck.layer_norm1": "image_encoder.neck.1",
        "vision_encoder.neck.conv2": "image_encoder.neck.2",
        "vision_encoder.neck.layer_norm2": "image_encoder.neck.3",
        "vision_encoder": "image_encoder",
        "shared_image_embedding.positional_embedding": "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "prompt_encoder.point_embed.": "prompt_encoder.point_embeddings.",
        "mask_embed.conv1": "mask_downscaling.0",
        "mask_embed.layer_norm1": "mask_downscaling.1",
        "mask_embed.conv2": "mask_downscaling.3",
        "mask_embed.layer_norm2": "mask_downscaling.4",
        "mask_embed.conv3": "mask_downscaling.6",
        "upscale_conv1": "output_upscaling.0",
        "upscale_layer_norm": "output_upscaling.1",
        "upscale_conv2": "output_upscaling.3",
        "layer_norm": "norm",
    }.items():
        name = name.replace(ours, theirs)
    return name


def official_tensors(model: SamModel) -> dict[str, torch.Tensor]:
    """The model's tensors under the names of the official package, which holds the shared one once."""
    tensors = {official_name(name): tensor for name, tensor in model.state_dict().items()}
    del tensors["prompt_encoder.shared_embedding.positional_embedding"]
    return tensors


def published(size: str) -> SamModel:
    with torch.device("meta"):
        return SamModel(SamConfig(vision_config=SIZES[size]))


@pytest.fixture(scope="module")
def official(tmp_path_factory, checkpoint, reference):
    """The folder of an official file, of the tiny model that the golden arrays were made with."""
    model = Sam.load(checkpoint("sam"), device="cpu").model
    tensors = {name: reference.drawn(name, tuple(t.shape)) for name, t in official_tensors(model).items()}
    folder = tmp_path_factory.mktemp("official")
    (folder / "sam").mkdir()
    torch.save(tensors, folder / "sam" / "sam_vit_b_01ec64.pth")
    return find_checkpoint("sam", folder)


@pytest.fixture(scope="module")
def segmenter(official) -> Segmenter:
    return Sam.load(official, device="cpu")


def prompt(fields: dict) -> Prompt:
    return Prompt(**{name: np.array(value) for name, value in fields.items()})


@pytest.mark.parametrize("size", SIZES)
def test_every_tensor_of_the_published_files_finds_its_place(size, golden):
    model = published(size)
    tensors = official_tensors(model)
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert {name: tensor.shape for name, tensor in renamed(tensors).items()} == expected


@pytest.mark.parametrize("size", SIZES)
def test_the_published_files_have_the_names_and_shapes_that_we_think(size, golden, reference):
    assert reference.layout(official_tensors(published(size))) == golden["sam_layouts"][1 + list(SIZES).index(size)]


def test_the_tiny_official_model_has_them_too(golden, reference, checkpoint):
    tensors = official_tensors(Sam.load(checkpoint("sam"), device="cpu").model)
    assert reference.layout(tensors) == golden["sam_layouts"][0]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_s_shapes_tell_the_size_of_its_model(size):
    found, expected = config_of(official_tensors(published(size))), SamConfig(vision_config=SIZES[size])
    for part in ("vision_config", "prompt_encoder_config", "mask_decoder_config"):
        ours, theirs = (getattr(config, part).to_dict() for config in (found, expected))
        if part == "vision_config":
            ours["global_attn_indexes"] = list(ours["global_attn_indexes"])
            theirs["global_attn_indexes"] = list(theirs["global_attn_indexes"])
        if part == "mask_decoder_config":
            theirs["layer_norm_eps"] = 1e-5  # as in the official code; the library's own files were made with 1e-6
        assert ours == theirs


@pytest.mark.parametrize("name", ["box", "points", "both"])
def test_masks_of_unambiguous_prompts_are_the_official_ones(segmenter, picture, golden, reference, name):
    (found,) = segmenter.segment(picture, [prompt(reference.PROMPTS[name])])
    assert np.allclose(found.logits[::3, ::3], golden[f"sam_single/{name}"][0], atol=2e-5)
    assert found.score == pytest.approx(golden[f"sam_single_iou/{name}"][0], abs=1e-5)


def test_of_a_single_point_s_three_masks_the_one_with_the_best_score_is_taken(segmenter, picture, golden, reference):
    (found,) = segmenter.segment(picture, [prompt(reference.PROMPTS["point"])])
    best = golden["sam_multi_iou/point"].argmax()
    assert np.allclose(found.logits[::3, ::3], golden["sam_multi/point"][best], atol=2e-5)
    assert found.score == pytest.approx(golden["sam_multi_iou/point"][best], abs=1e-5)


def test_everything_is_what_the_official_generator_finds(segmenter, picture, golden, reference):
    found = segmenter.everything(picture, Everything(**reference.EVERYTHING))
    assert len(found) == len(golden["everything_scores"])
    masks = np.stack([one.mask for one in found])
    official = np.unpackbits(golden["everything_masks"])[: masks.size].reshape(masks.shape).astype(bool)
    assert (masks != official).mean() < 1e-4
    assert np.allclose([one.score for one in found], golden["everything_scores"], atol=1e-5)
    assert np.allclose([one.stability for one in found], golden["everything_stability"], atol=1e-3)
    assert np.allclose([one.point for one in found], golden["everything_points"])
    x, y, w, h = golden["everything_boxes"].T
    assert np.array_equal(np.stack([one.box for one in found]), np.stack([x, y, x + w, y + h], axis=1))


def test_each_prompt_is_answered_by_itself(segmenter, picture, reference):
    prompts = [prompt(fields) for fields in reference.PROMPTS.values()]
    together = segmenter.segment(picture, prompts)
    for one, found in zip(prompts, together, strict=True):
        assert np.array_equal(segmenter.segment(picture, [one])[0].logits, found.logits)
        assert found.logits.shape == picture.shape[:2]
        assert found.logits.dtype == np.float32
        assert 0 <= found.score <= 1


def test_a_picture_is_embedded_once(segmenter, picture, reference, monkeypatch):
    seen = []
    embed = segmenter._embed
    monkeypatch.setattr(segmenter, "_embed", lambda image: seen.append(image) or embed(image))
    monkeypatch.setattr(segmenter, "_latest", None)
    other = reference.picture(40, 40)
    box = prompt(reference.PROMPTS["box"])
    segmenter.segment(picture, [box, box])
    first = segmenter.segment(picture.copy(), [box])[0]
    assert len(seen) == 1
    segmenter.segment(other, [Prompt(box=np.array([3, 3, 30, 20]))])
    again = segmenter.segment(picture, [box])[0]
    assert len(seen) == 3
    assert np.array_equal(first.logits, again.logits)


def test_a_picture_that_is_changed_in_place_is_embedded_anew(segmenter, picture, reference):
    box, changing = prompt(reference.PROMPTS["box"]), picture.copy()
    before = segmenter.segment(changing, [box])[0]
    changing[:] = 255 - changing
    assert not np.array_equal(segmenter.segment(changing, [box])[0].logits, before.logits)


def test_a_mask_is_no_prompt_for_a_single_picture(segmenter, picture):
    with pytest.raises(ValueError, match="for tracking"):
        segmenter.segment(picture, [Prompt(mask=np.ones((90, 150), dtype=bool))])


def test_half_precision_answers_much_the_same(official, segmenter, picture, reference):
    half = Sam.load(official, device="cpu", dtype="bfloat16")
    box = prompt(reference.PROMPTS["box"])
    ours, theirs = (s.segment(picture, [box])[0] for s in (half, segmenter))
    assert np.abs(ours.logits - theirs.logits).max() < 0.1


def told(folder) -> str:
    with pytest.raises(InputError) as error:
        Sam.load(find_checkpoint("sam", folder), device="cpu")
    return str(error.value).replace(str(folder), "MODELS")


@pytest.fixture
def damaged(tmp_path, official):
    """Writes an official file whose tensors were changed, and says what loading it tells."""

    def tell(change) -> str:
        tensors = torch.load(official.official_sam, weights_only=True)
        (tmp_path / "sam").mkdir()
        torch.save(change(tensors), tmp_path / "sam" / "sam_vit_b.pth")
        return told(tmp_path)

    return tell


def without(tensors: dict, name: str) -> dict:
    return {key: value for key, value in tensors.items() if key != name}


def test_a_tensor_that_is_missing_from_an_official_file_is_told(damaged):
    assert damaged(lambda tensors: without(tensors, "image_encoder.neck.0.weight")) == (
        "the weights of `sam` do not fit the model\n"
        "  where:    MODELS/sam: sam_vit_b.pth\n"
        "  got:      missing: image_encoder.neck.0.weight\n"
        "  fix:      fetch config.json and the weights anew, both from one repository"
    )


def test_one_that_only_the_model_misses_is_told_too(damaged):
    name = "mask_decoder.iou_token.weight"
    assert f"got:      missing: {name}\n" in damaged(lambda tensors: without(tensors, name))


def test_a_tensor_too_many_is_told(damaged):
    assert "got:      unexpected: head\n" in damaged(lambda tensors: tensors | {"head": torch.zeros(1)})


def test_a_tensor_of_another_shape_is_told(damaged):
    name = "mask_decoder.iou_token.weight"
    message = damaged(lambda tensors: tensors | {name: torch.zeros(1, 3)})
    assert f"got:      of another shape: {name}\n" in message


def test_the_constants_of_some_copies_are_no_tensors_too_many(tmp_path, official):
    tensors = torch.load(official.official_sam, weights_only=True)
    (tmp_path / "sam").mkdir()
    torch.save(tensors | {"pixel_mean": torch.zeros(3, 1, 1)}, tmp_path / "sam" / "sam_vit_b.pth")
    Sam.load(find_checkpoint("sam", tmp_path), device="cpu")


def test_other_things_than_tensors_are_refused(damaged):
    assert "got:      it holds other things than named tensors\n" in damaged(lambda tensors: tensors | {"epoch": 3})


class _Payload:
    def __reduce__(self):
        return (open, ("ran", "w"))


def test_code_in_a_pickle_does_not_run(damaged, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    message = damaged(lambda tensors: tensors | {"x": _Payload()})
    assert message.startswith("the weights of `sam` do not fit the model\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04cut"])
def test_a_file_that_is_no_checkpoint_is_told(tmp_path, content):
    (tmp_path / "sam").mkdir()
    (tmp_path / "sam" / "sam_vit_b.pth").write_bytes(content)
    assert told(tmp_path).startswith("the weights of `sam` do not fit the model\n")
