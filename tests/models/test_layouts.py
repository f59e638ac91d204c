"""The published sizes have the tensors that they are known to have: a library that renames any could not read them.

Built on the meta device, without memory. `layouts.json` holds a hash of every name and shape, made with the version of
transformers that constraints.txt pins:  python tests/models/test_layouts.py
"""

import json
import runpy
from pathlib import Path

import pytest
import torch

LAYOUTS = Path(__file__).parent / "layouts.json"
SWIN_B = {
    "window_size": 12,
    "image_size": 384,
    "embed_dim": 128,
    "depths": [2, 2, 18, 2],
    "num_heads": [4, 8, 16, 32],
    "out_indices": [2, 3, 4],
}
HIERA_S = {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]}
HIERA_B = {
    "hidden_size": 112,
    "num_attention_heads": 2,
    "blocks_per_stage": [2, 3, 16, 3],
    "embed_dim_per_stage": [112, 224, 448, 896],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "window_positional_embedding_background_size": [14, 14],
    "global_attention_blocks": [12, 16, 20],
}
HIERA_L = {
    "hidden_size": 144,
    "num_attention_heads": 2,
    "blocks_per_stage": [2, 6, 36, 4],
    "embed_dim_per_stage": [144, 288, 576, 1152],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "window_size_per_stage": [8, 4, 16, 8],
    "global_attention_blocks": [23, 33, 43],
}
MILLIONS = {
    "grounding-dino-tiny": 172.3,
    "grounding-dino-base": 232.3,
    "sam2.1-hiera-tiny": 39.0,
    "sam2.1-hiera-small": 46.1,
    "sam2.1-hiera-base-plus": 80.9,
    "sam2.1-hiera-large": 224.4,
    "sam3": 859.9,
    "efficientloftr": 16.0,
}
"""Parameters, to a tenth: what is published, there cut or rounded."""


def model(name: str) -> torch.nn.Module:
    """A published model on the meta device."""
    import transformers as T

    def hiera(**options) -> T.Sam2VideoModel:
        backbone = T.Sam2HieraDetConfig(**options)
        channels = backbone.embed_dim_per_stage[::-1]
        vision = T.Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=channels)
        return T.Sam2VideoModel(T.Sam2VideoConfig(vision_config=vision))

    with torch.device("meta"):
        match name:
            case "grounding-dino-tiny":
                return T.GroundingDinoForObjectDetection(T.GroundingDinoConfig())
            case "grounding-dino-base":
                config = T.GroundingDinoConfig(backbone_config=T.SwinConfig(**SWIN_B))
                return T.GroundingDinoForObjectDetection(config)
            case "sam2.1-hiera-tiny":
                return hiera()
            case "sam2.1-hiera-small":
                return hiera(**HIERA_S)
            case "sam2.1-hiera-base-plus":
                return hiera(**HIERA_B)
            case "sam2.1-hiera-large":
                return hiera(**HIERA_L)
            case "sam3":
                return T.Sam3VideoModel(T.Sam3VideoConfig())
            case "efficientloftr":
                return T.EfficientLoFTRForKeypointMatching(T.EfficientLoFTRConfig())
    raise ValueError(name)


@pytest.mark.parametrize("name", MILLIONS)
def test_a_published_size_has_its_tensors(name, reference):
    known = model(name)
    assert reference.layout(known.state_dict()) == json.loads(LAYOUTS.read_text(encoding="utf-8"))[name]
    assert round(sum(p.numel() for p in known.parameters()) / 1e6, 1) == MILLIONS[name]


if __name__ == "__main__":
    layout = runpy.run_path(str(Path(__file__).parent / "reference.py"))["layout"]
    hashes = {name: layout(model(name).state_dict()) for name in MILLIONS}
    LAYOUTS.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
