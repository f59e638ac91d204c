"""What a user may say about where masks come from. Light: it is part of a stage's configuration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from splatsmith.segment2d.model_settings import GroundedSam2Settings, Sam3TextSettings, SamEverythingSettings


class ProvidedSettings(BaseModel):
    """`provided`: masks that lie in the scene folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    folder: Annotated[str, Field(min_length=1)] | None = None
    """Folder of the masks in the scene folder; left out: `object_mask`, `masked_image_rgba` or `masks`."""
    rest: Literal["background", "unknown"] = "background"
    """What pixels without a mask are: surely none of the objects, or not looked at."""


class SourceSettings(BaseModel):
    """Which source makes the masks, and the settings of each."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: str = "boxes"
    """boxes: boxes and points of description.yml, carried to all views through the trained scene; needs no model.
    provided: masks in the scene folder. grounded-sam2: text prompts, found by GroundingDINO, followed by SAM 2.
    sam: everything in each view, whatever it is. sam3: text prompts. Or the name that another package gives its own."""
    provided: ProvidedSettings = ProvidedSettings()
    """Settings of provided."""
    grounded_sam2: GroundedSam2Settings = GroundedSam2Settings()
    """Settings of grounded-sam2."""
    sam: SamEverythingSettings = SamEverythingSettings()
    """Settings of sam."""
    sam3: Sam3TextSettings = Sam3TextSettings()
    """Settings of sam3."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose weights the source needs."""
        settings = {"grounded-sam2": self.grounded_sam2, "sam": self.sam, "sam3": self.sam3}
        return settings[self.source].models if self.source in settings else ()
