"""Identity losses: zero or least where all agree, gradients where they should flow and nowhere else."""

import math

import pytest
import torch

from splatsmith.segment3d import identity
from splatsmith.segment3d.identity import Classifier
from splatsmith.segment3d.targets import UNKNOWN

CLASSES = 4
RANDOM = torch.Generator().manual_seed(1)
CLASSIFIER = Classifier(torch.randn(CLASSES, 16, generator=RANDOM), torch.randn(CLASSES, generator=RANDOM))
CODES = torch.randn(30, 16, generator=RANDOM)
ROWS, NEAR = torch.arange(10), torch.randint(10, 30, (10, 3), generator=RANDOM)


def test_a_classifier_that_knows_nothing_costs_one():
    """Cross entropy of uniform probabilities is ln C, which the loss divides by."""
    blank = Classifier(torch.zeros(CLASSES, 16), torch.zeros(CLASSES))
    y = torch.randint(0, CLASSES, (5, 6), generator=RANDOM)
    assert identity.pixel_loss(torch.randn(5, 6, 16), blank, y).item() == pytest.approx(1.0)


def test_unknown_pixels_cost_nothing_and_pull_nothing():
    drawn = torch.randn(4, 4, 16, generator=RANDOM).requires_grad_()
    y = torch.full((4, 4), UNKNOWN)
    y[0, 0] = 2
    identity.pixel_loss(drawn, CLASSIFIER, y).backward()
    assert drawn.grad[0, 0].norm() > 0
    assert drawn.grad.flatten(0, 1)[1:].abs().max() == 0


def test_those_that_agree_have_no_disagreement():
    same = CODES[:1].expand(30, -1)
    assert identity.agreement_loss(same, CLASSIFIER, ROWS, NEAR).item() == pytest.approx(0, abs=1e-6)
    assert identity.agreement_loss(CODES, CLASSIFIER, ROWS, NEAR).item() > 0.01


def test_agreement_moves_both_sides_and_guidance_the_student_alone():
    for loss, moved in ((identity.agreement_loss, True), (identity.guidance_loss, False)):
        codes = CODES.clone().requires_grad_()
        loss(codes, CLASSIFIER, ROWS, NEAR).backward()
        assert (codes.grad[ROWS].norm(dim=1) > 0).all()
        assert bool((codes.grad[NEAR.unique()].norm(dim=1) > 0).any()) is moved


def test_a_teacher_who_knows_nothing_teaches_nothing():
    blank = Classifier(torch.zeros(CLASSES, 16), torch.zeros(CLASSES))
    assert identity.guidance_loss(CODES, blank, ROWS, NEAR).item() == pytest.approx(0, abs=1e-6)


def test_first_codes_are_those_of_random_colours():
    codes = identity.initial_codes(5000, torch.Generator().manual_seed(0))
    assert codes.abs().max() <= 0.5 / 0.28209479177387814
    assert codes.std().item() == pytest.approx(identity.SPREAD / math.sqrt(3), rel=0.02)
