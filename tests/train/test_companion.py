"""What is trained along: its columns ride with their rows, its gradients count, and idleness changes nothing."""

import pytest
import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows, duplicate, prune
from splatsmith.train import loop
from splatsmith.train.config import TrainConfig
from splatsmith.train.loop import train

SHORT = {
    "steps": 60,
    "sh_degree": 1,
    "refine_start": 10,
    "refine_every": 10,
    "refine_stop": 50,
    "reset_every": 0,
    "grow_grad2d": 1e-3,
    "max_gaussians": 90,
}


@pytest.fixture(autouse=True)
def as_the_stage_has_it(one_thread, monkeypatch):
    monkeypatch.setattr(loop, "BLOCK", 20)


class Idle:
    """Trains along, and does nothing."""

    rates: dict[str, float] = {}

    def begin(self, gaussians: Gaussians) -> dict[str, Tensor]:
        return {}

    def descend(self, gaussians: Gaussians, view: str, step: int) -> Tensor | None:
        return None

    def refine(self, gaussians: Gaussians, step: int) -> Rows | None:
        return None

    def follow(self, rows: Rows) -> None:
        pass

    def state(self) -> dict:
        return {}

    def load(self, state: dict) -> None:
        pass


class Labels(Idle):
    """A number for every Gaussian, that is pulled at but has no rate, and a count of where its row came from."""

    rates = {"label": 0.0}

    def begin(self, gaussians):
        self.origin = torch.arange(len(gaussians))
        self.names = set()
        return {"label": self.origin.float() + 7}

    def descend(self, gaussians, view, step):
        gaussians.extra["label"].sum().backward()
        self.names.add(view)

    def follow(self, rows):
        self.origin = self.origin[rows.origin]


class Changes(Labels):
    """Has the first ten Gaussians doubled after step 25, and the last five dropped after step 55."""

    def refine(self, gaussians, step):
        row = torch.arange(len(gaussians))
        match step:
            case 25:
                return duplicate(gaussians, row < 10)
            case 55:
                return prune(gaussians, row >= len(row) - 5)


@pytest.mark.parametrize("strategy", ["default", "mcmc"])
def test_a_companion_that_does_nothing_changes_no_bit(blob_scene, strategy):
    config = TrainConfig(**SHORT, strategy=strategy)
    (alone, rows), (accompanied, rows_too) = (train(blob_scene, config, companion=one) for one in (None, Idle()))
    assert alone.columns.keys() == accompanied.columns.keys()
    assert all(torch.equal(alone.columns[name], accompanied.columns[name]) for name in alone.columns)
    assert rows == rows_too


@pytest.mark.parametrize("strategy", ["default", "mcmc"])
@pytest.mark.parametrize("kind", [Labels, Changes])
def test_a_column_rides_along_with_its_rows(blob_scene, kind, strategy):
    companion = kind()
    gaussians, rows = train(blob_scene, TrainConfig(**SHORT, strategy=strategy), companion=companion)
    assert rows[0]["gaussians"] != 60 or rows[-1]["gaussians"] != 60
    assert torch.equal(gaussians.extra["label"], companion.origin.float() + 7)
    assert companion.names == {view.name for view in blob_scene.train_views}


def test_its_own_changes_of_rows_are_made(blob_scene):
    still = TrainConfig(**SHORT | {"refine_start": 60})
    gaussians, rows = train(blob_scene, still, companion=Changes())
    assert [row["gaussians"] for row in rows] == [60, 70, 65]
    assert len(gaussians) == 65


def test_its_gradient_by_projected_centres_makes_the_scene_grow(blob_scene):
    """Nothing grows at a threshold that no photo reaches; what the companion pulls at does."""

    class Pulls(Labels):
        def descend(self, gaussians, view, step):
            return (gaussians.extra["label"] == 7 + 13).float()[:, None].expand(-1, 2)  # of every copy of the 13th

    config = TrainConfig(**SHORT | {"grow_grad2d": 10.0, "refine_stop": 25})
    companion = Pulls()
    gaussians, _ = train(blob_scene, config, companion=companion)
    copies = companion.origin.bincount(minlength=60)
    assert copies[13] > 1
    assert (copies[torch.arange(60) != 13] <= 1).all()


def test_its_gradients_move_the_scene(blob_scene):
    class Lifts(Idle):
        def descend(self, gaussians, view, step):
            (1e3 * gaussians.means[:, 1]).sum().backward()

    config = TrainConfig(**SHORT | {"refine_start": 60})
    alone, lifted = (train(blob_scene, config, companion=companion)[0] for companion in (None, Lifts()))
    assert (lifted.means[:, 1] < alone.means[:, 1]).float().mean() > 0.9


def test_its_columns_learn_at_their_own_rate(blob_scene):
    class Counts(Idle):
        rates = {"count": 0.25}

        def begin(self, gaussians):
            return {"count": torch.zeros(len(gaussians), 2)}

        def descend(self, gaussians, view, step):
            gaussians.extra["count"].sum().backward()

    config = TrainConfig(**SHORT | {"steps": 20, "refine_start": 60})
    gaussians, _ = train(blob_scene, config, companion=Counts())
    torch.testing.assert_close(gaussians.extra["count"], torch.full((60, 2), -0.25 * 20))  # Adam, constant gradient
