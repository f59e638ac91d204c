"""The models that the project knows: where each is published, under which licence, and what its folder must hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A model as its authors published it. Its weights are never shipped with this project nor fetched by it."""

    backend: str
    """The name that people know and that the configuration uses; also the name of its folder."""
    task: str
    """What it is for, in a few words."""
    hub_id: str | None
    """Repository on huggingface.co that fits, and that messages recommend; None where its weights lie elsewhere."""
    others: tuple[str, ...]
    """Further repositories whose files work in the same way: other sizes of the same model."""
    licence: str
    """Of the weights."""
    gigabytes: float
    """Of the recommended repository's weights."""
    model_types: tuple[str, ...]
    """`model_type` in its config.json, one of these; none where it needs no config.json."""
    text_files: tuple[str, ...]
    """What its tokenizer is read from, besides config.json and the weights."""
    gated: bool = False
    """Whether one must accept the licence on the web page before fetching."""
    recipe: str = ""
    """Without a repository: the commands that make its file in `{folder}`."""


CATALOGUE = {
    model.backend: model
    for model in (
        Published(
            backend="grounding-dino",
            task="finds boxes for a text prompt",
            hub_id="IDEA-Research/grounding-dino-tiny",
            others=("IDEA-Research/grounding-dino-base",),
            licence="Apache-2.0",
            gigabytes=0.7,
            model_types=("grounding-dino",),
            text_files=("tokenizer.json", "tokenizer_config.json"),
        ),
        Published(
            backend="sam",
            task="cuts out what a box or points show, or everything",
            hub_id="facebook/sam-vit-huge",
            others=("facebook/sam-vit-large", "facebook/sam-vit-base"),
            licence="Apache-2.0",
            gigabytes=2.6,
            model_types=("sam",),
            text_files=(),
        ),
        Published(
            backend="sam2",
            task="cuts out what a box or points show, and follows it through a sequence",
            hub_id="facebook/sam2.1-hiera-large",
            others=(
                "facebook/sam2.1-hiera-base-plus",
                "facebook/sam2.1-hiera-small",
                "facebook/sam2.1-hiera-tiny",
            ),
            licence="Apache-2.0",
            gigabytes=0.9,
            model_types=("sam2_video", "sam2"),
            text_files=(),
        ),
        Published(
            backend="sam3",
            task="cuts out and follows what a text prompt says",
            hub_id="facebook/sam3",
            others=(),
            licence="SAM License (commercial use allowed; no military use)",
            gigabytes=3.4,
            model_types=("sam3_video", "sam3"),
            text_files=("tokenizer.json", "tokenizer_config.json"),
            gated=True,
        ),
        Published(
            backend="matchanything",
            task="matches points of two pictures, e.g. of a photo and a render",
            hub_id="zju-community/matchanything_eloftr",
            others=("zju-community/efficientloftr",),
            licence="none stated with these weights; EfficientLoFTR itself is Apache-2.0",
            gigabytes=0.1,
            model_types=("efficientloftr",),
            text_files=(),
        ),
        Published(
            backend="lpips",
            task="tells how different two pictures look",
            hub_id=None,
            others=(),
            licence="BSD-2-Clause, its AlexNet BSD-3-Clause",
            gigabytes=0.01,
            model_types=(),
            text_files=(),
            recipe="curl -LO https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
            " -LO https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/alex.pth"
            " && python -m splatsmith.models.lpips alexnet-owt-7be5be79.pth alex.pth {folder}/model.safetensors",
        ),
    )
}
"""By backend."""
