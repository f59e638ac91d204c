"""Every method finds the objects, the same way every time, and says what it did to the scene."""

import pytest
import torch

from splatsmith.segment3d.config import GradisegConfig, SparseIdConfig
from splatsmith.segment3d.methods import lift
from splatsmith.segment3d.targets import Target

STEPS = 300


def lifted(pair, method="gradiseg", targets=None, rounds=1, **gradiseg):
    config = GradisegConfig(**{"steps": STEPS, "rounds": (0.5,), "growth": 0.1} | gradiseg)
    settings = {"gradiseg_config": config, "sparse_id_config": SparseIdConfig(rounds=rounds, growth=0.1)}
    return lift(method, pair.gaussians, targets or pair.targets, 3, **settings, backend="cpu")


def right_pixels(pair, result) -> float:
    hits = [result.draw(target.camera).argmax(dim=-1) == target.classes for target in pair.targets]
    return torch.stack(hits).float().mean().item()


@pytest.mark.parametrize("method", ["votes", "sparse-id", "gradiseg"])
def test_pixels_and_gaussians_get_their_class(pair, method):
    result = lifted(pair, method)
    assert right_pixels(pair, result) > 0.96
    seen = result.pi.sum(dim=1) > 0.5
    likeliest = result.pi[:, 1:].argmax(dim=1) + 1
    assert (likeliest == pair.truth[result.origin])[seen].float().mean() > 0.85


@pytest.mark.parametrize("method", ["votes", "sparse-id", "gradiseg"])
def test_the_same_input_gives_the_same_bits(pair, method):
    first, second = lifted(pair, method, steps=20), lifted(pair, method, steps=20)
    assert torch.equal(first.pi, second.pi)
    assert torch.equal(first.draw(pair.targets[0].camera), second.draw(pair.targets[0].camera))


@pytest.mark.parametrize("neighbours", ["knn", "literal", "look-ahead"])
@pytest.mark.parametrize("boundaries", ["none", "lite", "moments", "random"])
def test_each_module_can_be_switched(pair, neighbours, boundaries):
    result = lifted(pair, steps=40, neighbours=neighbours, boundaries=boundaries)
    assert (result.cut > 0) <= (boundaries != "none")
    assert len(result.pi) == len(result.gaussians) == len(result.origin)
    torch.testing.assert_close(result.pi.sum(dim=1), torch.ones(len(result.pi)))
    kept = len(result.origin) - 2 * result.cut
    assert torch.equal(result.gaussians.means[:kept], pair.gaussians.means[result.origin[:kept]])


def test_without_cuts_the_scene_is_the_given_one(pair):
    for result in (
        lifted(pair, "votes"),
        lifted(pair, "sparse-id", rounds=0),
        lifted(pair, steps=2, boundaries="none"),
    ):
        assert result.gaussians is pair.gaussians
        assert result.cut == 0


def test_wrong_masks_hurt_sparse_ids_less_than_votes(pair):
    """A third of the views has the two classes the wrong way round, a different third of the pixels in each."""
    random = torch.Generator().manual_seed(0)
    swap = torch.tensor([0, 2, 1])
    noisy = []
    for target in pair.targets:
        wrong = torch.rand(target.classes.shape, generator=random) < 0.4
        noisy.append(Target(target.camera, torch.where(wrong, swap[target.classes], target.classes)))
    votes, sparse = (right_pixels(pair, lifted(pair, method, noisy, rounds=0)) for method in ("votes", "sparse-id"))
    assert sparse > votes
    assert sparse > 0.9
