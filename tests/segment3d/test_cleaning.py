"""Cleaning: floaters go, solid things stay, and what is clean is left as it is."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.spatial.transform import Rotation

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.transforms import covariances
from splatsmith.scenes.label_maps import Entry, Legend
from splatsmith.segment3d.cleaning import Cloud, cleaned, cloud_of
from splatsmith.segment3d.labels import Tree, tree_of

TREE = tree_of(Legend(entries=(Entry(id=1, name="pot"), Entry(id=2, name="cup"), Entry(id=3, name="lid", parent=1))))
seeds = st.integers(0, 199)
some = settings(max_examples=25)


def cloud(means: np.ndarray, size: float = 0.05) -> Cloud:
    means = np.asarray(means, float)
    return Cloud(means, np.tile([size, 0, 0], (len(means), 1)))


def ball(rows: int, rng: np.random.Generator, radius: float = 0.5, at=(0, 0, 0)) -> np.ndarray:
    """(rows, 3). Points spread evenly within a ball."""
    directions = rng.normal(size=(rows, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.array(at) + radius * rng.random((rows, 1)) ** (1 / 3) * directions


def shell(rows: int, radius: float, at=(0, 0, 0)) -> np.ndarray:
    """(rows, 3). Points spread evenly over a sphere, on a spiral."""
    z = 1 - (2 * np.arange(rows) + 1) / rows
    turn = np.pi * (1 + 5**0.5) * np.arange(rows)
    flat = np.sqrt(1 - z**2)
    return np.array(at) + radius * np.stack([flat * np.cos(turn), flat * np.sin(turn), z], 1)


def clean(cloud: Cloud, labels, seen=None, tree: Tree = TREE) -> np.ndarray:
    labels = np.asarray(labels, np.uint16)
    return cleaned(cloud, labels, np.ones(len(labels), bool) if seen is None else np.asarray(seen), tree)


def scattered(seed: int) -> tuple[Cloud, np.ndarray, np.ndarray]:
    """A mess: clumps and dust of all labels, Gaussians of all sizes, some unseen."""
    rng = np.random.default_rng(seed)
    means = np.concatenate([ball(25, rng, 0.4, rng.normal(size=3)) for _ in range(4)] + [2 * rng.normal(size=(30, 3))])
    longest = rng.normal(size=means.shape) * rng.lognormal(-3, 1, (len(means), 1))
    mess = Cloud(means, longest)
    clumps = np.concatenate([np.repeat(rng.integers(0, 4, 4), 25), rng.integers(0, 4, 30)])
    labels = np.where(rng.random(len(means)) < 0.2, rng.integers(0, 4, len(means)), clumps)
    return mess, labels.astype(np.uint16), rng.random(len(means)) < 0.9


@given(seed=seeds)
@some
def test_specks_leave_and_the_solid_object_stays_whole(seed):
    rng = np.random.default_rng(seed)
    specks = ball(6, rng, 0.1, at=(4, 0, 0))
    lone = rng.normal(size=(5, 3)) + [0, 8, 0]
    means = np.concatenate([ball(400, rng), specks, lone])
    labels = clean(cloud(means), np.full(len(means), 2))
    assert labels.tolist() == [2] * 400 + [0] * 11


@given(seed=seeds)
@some
def test_cleaning_twice_is_cleaning_once(seed):
    mess, labels, seen = scattered(seed)
    once = clean(mess, labels, seen)
    np.testing.assert_array_equal(clean(mess, once, seen), once)


@given(seed=seeds)
@some
def test_a_seen_gaussian_only_ever_goes_up_the_tree(seed):
    mess, labels, seen = scattered(seed)
    after = clean(mess, labels, seen)
    up = (TREE.ancestors[:, labels] == after).any(0)
    assert up[seen].all()


@given(seed=seeds)
@some
def test_the_order_of_the_rows_does_not_matter(seed):
    mess, labels, seen = scattered(seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    np.testing.assert_array_equal(clean(mess.at(order), labels[order], seen[order]), clean(mess, labels, seen)[order])


@given(seed=seeds, power=st.integers(-8, 8))
@some
def test_the_unit_of_length_does_not_matter(seed, power):
    mess, labels, seen = scattered(seed)
    scale = 2.0**power
    larger = Cloud(mess.means * scale, mess.longest * scale)
    np.testing.assert_array_equal(clean(larger, labels, seen), clean(mess, labels, seen))


@given(seed=seeds)
@some
def test_other_objects_do_not_matter(seed):
    """Floaters are an object's own affair: two objects far apart are cleaned as if each were alone."""
    one, labels, _ = scattered(seed)
    other = Cloud(one.means + 100, one.longest)
    both = Cloud(*(np.concatenate(pair) for pair in zip(vars(one).values(), vars(other).values(), strict=True)))
    alone, second = np.where(labels == 2, 0, labels), np.where(labels > 0, 2, 0)
    together = clean(both, np.concatenate([alone, second]))
    np.testing.assert_array_equal(together, np.concatenate([clean(one, alone), clean(other, second)]))


