"""Codewords: they are read as what they stand for, and a mixture of two classes is no third one, unless it is RGB."""

import pytest
import torch

from splatsmith.segment3d.galp.anchors import entropy
from splatsmith.segment3d.galp.coding import Codebook

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
RED, GREEN, YELLOW = 1, 2, 4


@pytest.mark.parametrize("kind", ["one-hot", "paper"])
@pytest.mark.parametrize("classes", [1, 2, 7, 12])
def test_a_codeword_is_read_as_its_class(kind, classes):
    codebook = Codebook.of(kind, classes, CPU)
    assert len(codebook.words) == classes
    assert codebook.read(codebook.words).argmax(dim=1).tolist() == list(range(classes))


@pytest.mark.parametrize("kind", ["one-hot", "paper"])
def test_labels_are_read_as_distributions(kind):
    codebook = Codebook.of(kind, 5, CPU)
    labels = torch.rand(20, codebook.words.shape[1], generator=torch.Generator().manual_seed(0)) - 0.2
    shares = codebook.read(labels)
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(20))


def test_one_hot_mixtures_are_of_the_mixed_classes_alone():
    codebook = Codebook.of("one-hot", 7, CPU)
    shares = codebook.read(0.3 * codebook.words[RED] + 0.3 * codebook.words[GREEN])
    assert shares.nonzero()[:, 0].tolist() == [RED, GREEN]
    assert shares[RED] == shares[GREEN] == 0.5


def test_as_colours_red_and_green_mix_to_yellow():
    codebook = Codebook.of("paper", 7, CPU)
    mixture = 0.6 * (codebook.words[RED] + codebook.words[GREEN])
    assert codebook.read(mixture).argmax() == YELLOW
    assert codebook.cosines(mixture[None]).argmax() == YELLOW


def test_a_mixture_is_less_sure_of_itself_than_its_classes():
    codebook = Codebook.of("one-hot", 5, CPU)
    mixed = codebook.words[1:3].mean(dim=0, keepdim=True)
    assert (entropy(codebook, mixed, 0.1) > 10 * entropy(codebook, codebook.words, 0.1)).all()


def test_at_temperature_one_entropy_hardly_tells_a_pure_label_from_none():
    codebook = Codebook.of("paper", 4, CPU)
    pure, most = entropy(codebook, codebook.words[RED:GREEN], 1.0), torch.tensor([4.0]).log()
    torch.testing.assert_close(pure, torch.tensor([1.268]), rtol=1e-3, atol=0)
    assert pure > 0.9 * most
