"""Tiny models of the published classes with known weights, saved as their authors publish theirs."""

import runpy
from pathlib import Path

SIDE = 128
WIDTH = 128  # of SAM 2's and SAM 3's features: object pointers need more than one memory of 64 channels
WORDS = ("a", "red", "blue", "chair", "table", "lamp", "lid", "tea", "pot", "of", "the")


def save_all(folder: Path) -> None:
    """A tiny model of every backend, each in its place below `folder`."""
    reference = runpy.run_path(str(Path(__file__).parent / "reference.py"))
    fill = reference["fill"]
    for name, make in {
        "grounding-dino": _dino,
        "sam": _sam,
        "sam2": _sam2,
        "sam3": _sam3,
        "matchanything": _eloftr,
    }.items():
        model = fill(make(folder / name))
        for module, tensor in model.named_parameters():
            if module.endswith("pred_obj_score_head.proj_out.bias"):
                tensor.data += 3.0  # what is followed is in sight, mostly
        for module, tensor in model.named_buffers():
            if module.endswith("running_var"):
                tensor.fill_(1.0)
        model.save_pretrained(folder / name)
    _rename(folder / "sam3" / "model.safetensors", "tracker_model.tracker_model.", "tracker_model.")
    _save_lpips(folder / "lpips", reference["drawn"])


def _rename(file: Path, written: str, published: str) -> None:
    """What the library writes as one prefix it reads as another too: the one that the published file has."""
    from safetensors.torch import load_file, save_file

    tensors = {name.replace(written, published): tensor for name, tensor in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})


def _save_lpips(folder: Path, drawn) -> None:
    """Of its published size, which is small; heads are not negative."""
    from safetensors.torch import save_file

    from splatsmith.models.lpips import shapes

    tensors = {name: drawn(name, shape) for name, shape in shapes().items()}
    folder.mkdir()
    heads = {name: tensor.abs() for name, tensor in tensors.items() if name.startswith("lin")}
    save_file(tensors | heads, folder / "model.safetensors", metadata={"format": "pt"})


def _dino(folder: Path):
    from transformers import BertConfig, BertTokenizer, GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    places = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    places |= {word: 1030 + i for i, word in enumerate(WORDS)} | {"##s": 1060}
    vocabulary = {f"[unused{i}]": i for i in range(1100) if i not in places.values()} | places
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    swin = SwinConfig(
        embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4], window_size=7, out_indices=[2, 3, 4], image_size=224
    )
    bert = BertConfig(vocab_size=1100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    config = GroundingDinoConfig(
        backbone_config=swin, text_config=bert, num_queries=20, encoder_layers=1, decoder_layers=2, d_model=32,
        encoder_ffn_dim=64, decoder_ffn_dim=64, encoder_attention_heads=4, decoder_attention_heads=4, max_text_len=24,
    )  # fmt: skip
    return GroundingDinoForObjectDetection(config)


def _sam(_: Path):
    from transformers import SamConfig, SamModel

    vision = {
        "hidden_size": 32, "output_channels": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 64,
        "image_size": SIDE, "patch_size": 16, "window_size": 4, "global_attn_indexes": [1], "num_pos_feats": 16,
    }  # fmt: skip
    prompt = {"hidden_size": 32, "image_size": SIDE, "patch_size": 16}
    decoder = {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 8, "iou_head_hidden_dim": 32}
    return SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder))


def _tracker(side: int, patch: int) -> dict:
    grid = side // patch
    return {
        "prompt_encoder_config": {"hidden_size": WIDTH, "image_size": side, "patch_size": patch},
        "mask_decoder_config": {
            "hidden_size": WIDTH, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32
        },
        "image_size": side,
        "memory_attention_hidden_size": WIDTH,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 64,
        "memory_attention_rope_feat_sizes": [grid, grid],
        "memory_encoder_hidden_size": WIDTH,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": WIDTH,
        "memory_fuser_embed_dim": WIDTH,
        "memory_fuser_intermediate_dim": 64,
    }  # fmt: skip


def _sam2(_: Path):
    from transformers import Sam2VideoConfig, Sam2VideoModel

    backbone = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 8, "num_attention_heads": 1, "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2], "window_size_per_stage": [8, 4, 4, 4],
        "global_attention_blocks": [3],
    }  # fmt: skip
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
        "fpn_hidden_size": WIDTH,
    }
    return Sam2VideoModel(Sam2VideoConfig(vision_config=vision, **_tracker(SIDE, 16)))


def _sam3(folder: Path):
    from transformers import CLIPTokenizer, Sam3VideoConfig, Sam3VideoModel

    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
    vocabulary = {token: i for i, token in enumerate(letters + [f"{letter}</w>" for letter in letters])}
    vocabulary |= {"<|startoftext|>": 512, "<|endoftext|>": 513}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=32).save_pretrained(folder)
    side = 112
    backbone = {
        "model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": side, "pretrain_image_size": side, "patch_size": 14, "window_size": 4,
        "global_attn_indexes": [1],
    }  # fmt: skip
    vision = {"backbone_config": backbone, "fpn_hidden_size": WIDTH}
    vision |= {"backbone_feature_sizes": [[side // 14 * scale] * 2 for scale in (4, 2, 1)]}
    text = {
        "model_type": "clip_text_model", "vocab_size": 514, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 32, "max_position_embeddings": 32,
        "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513,
    }  # fmt: skip
    layers = {"hidden_size": WIDTH, "num_attention_heads": 2}
    deep = layers | {"num_layers": 1, "intermediate_size": 64}
    detector = {
        "vision_config": vision, "text_config": text, "geometry_encoder_config": deep, "detr_encoder_config": deep,
        "detr_decoder_config": deep | {"num_queries": 10}, "mask_decoder_config": layers,
    }  # fmt: skip
    tracker = {"vision_config": vision, **_tracker(side, 14)}
    return Sam3VideoModel(Sam3VideoConfig(detector_config=detector, tracker_config=tracker, low_res_mask_size=32))


def _eloftr(_: Path):
    from transformers import EfficientLoFTRConfig, EfficientLoFTRForKeypointMatching

    config = EfficientLoFTRConfig(
        stage_num_blocks=[1, 1, 1, 1], out_features=[16, 16, 32, 64], hidden_size=64, num_attention_layers=1,
        coarse_matching_threshold=0.0,
    )  # fmt: skip
    return EfficientLoFTRForKeypointMatching(config)