def test_inputs_are_left_alone():
    mess, labels, seen = scattered(0)
    before = [array.copy() for array in (*vars(mess).values(), labels, seen)]
    clean(mess, labels, seen)
    for array, copy in zip((*vars(mess).values(), labels, seen), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_object_of_two_pieces_keeps_both():
    rng = np.random.default_rng(0)
    means = np.concatenate([ball(300, rng), ball(40, rng, 0.25, at=(0, 0, 3))])
    assert (clean(cloud(means), np.full(340, 1)) == 1).all()


def test_a_gaussian_that_reaches_out_of_its_object_into_another_leaves_it():
    rng = np.random.default_rng(0)
    means = np.concatenate([ball(300, rng), ball(300, rng, at=(0, 0, -1.2))])
    longest = np.tile([0.05, 0.0, 0.0], (600, 1))
    longest[7] = [0, 0, 0.8]
    labels = np.repeat([1, 2], 300)
    found = clean(Cloud(means, longest), labels)
    assert found[7] == 0
    np.testing.assert_array_equal(np.delete(found, 7), np.delete(labels, 7))


def test_long_gaussians_that_end_in_the_air_are_an_antenna():
    means = np.concatenate([ball(300, np.random.default_rng(0)), [[0, 0, 1.0], [0, 0, 2.0], [0, 0, 3.0]]])
    longest = np.tile([0.05, 0.0, 0.0], (303, 1))
    longest[300:] = [0, 0, 0.3]
    assert (clean(Cloud(means, longest), np.full(303, 1)) == 1).all()


def test_what_stands_in_an_object_s_hollow_is_left_alone():
    """A convex hull of the bowl would swallow it."""
    bowl = shell(2000, 1.0)
    bowl = bowl[bowl[:, 2] < 0]
    means = np.concatenate([bowl, ball(150, np.random.default_rng(0), 0.25, at=(0, 0, -0.5))])
    labels = np.repeat([1, 2], [len(bowl), 150])
    np.testing.assert_array_equal(clean(cloud(means), labels), labels)


def test_a_floater_of_a_part_goes_to_its_object_if_it_is_there():
    rng = np.random.default_rng(0)
    pot, lid = ball(300, rng), ball(100, rng, 0.2, at=(0, 0, 1.0))
    means = np.concatenate([pot, lid, [[0, 0, 0], [9, 9, 9]]])
    labels = clean(cloud(means), np.repeat([1, 3], [300, 102]))
    assert labels.tolist() == [1] * 300 + [3] * 100 + [1, 0]


def test_what_no_view_saw_inside_of_an_object_joins_it():
    """Within the shell it does; outside, even close by, and between two objects it is the rest."""
    first, second = shell(400, 0.5), shell(400, 0.5, at=(1.05, 0, 0))
    inside, outside, between = [[0, 0, 0], [0.2, 0.1, -0.3]], [[0, 0, 0.8], [0, 3, 0]], [[0.525, 0, 0]]
    means = np.concatenate([first, second, inside, outside, between])
    labels = np.repeat([1, 2, 0], [400, 400, 5])
    found = clean(cloud(means), labels, labels > 0)
    assert found[:800].tolist() == labels[:800].tolist()
    assert found[800:].tolist() == [1, 1, 0, 0, 0]


def test_what_is_enclosed_by_two_parts_is_their_object_s():
    ball_of_two = shell(400, 0.5)
    labels = np.append(np.where(ball_of_two[:, 2] > 0, 3, 1), 0)
    middle, deep = [[0, 0, 0.0]], [[0, 0, 0.4]]
    assert clean(cloud(np.concatenate([ball_of_two, middle])), labels, labels > 0)[-1] == 1
    assert clean(cloud(np.concatenate([ball_of_two, deep])), labels, labels > 0)[-1] == 3


def test_a_label_that_no_view_gave_is_not_believed():
    means = ball(100, np.random.default_rng(0))
    assert (clean(cloud(means), np.full(100, 1), np.zeros(100, bool)) == 0).all()


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_few_gaussians_are_no_trouble(rows):
    means = np.arange(3 * rows).reshape(rows, 3) * 0.01
    assert clean(cloud(means), np.full(rows, 1)).tolist() == [1] * rows


def test_gaussians_in_one_place_are_one_piece():
    assert (clean(cloud(np.zeros((50, 3))), np.full(50, 1)) == 1).all()


def test_extents_are_those_of_the_covariance():
    rng = np.random.default_rng(0)
    quats = torch.tensor(Rotation.random(20, rng).as_quat(scalar_first=True)) * 3
    log_scales = torch.tensor(rng.normal(size=(20, 3)))
    zeros = torch.zeros(20, dtype=torch.float64)
    gaussians = Gaussians(torch.tensor(rng.normal(size=(20, 3))), quats, log_scales, zeros, torch.zeros(20, 1, 3))
    found = cloud_of(gaussians)
    variances, axes = np.linalg.eigh(covariances(gaussians).numpy())
    np.testing.assert_allclose(found.reach, 2 * np.sqrt(variances[:, 2]))
    expected = axes[:, :, 2] * np.sqrt(variances[:, 2:])
    sign = np.sign((expected * found.longest).sum(1, keepdims=True))
    np.testing.assert_allclose(found.longest, sign * expected)
    np.testing.assert_array_equal(found.means, gaussians.means)
