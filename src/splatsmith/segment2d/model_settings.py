"""Settings of the mask sources that run foundation models. Light: they are part of a stage's configuration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GroundedSam2Settings(_Settings):
    """`grounded-sam2`: GroundingDINO finds what the prompts say in some views, SAM 2 follows it through all."""

    box_threshold: Fraction = 0.3
    """Least score of a box that shows a prompt."""
    key_every: Annotated[int, Field(ge=1)] = 5
    """Every so many views of the tour the detector looks: for objects, and for tracks that have drifted."""
    seeds: Annotated[int, Field(ge=1)] = 3
    """In how many views, spread over the tour, an object's tracks begin."""
    agreement: Fraction = 0.5
    """Least overlap (IoU of boxes) of a track with a new detection that confirms it."""
    reseeds: Annotated[int, Field(ge=0)] = 2
    """How many times tracks are begun anew where detections contradict all that there are."""
    tracks_at_once: Annotated[int, Field(ge=1)] = 20
    """Tracks that share a pass through the views: fewer take less memory and more time, with the same result."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose weights it needs."""
        return ("grounding-dino", "sam2")


class SamEverythingSettings(_Settings):
    """`sam`: everything-mode, masks of all there is in each view by itself. Names and defaults as published."""

    model: Literal["sam", "sam2"] = "sam"
    """Which model cuts out."""
    points_per_side: Annotated[int, Field(ge=1)] = 32
    """Points along each side of the grid that the model is asked about."""
    pred_iou_thresh: Fraction = 0.88
    """Least overlap with the truth that the model predicts for a mask that is kept."""
    stability_score_thresh: Fraction = 0.95
    """Least overlap of the masks that a higher and a lower cut of the logits give."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose weights it needs."""
        return (self.model,)


class Sam3TextSettings(_Settings):
    """`sam3`: finds what the prompts say and follows it, all in one model."""

    threshold: Fraction = 0.5
    """Least score of what shows a prompt, where views are looked at one by one."""
    prompts_at_once: Annotated[int, Field(ge=1)] = 8
    """Prompts that share a pass through the views: fewer take less memory and more time."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose weights it needs."""
        return ("sam3",)
