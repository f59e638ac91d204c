"""What a user may say about lifting masks into 3D. Light: read at parse time, so it imports nothing heavy."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class SparseIdConfig(BaseModel):
    """Votes, held together by neighbours, made nearly hard."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rounds: Annotated[int, Field(ge=0)] = 2
    """Times that Gaussians on the boundary of two objects are cut along it before the votes are counted; 0 leaves every
    Gaussian as it is."""
    growth: Share = 0.03
    """Most Gaussians cut in a round, as a share of all."""


class GradisegConfig(BaseModel):
    """Identity encodings (Gaussian Grouping) with GradiSeg's two modules, each of which can be switched off."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    steps: Annotated[int, Field(ge=1)] = 1000
    """Steps of the fit, one view each; geometry stays, but for boundaries."""
    neighbours: Literal["knn", "literal", "look-ahead"] = "look-ahead"
    """Who should agree with whom: knn as Gaussian Grouping; literal: GradiSeg's eq. 4 as printed; look-ahead: the same
    idea kept local, followed only where the direction is firm, with sure neighbours as teachers."""
    boundaries: Literal["none", "lite", "moments", "random"] = "moments"
    """What happens to Gaussians on a boundary (IGD): lite: split at random where identity gradients pile up, as the
    paper most likely does; moments: cut exactly along the boundary; random: as many, split at random (a control)."""
    code_rate: Positive = 2.5e-2
    """Adam's step size of the codes; falls to a tenth."""
    classifier_rate: Positive = 5e-3
    """Adam's step size of the classifier; falls to a tenth."""
    agreement: Annotated[float, Field(ge=0)] = 2.0
    """Weight of the 3D loss of Gaussian Grouping (lambda_3d), which is then divided by 256 as in its code."""
    guidance: Annotated[float, Field(ge=0)] = 0.25
    """Weight of the 3D loss with look-ahead neighbours as teachers."""
    k: Annotated[int, Field(ge=1)] = 5
    """Neighbours of a Gaussian."""
    look_ahead_from: Share = 0.5
    """Share of the steps after which look-ahead neighbours take over from the nearest."""
    rounds: tuple[Share, ...] = (0.4, 0.45, 0.5)
    """Shares of the steps after which boundaries are sharpened."""
    growth: Share = 0.03
    """Most Gaussians split in a round, as a share of all."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of all that is drawn at random."""
