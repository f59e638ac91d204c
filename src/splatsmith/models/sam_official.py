"""The official `sam_vit_*.pth` files of segment-anything, read into the SAM of transformers.

Both hold the same tensors under other names. How large the model is, the tensors' shapes tell; only tensors are read
from the file, whatever else a pickle may hold.
"""

import pickle
import re
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import SamConfig, SamModel

from splatsmith.models.checkpoints import Checkpoint
from splatsmith.models.loading import DTYPES, require_fit, unusable

RENAMES = (
    (r"^image_encoder\.patch_embed\.proj\.", r"vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.blocks\.", r"vision_encoder.layers."),
    (r"^image_encoder\.neck\.0\.", r"vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", r"vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", r"vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", r"vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.", r"vision_encoder."),
    (
        r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$",
        r"shared_image_embedding.positional_embedding",
    ),
    (r"^prompt_encoder\.point_embeddings\.", r"prompt_encoder.point_embed."),
    (r"^prompt_encoder\.mask_downscaling\.0\.", r"prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", r"prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", r"prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", r"prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", r"prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.output_upscaling\.0\.", r"mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", r"mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", r"mask_decoder.upscale_conv2."),
    (r"(\.output_hypernetworks_mlps\.\d+|\.iou_prediction_head)\.layers\.0\.", r"\1.proj_in."),
    (r"(\.output_hypernetworks_mlps\.\d+|\.iou_prediction_head)\.layers\.1\.", r"\1.layers.0."),
    (r"(\.output_hypernetworks_mlps\.\d+|\.iou_prediction_head)\.layers\.2\.", r"\1.proj_out."),
    (r"\.norm(\d|_final_attn)\.", r".layer_norm\1."),
)
"""Official name to transformers' name, each pattern applied to the outcome of the former ones."""
NOT_WEIGHTS = ("pixel_mean", "pixel_std")
"""Constants that some copies of the files carry."""
DECODER_HEADS, DECODER_EPS = 8, 1e-5
"""Attention heads and normalisation of the mask decoder: the same in every published size, and no shape tells them."""


def read_official(checkpoint: Checkpoint, *, dtype: str) -> SamModel:
    """The model of an official file, on the CPU in `dtype`. Raises InputError where it is not one."""
    try:
        official = torch.load(checkpoint.official_sam, map_location="cpu", weights_only=True)
        if not isinstance(official, Mapping) or not all(isinstance(value, Tensor) for value in official.values()):
            raise ValueError("it holds other things than named tensors")
        config = config_of(official)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, IndexError) as error:
        raise unusable(checkpoint, got=(str(error).strip().splitlines() or ["it cannot be read"])[0]) from error
    except KeyError as error:
        raise unusable(checkpoint, got=f"missing: {error.args[0]}") from error
    with torch.device("meta"):  # no weights are drawn only to be overwritten
        model = SamModel(config)
    given, expected = renamed(official), model.state_dict()
    same = given.keys() & expected.keys()
    require_fit(
        checkpoint,
        {
            "missing": sorted(expected.keys() - same),
            "unexpected": sorted(given.keys() - same),
            "of another shape": sorted(name for name in same if given[name].shape != expected[name].shape),
        },
    )
    model.load_state_dict(given, assign=True)
    return model.to(DTYPES[dtype])


def renamed(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an official file under the names of transformers' SamModel."""
    tensors = {}
    for name, tensor in official.items():
        if name in NOT_WEIGHTS:
            continue
        for pattern, replacement in RENAMES:
            name = re.sub(pattern, replacement, name)
        tensors[name] = tensor
    shared = "shared_image_embedding.positional_embedding"
    return tensors | {"prompt_encoder.shared_embedding.positional_embedding": tensors[shared]}


def config_of(official: Mapping[str, Tensor]) -> SamConfig:
    """The configuration whose tensors have the shapes of an official file's. Raises KeyError for a missing tensor."""
    shape = {name: tuple(tensor.shape) for name, tensor in official.items()}
    blocks = 1 + max(
        (int(name.split(".")[2]) for name in shape if name.startswith("image_encoder.blocks.")), default=-1
    )
    embed_dim, _, patch, _ = shape["image_encoder.patch_embed.proj.weight"]
    side = shape["image_encoder.pos_embed"][1]
    reach = [shape[f"image_encoder.blocks.{block}.attn.rel_pos_h"] for block in range(blocks)]
    local = [length for length, _ in reach if length < 2 * side - 1]
    channels = shape["image_encoder.neck.0.weight"][0]
    decoder_layers = sum(bool(re.fullmatch(r"mask_decoder\.transformer\.layers\.\d+\.norm1\.weight", n)) for n in shape)
    vision = {
        "hidden_size": embed_dim,
        "output_channels": channels,
        "num_hidden_layers": blocks,
        "num_attention_heads": embed_dim // reach[0][1],
        "image_size": side * patch,
        "patch_size": patch,
        "window_size": (local[0] + 1) // 2 if local else 0,
        "global_attn_indexes": [block for block, (length, _) in enumerate(reach) if length == 2 * side - 1],
        "num_pos_feats": shape["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"][1],
        "mlp_dim": shape["image_encoder.blocks.0.mlp.lin1.weight"][0],
    }
    prompt = {
        "hidden_size": channels,
        "image_size": side * patch,
        "patch_size": patch,
        "mask_input_channels": shape["prompt_encoder.mask_downscaling.3.weight"][0],
    }
    decoder = {
        "hidden_size": channels,
        "num_hidden_layers": decoder_layers,
        "num_attention_heads": DECODER_HEADS,
        "mlp_dim": shape["mask_decoder.transformer.layers.0.mlp.lin1.weight"][0],
        "iou_head_hidden_dim": shape["mask_decoder.iou_prediction_head.layers.0.weight"][0],
        "num_multimask_outputs": shape["mask_decoder.mask_tokens.weight"][0] - 1,
        "layer_norm_eps": DECODER_EPS,
    }
    return SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
