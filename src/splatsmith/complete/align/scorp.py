"""SCORP's aligner as it was released: iterations of matches between points in space, to compare with.

In each iteration about 15 cameras are taken, the proxy is drawn by each, matched with the masked photo, and both sides
of a match are lifted by their own depths. A normal iteration fits a similarity by RANSAC; those of `shapes` fit a
general affine map x -> R Q^T diag(s) Q x + t with Adam, without a look at outliers. The last state is taken, not the
best; nothing is accepted or rejected on the way. "9dof" is the published name: the map has twelve.

Source: SCORP, arXiv 2506.23835, its released align_3dgs_clpe_9dof. Two things differ. The matcher is the one that is
configured, where SCORP has MASt3R; the proxy's splats are stretched by A Sigma A^T, not by factors on their own axes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from splatsmith.base.outcome import Unusable
from splatsmith.base.progress import Progress
from splatsmith.complete.align.body import Body
from splatsmith.complete.align.drawn import place
from splatsmith.complete.align.matches import Pairs, matched
from splatsmith.complete.align.sights import Sight
from splatsmith.complete.align.start import Start
from splatsmith.complete.align.umeyama import FEWEST, ransac
from splatsmith.models.matching import Matcher

CAMERAS = 15
"""Views that an iteration looks at, about."""
EACH = 16
"""Matches taken of each, evenly spaced."""
DRAWS = 2000
STEPS, RATE = 3000, 1e-3
"""Of Adam."""
LEAST, MOST = 0.75, 1.5
"""Bounds of s."""


def scorp(
    body: Body,
    begin: Start,
    sight_at: Callable[[int], Sight | None],
    views: int,
    matcher: Matcher,
    *,
    iterations: int,
    shapes: Sequence[int],
    backend: str,
    seed: int,
    label: str,
) -> tuple[np.ndarray, list[Pairs]]:
    """T_world_body (4, 4) and the matches of the last iteration.

    begin: for the body. sight_at: the sight of the i-th of `views` views, None where it does not show the object.
    Raises Unusable where an iteration has fewer than three matches.
    """
    T, pairs, every = begin.T, [], -(-views // CAMERAS)
    with Progress(f"{label}: align", iterations, "iterations") as bar:
        for i in range(iterations):
            sights = [sight for at in range(i % every, views, every) if (sight := sight_at(at)) is not None]
            pairs = matched(place(body.fine, T, backend), sights, matcher) if sights else []
            source, target = _in_space(pairs)
            if len(source) < FEWEST:
                raise Unusable(f"iteration {i + 1} found {len(source)} matches with depth, and {FEWEST} are needed")
            rng = np.random.default_rng([seed, i])
            step = affine_step(source, target) if i in shapes else _similarity(source, target, begin.tau, rng, i)
            T = step @ T
            bar.advance(matches=len(source))
    return T, pairs


def _in_space(found: Sequence[Pairs]) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, 3) of the proxy and of the scene, evenly chosen from each sight."""
    source, target = [np.zeros((0, 3))], [np.zeros((0, 3))]
    for pairs in found:
        if len(pairs):
            some = np.unique(np.linspace(0, len(pairs) - 1, EACH).round().astype(int))
            points, deep = pairs.targets()
            some = some[deep[some]]
            source.append(pairs.points[some])
            target.append(points[some])
    return np.concatenate(source), np.concatenate(target)


def _similarity(source: np.ndarray, target: np.ndarray, tau: float, rng: np.random.Generator, i: int) -> np.ndarray:
    found = ransac(source, target, within=tau, draws=DRAWS, rng=rng)
    if found is None:
        raise Unusable(f"no three matches of iteration {i + 1} agree on a similarity")
    return found[0].T


def affine_step(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(4, 4) of the affine map that Adam finds for pairs (M, 3), (M, 3) in its 3000 steps.

    L = mean |R Q^T diag(s) Q p + t - o|^2 + 2e-5 (mean (u - 1)^2 + var s) + 1e-4 angle(R)^2, with s between 0.75 and
    1.5 by a sigmoid of u. The second term is on u, not on s, as released.
    """
    p, o = torch.from_numpy(source), torch.from_numpy(target)
    t = torch.full((3,), 0.01, dtype=torch.float64)
    turn, axes = torch.tensor([0.9, 0.01, 0.01, 0.01], dtype=torch.float64), torch.tensor([1.0, 0, 0, 0]).double()
    u = torch.full((3,), -float(np.log(2)), dtype=torch.float64)  # s = 1
    free = [x.requires_grad_() for x in (t, turn, axes, u)]
    adam = torch.optim.Adam(free, lr=RATE)
    for _ in range(STEPS):
        A, R, s = _affine(turn, axes, u)
        angle = torch.arccos(((torch.trace(R) - 1) / 2).clamp(-1 + 1e-7, 1 - 1e-7))
        loss = ((p @ A.T + t - o) ** 2).mean() + 2e-5 * (((u - 1) ** 2).mean() + s.var()) + 1e-4 * angle**2
        adam.zero_grad()
        loss.backward()
        adam.step()
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = _affine(turn, axes, u)[0].detach().numpy(), t.detach().numpy()
    return T


def _affine(turn: torch.Tensor, axes: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    from splatsmith.gaussians.quaternions import rotation_matrices

    R, Q = rotation_matrices(turn), rotation_matrices(axes)
    s = LEAST + (MOST - LEAST) * torch.sigmoid(u)
    return R @ Q.T @ torch.diag(s) @ Q, R, s
