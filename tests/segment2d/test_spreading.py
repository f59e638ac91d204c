"""Spreading: what is known stays, the untold take after what lies beside them, what hangs apart does not."""

import numpy as np
import torch

from splatsmith.gaussians import Gaussians
from splatsmith.segment2d.spreading import graph_of, spread, without_crumbs


def row_of_blobs(xs) -> Gaussians:
    """Round Gaussians on a line, 0.1 large."""
    n = len(xs)
    means = torch.zeros(n, 3)
    means[:, 0] = torch.as_tensor(np.asarray(xs), dtype=torch.float32)
    means[:, 1] = 1e-3 * torch.arange(n)  # no ties
    quats = torch.tensor([1.0, 0, 0, 0]).repeat(n, 1)
    return Gaussians(means, quats, torch.full((n, 3), 0.1).log(), torch.zeros(n), torch.zeros(n, 1, 3))


XS = np.concatenate([np.arange(20) * 0.1, 10 + np.arange(20) * 0.1])
"""Two chains, far apart."""
GRAPH = graph_of(row_of_blobs(XS))
MOST = np.ones(40)


def evidence(**rows: float) -> np.ndarray:
    given = np.zeros((40, 1))
    for row, value in rows.items():
        given[int(row[1:])] = value
    return given


def test_weights_are_means_over_neighbours():
    assert np.allclose(np.asarray(GRAPH.mean.sum(axis=1)).ravel(), 1, atol=1e-5)


def test_where_all_is_told_nothing_changes():
    share = np.linspace(0, 1, 40)[:, None]
    likely, known = spread(GRAPH, 1e6 * share, 1e6 * (1 - share), MOST)
    assert np.allclose(likely, share / (1 + 0.02), atol=1e-3)
    assert np.allclose(known, 1, atol=1e-3)


def test_the_untold_take_after_what_they_touch_and_not_after_what_is_far():
    likely, known = spread(GRAPH, evidence(r3=50.0), np.zeros((40, 1)), MOST)
    assert (likely[:8, 0] > 0.5).all()
    assert likely[20:, 0].max() < 0.01
    assert (np.diff(known[4:12, 0]) < 0).all()


def test_evidence_against_stops_it():
    likely, _ = spread(GRAPH, evidence(r3=50.0), evidence(r10=50.0), MOST)
    assert likely[3, 0] > 0.9
    assert likely[10, 0] < 0.1
    assert (np.diff(likely[3:11, 0]) < 0).all()


def test_pieces_that_hang_apart_go_unless_they_have_evidence_of_their_own():
    everywhere = np.ones((40, 1), np.float32)
    assert without_crumbs(GRAPH, everywhere, evidence(r3=9.0))[:, 0].tolist() == [1.0] * 20 + [0.0] * 20
    assert without_crumbs(GRAPH, everywhere, evidence(r3=9.0, r30=8.0)).all()


def test_the_order_of_gaussians_is_of_no_account():
    order = np.random.default_rng(0).permutation(40)
    given, against = evidence(r3=50.0, r25=2.0), evidence(r10=5.0, r28=1.0)
    likely, known = spread(GRAPH, given, against, MOST)
    again = row_of_blobs(XS)
    shuffled = graph_of(Gaussians(*(column[order] for column in again.columns.values())))
    other_likely, other_known = spread(shuffled, given[order], against[order], MOST)
    assert np.allclose(other_likely, likely[order], atol=1e-5)
    assert np.allclose(other_known, known[order], atol=1e-5)
