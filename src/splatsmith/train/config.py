"""What a user may say about training. Light on purpose: read at parse time, so it imports nothing heavy.

A preset fixes every key; any key can be overridden beside it. Overriding `steps` alone stretches the schedule (when
refinement starts and stops, when opacities are reset, when SH degrees are added) in proportion.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from splatsmith.base.background import background_rgb

PIXELS_PER_GAUSSIAN = 100

Channel = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]


class LearningRates(BaseModel):
    """Adam's step sizes, per parameter (Kerbl et al. 2023, and gsplat's defaults)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    means: Rate = 1.6e-4
    """In units of the scene's extent; falls exponentially to `means_final` at the last step."""
    means_final: Rate = 1.6e-6
    """Of the centres at the last step."""
    quats: Rate = 1e-3
    """Of the orientations, as quaternions."""
    scales: Rate = 5e-3
    """Of the logarithms of the standard deviations."""
    opacities: Rate = 5e-2
    """Of the logits of the opacities."""
    sh0: Rate = 2.5e-3
    """Of the colours: spherical harmonics of degree 0."""
    sh_rest: Rate = 2.5e-3 / 20
    """Of the spherical harmonics of higher degrees."""


class TrainConfig(BaseModel):
    """How to train 3D Gaussians. Every key has a default; the defaults are the preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    preset: Literal["draft", "standard", "high"] = "standard"
    """draft: a first look. standard: what most scenes deserve. high: many photos, a GPU, patience."""
    steps: Annotated[int, Field(ge=1)] = 7000
    """Optimisation steps, one photo each."""
    sh_degree: Annotated[int, Field(ge=0, le=3)] = 3
    """Highest degree of spherical harmonics: how far colour may depend on the direction."""
    sh_every: Annotated[int, Field(ge=1)] = 1000
    """One more SH degree every so many steps, from degree 0."""
    strategy: Literal["default", "mcmc"] = "default"
    """default: grow where the image gradient is large (3DGS). mcmc: draw the dead anew, grow to `max_gaussians`."""
    max_gaussians: Annotated[int, Field(ge=1)] | None = None
    """Never more Gaussians than this: the knob for memory and time. Left out: one for every 100 training pixels, and
    never fewer than the scene has points."""
    refine_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two refinements (growing and pruning)."""
    refine_start: Annotated[int, Field(ge=0)] = 500
    """No refinement up to this step."""
    refine_stop: Annotated[int, Field(ge=0)] = 5000
    """No refinement and no opacity reset from this step on."""
    reset_every: Annotated[int, Field(ge=0)] = 3000
    """Steps between two opacity resets (default strategy only); 0 for never."""
    grow_grad2d: Rate = 2e-4
    """Mean gradient by the projected centre, in half image sizes, above which a Gaussian grows (default strategy)."""
    learning_rates: LearningRates = LearningRates()
    """Adam's step sizes."""
    ssim_weight: Channel = 0.2
    """Loss = (1 - w) L1 + w (1 - SSIM)."""
    background: Literal["black", "white", "random"] | tuple[Channel, Channel, Channel] = "black"
    """Colour behind everything; random draws one per step, which makes see-through objects solid."""
    exposure: bool = False
    """Learn an affine colour change per photo, for photos whose exposure or white balance varies."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true (Mip-Splatting); renders must then use it, too."""
    init: Literal["sfm", "random"] = "sfm"
    """Start from the scene's points, or from random points in front of the cameras."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of all that is drawn at random: on the CPU the same seed gives the same result, bit for bit."""
    backend: Literal["auto", "cpu", "gsplat"] = "cpu"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    image_cache_mb: Annotated[int, Field(ge=0)] = 4000
    """Photos kept decoded in memory (the GPU's, with gsplat); the others are read from disk whenever needed."""

    def most_gaussians(self, train_pixels: int, points: int) -> int:
        """The limit, for photos of so many pixels in all and a scene of so many points."""
        return self.max_gaussians or max(points, 1, train_pixels // PIXELS_PER_GAUSSIAN)

    @property
    def background_color(self) -> tuple[float, float, float]:
        """What a finished scene is drawn on; black where training drew its background at random."""
        return background_rgb(self.background)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        """Overrides over the preset's values over the defaults."""
        if not isinstance(given, dict):
            return given
        values = _PRESETS.get(given.get("preset", "standard"), {})
        steps, preset_steps = given.get("steps"), values.get("steps", cls.model_fields["steps"].default)
        if isinstance(steps, int) and steps > 0:
            values = values | {name: _stretch(cls, values, name, steps / preset_steps) for name in _SCHEDULE}
        return values | given


_SCHEDULE = ("sh_every", "refine_start", "refine_stop", "reset_every")

_PRESETS: dict[str, dict[str, Any]] = {
    "draft": {"steps": 2000, "sh_every": 300, "refine_start": 200, "refine_stop": 1200, "reset_every": 0},
    "standard": {},
    "high": {"steps": 30_000, "refine_stop": 15_000},
}


def _stretch(cls: type[BaseModel], values: dict[str, Any], name: str, factor: float) -> int:
    value = values.get(name, cls.model_fields[name].default)
    return max(1, round(value * factor)) if value else 0
