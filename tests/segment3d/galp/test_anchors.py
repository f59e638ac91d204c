"""Softness and anchors: 0 for what looks the same from every side, drawn from every part, the two ends of each."""

from dataclasses import replace

import pytest
import torch

from splatsmith.segment3d.galp.anchors import anchors, softness
from splatsmith.segment3d.galp.coding import Codebook
from splatsmith.segment3d.galp.field import LabelField
from splatsmith.segment3d.galp.outlook import Outlook

pytestmark = pytest.mark.usefixtures("one_thread")
N, CLASSES = 300, 4
CODEBOOK = Codebook.of("one-hot", CLASSES, torch.device("cpu"))


def outlook(seed: int = 0) -> Outlook:
    """Of Gaussians that a few random views see."""
    views = torch.randn(5, N, 3, generator=torch.Generator().manual_seed(seed))
    mean = views.mean(dim=0)
    apart = views - mean
    return Outlook(mean, (apart[..., None] * apart[:, :, None]).mean(dim=0), torch.ones(N, dtype=torch.bool))


def field(varying: float = 0.3) -> LabelField:
    """Every class has a quarter of the Gaussians; those behind vary more."""
    classes = torch.arange(N) % CLASSES
    pi = torch.nn.functional.one_hot(classes, CLASSES).float()
    plain = LabelField.initial("votes", pi, 1, CODEBOOK)
    changes = torch.randn(N, 3, CLASSES, generator=torch.Generator().manual_seed(1))
    return replace(plain, varying=varying * torch.linspace(0.01, 1, N)[:, None, None] * changes / 10)


def drawn(kind: str, most: int, over: LabelField, seen_from: Outlook | None = None, seed: int = 0) -> torch.Tensor:
    return anchors(kind, over, seen_from or outlook(), most, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["visible", "paper"])
def test_labels_that_look_the_same_from_every_side_are_not_soft(kind):
    assert (softness(kind, field(varying=0), outlook()) == 0).all()
    assert (softness(kind, field(), outlook()) > 0).all()


@pytest.mark.parametrize("kind", ["visible", "paper"])
def test_softness_knows_no_order_of_gaussians(kind):
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    one, other = field(), outlook()
    moved = LabelField(one.constant[order], one.varying[order], CODEBOOK)
    seen = Outlook(other.mean[order], other.covariance[order], other.seen[order])
    torch.testing.assert_close(softness(kind, moved, seen), softness(kind, one, other)[order])


@pytest.mark.parametrize("kind", ["visible", "paper"])
def test_softness_knows_no_order_of_classes(kind):
    order, one = torch.tensor([2, 0, 3, 1]), field()
    renamed = LabelField(one.constant[..., order], one.varying[..., order], CODEBOOK)
    torch.testing.assert_close(softness(kind, renamed, outlook()), softness(kind, one, outlook()))


def test_every_part_has_as_many_anchors_and_the_rest_none():
    rows = drawn("visible", 60, field())
    assert (rows % CLASSES).bincount(minlength=CLASSES).tolist() == [0, 20, 20, 20]


def test_anchors_are_the_softest_and_the_hardest_of_each_part():
    one = field()
    rows, S = drawn("visible", 60, one), softness("visible", one, outlook())
    for part in range(1, CLASSES):
        of_part = S[part::CLASSES].sort().values
        expected = torch.cat([of_part[:10], of_part[-10:]])
        torch.testing.assert_close(S[rows[rows % CLASSES == part]].sort().values, expected)


def test_the_paper_s_anchors_are_the_two_ends_of_all():
    one = field()
    rows, S = drawn("paper", 60, one), softness("paper", one, outlook())
    ranked = S.sort().values
    torch.testing.assert_close(S[rows].sort().values, torch.cat([ranked[:30], ranked[-30:]]))


def test_hidden_gaussians_are_no_anchors():
    hidden = torch.arange(N) < N // 2
    rows = drawn("visible", 2 * N, field(), replace(outlook(), seen=~hidden))
    assert rows.tolist() == [row for row in range(N // 2, N) if row % CLASSES]


def test_where_nothing_is_soft_anchors_are_drawn_from_all_over():
    one, other = (drawn("visible", 60, field(varying=0), seed=seed) for seed in (0, 1))
    assert one.tolist() == drawn("visible", 60, field(varying=0)).tolist()
    assert one.tolist() != other.tolist()
    assert one.max() > 2 * N // 3


def test_where_there_is_no_part_there_is_no_anchor():
    rest = LabelField.initial("votes", torch.eye(CLASSES)[:1].expand(N, CLASSES), 1, CODEBOOK)
    assert len(drawn("visible", 60, rest)) == 0
