"""Comparing with the photos: the truth is where the comparison says, moved worlds give moved answers."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splatsmith.base.outcome import Unusable
from splatsmith.complete.align.body import body_of
from splatsmith.complete.align.drawn import Weights, fit_of, place
from splatsmith.complete.align.evidence import evidence_of
from splatsmith.complete.align.gates import Gate, free_share, gates_of, verdict
from splatsmith.complete.align.hypotheses import placed
from splatsmith.complete.align.icp import icp
from splatsmith.complete.align.polish import polish
from splatsmith.complete.align.pose import Pose, pose_of, similarity
from splatsmith.complete.align.silhouettes import adjustment, likeness, unlike
from splatsmith.complete.align.symmetry import order_of, self_similar
from splatsmith.gaussians.ops import select

ASIDE = np.array([0.1, -0.08, 0.06, 0.02, -0.02, 0.02, 0.06, -0.05, 0.04])
"""A step away from the truth."""


@pytest.fixture(scope="module")
def seen(toys, tmp_path_factory):
    """The observations of the thing by eight views of a sector of 100 degrees, and proxies made of it."""
    views = toys.sector(8, 100, tmp_path_factory.mktemp("photos"))
    return toys.observed(toys.lobes(), views)


@pytest.fixture(scope="module")
def evidence(seen):
    return evidence_of(seen, ())


def test_evidence_is_where_the_thing_is(evidence, toys):
    means = toys.lobes().means.numpy()
    assert np.linalg.norm(evidence.center - (means.min(axis=0) + means.max(axis=0)) / 2) < 0.1
    assert evidence.unit == pytest.approx(np.linalg.norm(np.ptp(means, axis=0)), rel=0.4)
    away = np.linalg.norm(evidence.points[:, None] - means, axis=2).min(axis=1)
    assert np.quantile(away, 0.9) < 0.12
    assert {sight.name for sight in evidence.held}.isdisjoint(sight.name for sight in evidence.sights)


def test_a_proxy_in_the_right_rotation_is_as_large_as_the_masks_say(evidence, toys):
    proxy, truth = toys.moved_away(toys.lobes(), 1, stretch=0.0)
    body = body_of(proxy, 0)
    pose, disagreement = placed(truth.R, body, evidence, evidence.sights)
    assert body.of_proxy(pose).scale == pytest.approx(truth.scale, rel=0.1)
    assert np.linalg.norm(pose.t - body.of_body(truth).t) < 0.06 * evidence.unit
    turned, worse = placed(Rotation.from_rotvec([0, 0, 1.4]).as_matrix() @ truth.R, body, evidence, evidence.sights)
    assert worse > disagreement
    assert likeness(body.points, body.colors, pose, evidence.sights) > likeness(
        body.points, body.colors, turned, evidence.sights
    )


def test_icp_explains_what_was_observed_and_ignores_what_was_not(evidence, toys):
    proxy, truth = toys.moved_away(toys.lobes(), 2, stretch=0.0)
    body = body_of(proxy, 0)
    begin = body.of_body(truth).step(np.array([0.2, -0.15, 0.2, 0.03, 0.03, -0.03, 0.05, 0.05, 0.05]), evidence.unit)
    degrees, percent = toys.off(body.of_proxy(icp(begin, body, evidence)), truth)
    assert degrees < 5
    assert percent < 12


def test_polishing_finds_nine_numbers(evidence, toys):
    proxy, truth = toys.moved_away(toys.lobes(), 3)
    body = body_of(proxy, 0)
    begin, pose = body.of_body(truth).step(ASIDE, evidence.unit), None
    assert min(toys.off(body.of_proxy(begin), truth)) > 5
    told = {"unit": evidence.unit, "stretch": True, "backend": "cpu"}
    pose = polish(begin, body.rough, evidence.sights, **told, steps=8, weights=Weights(blur=2.0))
    pose = polish(pose, body.fine, evidence.sights, **told, steps=6, weights=Weights(blur=0.7))
    degrees, percent = toys.off(body.of_proxy(pose), truth)
    assert degrees < 2
    assert percent < 5  # round splats cover more than the surface that they stand for
    good, bad = (fit_of(place(body.fine, p.T, "cpu"), evidence.sights, evidence.unit) for p in (pose, begin))
    assert good.score > bad.score + 0.05


def test_a_moved_world_gives_a_moved_answer(toys, tmp_path):
    proxy, truth = toys.moved_away(toys.lobes(), 4)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = 2.5 * Rotation.from_rotvec([0.3, 0.4, 0.5]).as_matrix(), [3, -1, 2]
    body, answers = body_of(proxy, 0), []
    for name, move in (("here", np.eye(4)), ("there", T)):
        from splatsmith.gaussians.transforms import similarity as moved

        (tmp_path / name).mkdir()
        views = toys.sector(5, 90, tmp_path / name, move)
        found = evidence_of(toys.observed(moved(toys.lobes(), move), views), ())
        start = pose_of(move @ body.of_body(truth).T).step(ASIDE, 0.0)
        start = icp(start, body, found, steps=5, last=0)
        told = {"unit": found.unit, "stretch": False, "backend": "cpu", "steps": 3, "weights": Weights(blur=1.0)}
        answers.append(np.linalg.inv(move) @ polish(start, body.rough, found.sights, **told).T)
    assert np.abs(answers[0] - answers[1]).max() < 0.04, answers[0] - answers[1]


def test_light_is_adjusted_and_not_more():
    rng = np.random.default_rng(0)
    photo = rng.uniform(size=(200, 3))
    assert unlike(0.7 * photo + 0.1, photo) < 0.01
    assert unlike(rng.permutation(photo), photo) > 0.15
    gain, bias = adjustment(photo, 0 * photo)
    assert (gain >= 0.5).all()
    assert np.allclose(gain * photo.mean(axis=0) + bias, 0)


@pytest.mark.parametrize("parts", ["lobes", "can"])
def test_a_can_is_carried_onto_itself_and_the_lobes_are_not(toys, parts):
    proxy = toys.lobes() if parts == "lobes" else toys.lobes(toys.can, 2000)
    body = body_of(proxy, 0)
    turns = self_similar(similarity(np.eye(3), 1.0, np.zeros(3)), body)
    assert order_of(turns) == ("none" if parts == "lobes" else "revolution")


def test_a_proxy_that_is_right_passes_and_one_that_is_not_fails(evidence, toys):
    body = body_of(toys.lobes(), 0)
    here = body.of_body(similarity(np.eye(3), 1.0, np.zeros(3)))
    gates = gates_of(place(body.fine, here.T, "cpu"), body, evidence, [], 1.0)
    assert {gate.name for gate in gates} == {"overlap", "explained", "free", "anisotropy"}
    assert all(gate.passed for gate in gates), gates
    assert verdict(gates, None) == ("ok", "")
    assert verdict(gates, 0.5)[0] == "ok"
    status, reason = verdict(gates, 0.001)
    assert status == "ambiguous"
    assert "another rotation fits as well" in reason
    away = here.step(np.array([0, 0, 2.0, 0.3, 0, 0, 0, 0, 0]), evidence.unit)
    gates = gates_of(place(body.fine, away.T, "cpu"), body, evidence, [], 1.0)
    status, reason = verdict(gates, 0.001)
    assert status == "failed"
    assert "overlap those of the masks by only" in reason


@pytest.mark.parametrize(("value", "status"), [(0.8, "ok"), (0.7, "degraded"), (0.5, "failed")])
def test_limits_are_kept_on_both_sides(value, status):
    assert verdict([Gate("overlap", value, 0.75, 0.6, "more")], None)[0] == status
    assert verdict([Gate("anisotropy", 2 - value, 1.25, 1.4, "less")], None)[0] == status


def test_what_stands_in_the_open_is_counted(evidence, toys):
    means = toys.lobes().means.double().numpy()
    sights = [*evidence.sights, *evidence.held]
    inner = free_share(means, sights, evidence.unit)
    assert inner < 0.05
    half = np.concatenate([means, means + [0, 0, 0.35 * evidence.unit]])
    assert free_share(half, sights, evidence.unit) > 0.15


def test_poses_of_body_and_proxy_are_the_same(toys):
    proxy, _ = toys.moved_away(toys.lobes(), 5)
    body, rng = body_of(proxy, 0), np.random.default_rng(0)
    pose = Pose(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3), rng.normal(size=3))
    assert np.allclose(body.of_body(body.of_proxy(pose)).T, pose.T)
    assert np.allclose(body.of_proxy(pose).T, pose.T @ body.T_body_proxy)


def test_an_empty_proxy_and_an_unseen_object_are_told(toys, seen):
    with pytest.raises(Unusable, match="only 3 Gaussians"):
        body_of(select(toys.lobes(), slice(0, 3)), 0)
    from dataclasses import replace

    with pytest.raises(Unusable, match="no view shows it"):
        evidence_of([replace(one, mask=np.zeros_like(one.mask)) for one in seen], ())
