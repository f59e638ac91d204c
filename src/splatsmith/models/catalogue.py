"""The models that the project knows: where each is published, under which licence, and what its folder must hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A model as its authors published it. Its weights are never shipped with this project nor fetched by it."""

    backend: str
    """The name that people know and that the configuration uses; also the name of its folder."""
    task: str
    """What it is for, in a few words."""
    hub_id: str
    """Repository on huggingface.co that fits, and that messages recommend."""
    others: tuple[str, ...]
    """Further repositories whose files work in the same way: other sizes of the same model."""
    licence: str
    """Of the weights."""
    gigabytes: float
    """Of the recommended repository's weights."""
    model_types: tuple[str, ...]
    """`model_type` in its config.json, one of these."""
    text_files: tuple[str, ...]
    """What its tokenizer is read from, besides config.json and the weights."""
    gated: bool = False
    """Whether one must accept the licence on the web page before fetching."""


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
    )
}
"""By backend."""
