"""Tiny models with known weights, and what the official code makes of them: `golden.npz`.

    python tests/models/reference.py

makes the arrays anew. It needs segment-anything 1.0 and a torchvision that fits the installed torch, which nothing
else here does; the tests only read the arrays. Weights and pictures follow from names and whole numbers, so they are
the same on every machine.
"""

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

GOLDEN = Path(__file__).parent / "golden.npz"

SIZES = ("vit_b", "vit_l", "vit_h")
"""Of the official SAM."""
SIDE = 128
"""Pixels along the square that the tiny models see."""
PROMPTS = {
    "box": {"box": [10, 12, 80, 70]},
    "point": {"points": [[40, 30]]},
    "points": {"points": [[40, 30], [100, 60]], "inside": [True, False]},
    "both": {"box": [10, 12, 80, 70], "points": [[40, 30]], "inside": [True]},
}
"""Prompts for a picture of 90x150 pixels."""
EVERYTHING = {
    "points_per_side": 3,
    "points_per_batch": 4,
    "pred_iou_thresh": 0.3,
    "stability_score_thresh": 0.6,
    "stability_score_offset": 0.05,
    "box_nms_thresh": 1.0,
    "crop_n_layers": 1,
    "crop_nms_thresh": 1.0,
    "crop_n_points_downscale_factor": 2,
}


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: slopes, and some discs and boxes in flat colours."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)], axis=-1)
    draw = np.random.default_rng(seed)
    for i in range(6):
        cx, cy, r = (int(draw.integers(0, n)) for n in (width, height, max(height // 3, 2)))
        shape = (x - cx) ** 2 + (y - cy) ** 2 < r * r if i % 2 else (abs(x - cx) < r) & (abs(y - cy) < r // 2)
        image[shape] = draw.integers(0, 256, 3)
    return image.astype(np.uint8)


def drawn(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor drawn from its name, strong enough for a model's answers to depend on its input."""
    draw = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if len(shape) < 2:
        return torch.as_tensor(0.1 * draw + (1.0 if name.endswith("weight") else 0.0), dtype=torch.float32)
    return torch.as_tensor(draw / np.sqrt(np.prod(shape[1:])), dtype=torch.float32)


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """The model with every tensor drawn from its name."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(drawn(name, tuple(tensor.shape)))
    return model.eval()


def layout(tensors: Mapping[str, torch.Tensor]) -> str:
    """Hash of the names and shapes of a model's tensors."""
    lines = [f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(tensors.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def official_sam() -> torch.nn.Module:
    """A tiny SAM of the official package."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    encoder = ImageEncoderViT(
        depth=2, embed_dim=32, img_size=SIDE, mlp_ratio=2, num_heads=2, patch_size=16, qkv_bias=True, out_chans=32,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6), use_rel_pos=True, global_attn_indexes=[1],
        window_size=4,
    )  # fmt: skip
    grid = (SIDE // 16, SIDE // 16)
    prompts = PromptEncoder(embed_dim=32, image_embedding_size=grid, input_image_size=(SIDE, SIDE), mask_in_chans=16)
    transformer = TwoWayTransformer(depth=2, embedding_dim=32, mlp_dim=64, num_heads=8)
    decoder = MaskDecoder(
        num_multimask_outputs=3, transformer=transformer, transformer_dim=32, iou_head_depth=3, iou_head_hidden_dim=32
    )
    return fill(Sam(image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder,
                    pixel_mean=[123.675, 116.28, 103.53], pixel_std=[58.395, 57.12, 57.375]))  # fmt: skip


def official_layout(size: str) -> str:
    """Of a published size of the official SAM: "vit_b" and so on."""
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        return layout(sam_model_registry[size]().state_dict())


def sam_arrays() -> dict[str, np.ndarray]:
    """How the official SAM names its tensors, its masks for PROMPTS, and of everything."""
    from segment_anything import SamAutomaticMaskGenerator, SamPredictor

    sam, image = official_sam(), picture(90, 150)
    arrays = {"sam_layouts": np.array([layout(sam.state_dict()), *map(official_layout, SIZES)])}
    predictor = SamPredictor(sam)
    predictor.set_image(image)
    for name, prompt in PROMPTS.items():
        box, points = (np.array(prompt[k]) if k in prompt else None for k in ("box", "points"))
        labels = None if points is None else np.array(prompt.get("inside", [True] * len(points))).astype(int)
        logits, overlaps, _ = predictor.predict(points, labels, box, multimask_output=True, return_logits=True)
        arrays[f"sam_multi/{name}"], arrays[f"sam_multi_iou/{name}"] = logits[:, ::3, ::3], overlaps
        logits, overlaps, _ = predictor.predict(points, labels, box, multimask_output=False, return_logits=True)
        arrays[f"sam_single/{name}"], arrays[f"sam_single_iou/{name}"] = logits[:, ::3, ::3], overlaps
    found = SamAutomaticMaskGenerator(sam, **EVERYTHING).generate(image)
    arrays["everything_masks"] = np.packbits(np.stack([one["segmentation"] for one in found]))
    arrays["everything_boxes"] = np.array([one["bbox"] for one in found])
    arrays["everything_scores"] = np.array([one["predicted_iou"] for one in found])
    arrays["everything_stability"] = np.array([one["stability_score"] for one in found])
    arrays["everything_points"] = np.array([one["point_coords"][0] for one in found])
    return arrays


def sam2_arrays() -> dict[str, np.ndarray]:
    """How the official processors hand pictures and prompts to SAM 2, and masks back."""
    from transformers import Sam2ImageProcessor, Sam2Processor, Sam2VideoProcessor, Sam2VideoVideoProcessor

    size = {"height": 32, "width": 32}
    images = Sam2ImageProcessor(size=size)
    processor, image = Sam2Processor(images), picture(45, 75)
    video = Sam2VideoProcessor(images, Sam2VideoVideoProcessor(size=size))
    low = np.random.default_rng(1).standard_normal((1, 2, 8, 8)).astype(np.float32)
    session = video.init_video_session(video=[image, picture(45, 75, 1)])
    video.add_inputs_to_inference_session(
        session, 0, 1, input_points=[[[[4, 3], [70, 40]]]], input_labels=[[[1, 0]]], input_boxes=[[[3, 6, 60, 44]]]
    )
    video.add_inputs_to_inference_session(session, 1, 2, input_masks=discs())
    return {
        "sam2_pixels": processor(images=image, return_tensors="pt").pixel_values.numpy(),
        "sam2_video_pixels": torch.stack([session.get_frame(i) for i in range(2)]).numpy(),
        "sam2_points": session.point_inputs_per_obj[0][0]["point_coords"].numpy(),
        "sam2_labels": session.point_inputs_per_obj[0][0]["point_labels"].numpy(),
        "sam2_mask_prompt": session.mask_inputs_per_obj[1][1].numpy().astype(bool),
        "sam2_low": low,
        "sam2_masks": processor.post_process_masks([torch.from_numpy(low)], [(45, 75)])[0].numpy(),
    }


def discs() -> np.ndarray:
    """(45, 75) bool. A mask with a round and a thin part."""
    y, x = np.mgrid[:45, :75]
    return ((x - 30) ** 2 + (y - 20) ** 2 < 150) | ((y == 40) & (x > 10))


def sam3_arrays() -> dict[str, np.ndarray]:
    """How the official processors hand pictures to SAM 3, and what they make of its answers."""
    from transformers import Sam3ImageProcessor, Sam3VideoProcessor

    images = Sam3ImageProcessor(size={"height": 42, "width": 42})
    answer = sam3_answer()
    found = images.post_process_instance_segmentation(answer, threshold=0.3, target_sizes=[(45, 75)])[0]
    arrays = {"sam3_pixels": images(picture(45, 75), return_tensors="pt").pixel_values.numpy()}
    arrays |= {f"sam3_{name}": values.numpy() for name, values in found.items()}
    session, answer = sam3_tracks()
    video = object.__new__(Sam3VideoProcessor)  # its constructor wants a tokenizer, which this has no use for
    found = video.postprocess_outputs(session, answer)
    return arrays | {f"sam3_video_{name}": found[name].numpy() for name in ("object_ids", "masks")}


def sam3_answer() -> SimpleNamespace:
    """What a SAM 3 might say of an image."""
    draw = np.random.default_rng(2)
    low = np.sort(draw.random((1, 6, 2, 2)), axis=2)
    arrays = {
        "pred_logits": draw.standard_normal((1, 6)),
        "presence_logits": np.array([[1.5]]),
        "pred_boxes": low.reshape(1, 6, 4),
        "pred_masks": 3 * draw.standard_normal((1, 6, 12, 12)),
    }
    return SimpleNamespace(**{name: torch.as_tensor(values, dtype=torch.float32) for name, values in arrays.items()})


def sam3_tracks() -> tuple[SimpleNamespace, "Answer"]:
    """What a SAM 3 might say of a frame of 45x75 pixels: five instances of two prompts, two of them suppressed."""
    draw = np.random.default_rng(3)
    masks = {i: torch.as_tensor(draw.standard_normal((1, 12, 12)) + 0.5, dtype=torch.float32) for i in range(6)}
    masks[5] = torch.full((1, 12, 12), -1.0)
    session = SimpleNamespace(
        video_height=45, video_width=75, hotstart_removed_obj_ids={4}, prompts={0: "red chair", 1: "lid"},
        obj_id_to_prompt_id={0: 0, 1: 1, 2: 0, 3: 0, 4: 1, 5: 1},
    )  # fmt: skip
    scores = {0: 0.6, 1: 0.9, 2: 0.8, 3: 0.5, 4: 0.7, 5: 0.95}
    return session, Answer(
        frame_idx=3,
        obj_id_to_mask=masks,
        obj_id_to_score=scores,
        obj_id_to_tracker_score=scores,
        suppressed_obj_ids={3},
    )


class Answer(SimpleNamespace):
    """Fields by name and by key, as the library's answers have them."""

    def __getitem__(self, name: str) -> object:
        return getattr(self, name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.savez_compressed(GOLDEN, **sam_arrays(), **sam2_arrays(), **sam3_arrays())
