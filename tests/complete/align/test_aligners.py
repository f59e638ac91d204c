"""Both aligners from end to end, on a thing that few views show."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splatsmith.base.outcome import Unusable
from splatsmith.complete.align.aligned import by_geo9, improved, locked
from splatsmith.complete.align.body import body_of
from splatsmith.complete.align.evidence import evidence_of
from splatsmith.complete.align.geo9 import Drawing
from splatsmith.complete.align.pose import similarity
from splatsmith.complete.align.scorp import affine_step, scorp
from splatsmith.complete.align.sights import sight_of
from splatsmith.complete.align.start import Start, spread_rotations, start
from splatsmith.models.matching import Matches

UP = np.array([0, 0, 1.0])


class Nothing:
    """A matcher that finds nothing."""

    def match(self, pairs):
        """No match in any pair."""
        return [Matches(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)) for _ in pairs]


class Oracle:
    """A matcher that knows the drawing to be the photo, moved: it pairs pixels of equal place in both boxes."""

    def match(self, pairs):
        """A grid of each box."""
        found = []
        for a, b in pairs:
            grid = np.stack(np.meshgrid(*[np.linspace(0.1, 0.9, 7)] * 2), axis=-1).reshape(-1, 2)
            points = [np.array(c.box[:2]) + grid * (np.array(c.box[2:]) - c.box[:2]) for c in (a, b)]
            found.append(Matches(*points, np.ones(len(grid))).of(a, b))
        return found


def drawing_of(toys, proxy, observations, seed: int = 0) -> Drawing:
    return Drawing(body_of(proxy, seed), evidence_of(observations, ()), "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_nine_numbers_are_found_in_a_seventh_of_a_turn_among_floaters(toys, tmp_path, seed):
    body = toys.lobes()
    seen = toys.observed(body, toys.sector(8, 360 / 7, tmp_path), toys.strewn(60))
    proxy, truth = toys.moved_away(body, seed)
    found = by_geo9(drawing_of(toys, proxy, seen), Nothing(), None, UP, seed=0, label="thing")
    degrees, percent = toys.off(found.pose, truth)
    assert degrees < 3
    assert percent < 6
    assert found.outcome.status in ("ok", "degraded")  # so many floaters are observed points without explanation
    assert any(word in found.outcome.reason for word in ("nothing matched", "observed points"))
    assert np.array_equal(found.T, found.pose.T)


@pytest.mark.slow
def test_a_can_is_ambiguous_and_not_failed(toys, tmp_path):
    body = toys.lobes(toys.can, 2000)
    seen = toys.observed(body, toys.sector(6, 120, tmp_path))
    proxy, truth = toys.moved_away(body, 0, stretch=0.0)
    found = by_geo9(drawing_of(toys, proxy, seen), None, None, UP, seed=0, label="can")
    assert found.outcome.status == "ambiguous"
    axis = found.pose.R @ truth.R.T @ UP
    assert abs(axis @ UP) > np.cos(np.radians(6))
    assert found.symmetry == "revolution"


@pytest.fixture(scope="module")
def seen(toys, tmp_path_factory):
    return toys.observed(toys.lobes(), toys.sector(5, 100, tmp_path_factory.mktemp("photos")))


def test_a_given_pose_is_moved_only_where_that_gains(toys, seen):
    drawing = drawing_of(toys, toys.lobes(), seen)
    here = drawing.body.of_body(similarity(np.eye(3), 1.0, np.zeros(3)))
    assert np.allclose(improved(drawing, None, here, stretch=False).T, np.eye(4), atol=0.05)
    aside = here.step(np.array([0, 0, 0.1, 0.03, 0.03, 0, 0, 0, 0]), drawing.evidence.unit)
    moved = improved(drawing, None, aside, stretch=True)
    assert np.abs(moved.T - np.eye(4)).max() < np.abs(drawing.body.of_proxy(aside).T - np.eye(4)).max() / 2


def test_a_locked_pose_is_kept_whatever_the_gates_say(toys, seen):
    drawing = drawing_of(toys, toys.lobes(), seen)
    wrong = similarity(Rotation.from_rotvec([1, 1, 0]).as_matrix(), 0.5, np.array([0.3, 0, 0.5]))
    found = locked(drawing, None, drawing.body.of_body(wrong))
    assert np.allclose(found.T, wrong.T)
    assert found.outcome.status == "degraded"
    assert "the pose was given, but" in found.outcome.reason


def test_scorp_says_where_nothing_matched(toys, seen):
    drawing = drawing_of(toys, toys.lobes(), seen)
    with pytest.raises(Unusable, match="iteration 1 found 0 matches"):
        run_scorp(drawing, seen, Nothing(), Start(np.linalg.inv(drawing.body.T_body_proxy), 0.1, 1.0))


def test_scorp_comes_closer_with_matches(toys, seen):
    drawing = drawing_of(toys, toys.lobes(), seen)
    exact = np.linalg.inv(drawing.body.T_body_proxy)
    off = similarity(np.eye(3), 1.3, np.array([0.15, -0.1, 0.1])).T
    T, pairs = run_scorp(drawing, seen, Oracle(), Start(off @ exact, 0.2, 1.0))
    assert sum(map(len, pairs)) > 50
    assert np.abs(T - exact).max() < 0.5 * np.abs(off @ exact - exact).max()


def run_scorp(drawing, seen, matcher, begin):
    told = {"iterations": 3, "shapes": (), "backend": "cpu", "seed": 0, "label": "thing"}
    return scorp(drawing.body, begin, lambda i: sight_of(seen[i]), len(seen), matcher, **told)


@pytest.mark.slow
def test_scorp_s_affine_step_fits_an_affine_map():
    rng = np.random.default_rng(0)
    p = rng.normal(size=(60, 3))
    A = Rotation.from_rotvec([0.1, -0.05, 0.2]).as_matrix() @ np.diag([1.2, 0.9, 1.0])
    T = affine_step(p, p @ A.T + [0.1, 0, -0.1])
    assert np.allclose(T[:3, :3], A, atol=0.02)
    assert np.allclose(T[:3, 3], [0.1, 0, -0.1], atol=0.02)


def test_scorp_starts_right_where_all_was_observed_and_nothing_else(toys):
    means = toys.lobes().means.double().numpy()
    R = Rotation.from_rotvec([0.2, 0.1, 0.3]).as_matrix()
    found = start(means[::12] @ R.T, means[::12], 0)
    back = found.T[:3, :3] / np.cbrt(np.linalg.det(found.T[:3, :3]))
    assert np.degrees(Rotation.from_matrix(back @ R).magnitude()) < 12
    assert found.fitness > 0.9


def test_spread_rotations_keep_their_distance():
    quats = Rotation.from_matrix(spread_rotations(64, np.random.default_rng(0))).as_quat()
    near = np.abs(quats @ quats.T) - np.eye(64)
    assert np.degrees(2 * np.arccos(near.max())) > 45
