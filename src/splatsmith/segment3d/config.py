"""What a user may say about lifting masks into 3D. Light: read at parse time, so it imports nothing heavy."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from splatsmith.base.typed import typed
from splatsmith.train.config import TrainConfig

Neighbours = Literal["knn", "literal", "look-ahead"]
Boundaries = Literal["none", "lite", "moments", "random"]
Coding = Literal["one-hot", "paper"]
InitialLabels = Literal["votes", "grey"]
Softness = Literal["visible", "paper"]
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
    """Identity encodings (Gaussian Grouping) with GradiSeg's two modules, each of which can be switched off.

    A preset fixes every key; any key can be overridden beside it. The schedule stretches with `steps`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    preset: Literal["post-hoc", "paper"] = "post-hoc"
    """post-hoc: codes are fitted to the trained scene, whose geometry stays, but for boundaries. paper: the paper's own
    schedule, in which a scene is trained anew, from its points, together with its codes."""
    steps: Annotated[int, Field(ge=1)] = 600
    """Steps of the optimisation, one view each."""
    neighbours: Neighbours = "look-ahead"
    """Who should agree with whom: knn as Gaussian Grouping; literal: GradiSeg's eq. 4 as printed; look-ahead: the same
    idea kept local, followed only where the direction is firm, with sure neighbours as teachers."""
    boundaries: Boundaries = "moments"
    """What happens to Gaussians on a boundary (IGD): lite: split at random where identity gradients pile up, as the
    paper most likely does; moments: cut exactly along the boundary; random: as many, split at random (a control)."""
    code_rate: Positive = 2.5e-2
    """Adam's step size of the codes; post-hoc it falls to a tenth."""
    classifier_rate: Positive = 5e-3
    """Adam's step size of the classifier; post-hoc it falls to a tenth."""
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
    train: dict[str, Any] = {}
    """Preset paper: how the scene is trained, where it differs from the preset `high` of the section `train`, by the
    keys of that section, e.g. `{max_gaussians: 200000}`."""

    @property
    def round_steps(self) -> frozenset[int]:
        """The steps after which boundaries are sharpened."""
        return frozenset(round(share * self.steps) for share in self.rounds)

    def neighbours_at(self, step: int) -> Neighbours:
        """Who should agree with whom at a step: at first the nearest."""
        return self.neighbours if step >= self.look_ahead_from * self.steps else "knn"

    def training(self, **drawing: object) -> TrainConfig:
        """Preset paper: the training that the codes join. Raises InputError that names a wrong key of `train`.

        drawing: backend, background and antialiased of the stage.
        """
        schedule = {"preset": "high", "refine_stop": round(DENSIFIED * self.steps)}
        given = schedule | drawing | self.train | {"steps": self.steps, "seed": self.seed}
        return typed(TrainConfig, given, "gradiseg.train")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        """Overrides over the preset's values over the defaults."""
        return _PRESETS.get(str(given.get("preset")), {}) | given if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _train_is_valid(self) -> Self:
        if outside := {"steps", "seed", "backend", "antialiased"} & self.train.keys():
            raise ValueError(f"{' and '.join(sorted(outside))} outside of `train`: the section has its own")
        self.training()
        return self


class GalpConfig(BaseModel):
    """3D-GALP: parts as labels that may look different from every side, soft and hard ones held to their neighbours."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    coding: Coding = "one-hot"
    """What a label is made of. one-hot: a channel for every part; paper: one RGB colour for every part."""
    initial: InitialLabels = "votes"
    """Labels at the start. votes: what the maps say on average; grey: nothing, as in the paper."""
    degree: Annotated[int, Field(ge=0, le=3)] = 1
    """Of the spherical harmonics of a label; 0: the same from every side; the paper's: 3."""
    steps: Annotated[int, Field(ge=1)] = 600
    """Steps of the optimisation, one view each."""
    agreement: Annotated[float, Field(ge=0)] = 0.02
    """Weight of the loss that holds labels to their neighbours' (lambda); 0 switches it off. The paper's is 6 here."""
    softness: Softness = "visible"
    """How unsure a label is, and where anchors come from. visible: by the views that see a Gaussian, part by part;
    paper: by all views, hidden or not, and from all Gaussians."""
    anchors: Annotated[int, Field(ge=2)] = 1000
    """Most Gaussians that are held to their neighbours at a time: half of them soft, half hard."""
    k: Annotated[int, Field(ge=1)] = 8
    """Neighbours of an anchor. The paper's code has 50, more than a small part has Gaussians."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of all that is drawn at random."""


DENSIFIED = 0.4
"""Share of the steps in which 3DGS densification grows a scene: 12,000 of 30,000. GradiSeg's own follows, to 15,000."""

_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "steps": 30_000,
        "neighbours": "literal",
        "boundaries": "lite",
        "code_rate": 2.5e-3,
        "classifier_rate": 5e-4,
        "rounds": tuple(step / 30_000 for step in range(12_500, 15_001, 500)),
    },
}
