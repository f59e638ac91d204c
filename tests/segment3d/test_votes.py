"""Votes: mass is conserved, the likely class is the true one, order does not matter, unknown pixels do not count."""

import torch

from splatsmith.segment3d.targets import UNKNOWN, Target, drawn_probabilities
from splatsmith.segment3d.votes import shares, vote_mass


def test_all_votes_together_are_all_that_is_drawn(pair):
    mass = vote_mass(pair.still, pair.targets, 3)
    drawn = sum(pair.still.draw(torch.ones(len(mass), 1), target.camera).alpha.sum() for target in pair.targets)
    torch.testing.assert_close(mass.sum(), drawn, rtol=1e-4, atol=0)


def test_the_strongest_class_is_the_true_one(pair):
    mass = vote_mass(pair.still, pair.targets, 3)
    seen = mass.sum(dim=1) > 1
    assert seen.sum() > 80
    assert (mass[seen, 1:].argmax(dim=1) + 1 == pair.truth[seen]).float().mean() > 0.97


def test_the_order_of_views_is_of_no_account(pair):
    forwards, backwards = (vote_mass(pair.still, views, 3) for views in (pair.targets, pair.targets[::-1]))
    torch.testing.assert_close(forwards, backwards)


def test_renaming_classes_renames_votes(pair):
    other = torch.tensor([2, 0, 1])
    renamed = [Target(target.camera, other[target.classes]) for target in pair.targets]
    torch.testing.assert_close(vote_mass(pair.still, renamed, 3)[:, other], vote_mass(pair.still, pair.targets, 3))


def test_unknown_pixels_do_not_vote(pair):
    silent = [Target(target.camera, torch.full_like(target.classes, UNKNOWN)) for target in pair.targets]
    assert (vote_mass(pair.still, silent, 3) == 0).all()


def test_shares_are_distributions_or_nothing():
    mass = torch.tensor([[3.0, 1.0], [0.0, 0.0], [1e-5, 0.0]])
    assert shares(mass).tolist() == [[0.75, 0.25], [0.0, 0.0], [0.0, 0.0]]


def test_what_is_drawn_is_a_distribution_in_every_pixel(pair):
    pi = shares(vote_mass(pair.still, pair.targets, 3))
    drawn = drawn_probabilities(pair.still, pi, pair.targets[0].camera)
    assert (drawn >= 0).all()
    torch.testing.assert_close(drawn.sum(dim=-1), torch.ones(drawn.shape[:2]), rtol=1e-3, atol=1e-3)
    assert (drawn.argmax(dim=-1) == pair.targets[0].classes).float().mean() > 0.97
