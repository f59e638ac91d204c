"""Composing: what is kept keeps its bytes, leftovers in an object go, and what it stands on or holds does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from splatsmith.complete.compose import composed
from splatsmith.complete.interior import interior_of, leftovers
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import concat, select
from splatsmith.gaussians.transforms import similarity
from splatsmith.scenes.label_maps import Entry, Legend

UP = np.array([0.0, 0.0, 1.0])
LEGEND = Legend(entries=(Entry(id=1, name="box"), Entry(id=2, name="ball"), Entry(id=3, name="lid", parent=1)))
STEP = 0.05


def sheet(u: np.ndarray, v: np.ndarray, origin: tuple, axes: tuple[int, int], label: int = 0) -> Gaussians:
    """Opaque flat Gaussians on a grid of a plane that two axes of the world span."""
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    means = np.tile(np.array(origin, float), (len(grid), 1))
    means[:, axes] += grid
    sigmas = np.full(3, 0.002)
    sigmas[list(axes)] = 0.7 * STEP
    n = len(grid)
    return Gaussians(
        means=torch.from_numpy(means).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.from_numpy(np.log(sigmas)).float().repeat(n, 1),
        logit_opacities=torch.full((n,), 4.0),
        sh=torch.randn(n, 4, 3, generator=torch.Generator().manual_seed(n)),
        extra={"label": torch.full((n,), label, dtype=torch.uint16)},
    )


def box(x: float = 0.0, label: int = 1, top: bool = True) -> Gaussians:
    """A hollow box around (x, 0, 0.3), 0.6 each way, without a bottom, on z = 0; without a top it is a cup."""
    across, height = np.arange(-0.3, 0.31, STEP), np.arange(0.0, 0.61, STEP)
    sides = [sheet(across, height, (x, y, 0), (0, 2), label) for y in (-0.3, 0.3)]
    sides += [sheet(across, height, (x + side, 0, 0), (1, 2), label) for side in (-0.3, 0.3)]
    return concat([*sides, *([sheet(across, across, (x, 0, 0.6), (0, 1), label)] if top else [])])


def table() -> Gaussians:
    ground = np.arange(-1.5, 3.5, STEP)
    return sheet(ground, np.arange(-1, 1, STEP), (0, 0, 0), (0, 1))


def specks(points: list[tuple], label: int = 0, sigma: float = 0.02) -> Gaussians:
    """Small round Gaussians."""
    like = select(table(), torch.arange(len(points)))
    sigmas = torch.full((len(points), 3), float(np.log(sigma)))
    labels = torch.full((len(points),), label, dtype=torch.uint16)
    return replace(like, means=torch.tensor(points), log_scales=sigmas, extra={"label": labels})


INSIDE = [(0.0, 0.0, 0.3), (0.1, -0.15, 0.2), (-0.15, 0.15, 0.42), (0.0, 0.05, 0.2)]
BESIDE = [(0.0, 0.0, 0.9), (0.45, 0.0, 0.3), (0.0, -0.5, 0.1), (0.34, 0.34, 0.3)]


def proxy(gaussians: Gaussians, provenance: int = 2) -> Gaussians:
    return replace(gaussians, extra={"provenance": torch.full((len(gaussians),), provenance, dtype=torch.uint8)})


def scene() -> Gaussians:
    """A table, a box with a lid on it, a ball of few Gaussians further on, leftovers in the box and dust beside it."""
    parts = [specks(INSIDE), table(), box(label=1), specks([(0, 0, 0.62)], 3), specks(BESIDE), box(2.0, label=2)]
    return concat(parts)


def same(a: Gaussians, b: Gaussians) -> None:
    """Fails unless every column of `b` is in `a` with the same bytes."""
    for name, column in b.columns.items():
        assert a.columns[name].numpy().tobytes() == column.numpy().tobytes(), name


def test_nothing_to_compose_changes_nothing():
    result = composed(scene(), LEGEND, {}, UP)
    same(result.gaussians, scene())
    assert set(result.gaussians.extra) == {"label", "provenance"}
    assert (result.gaussians.extra["provenance"] == 1).all()
    assert result.leftovers == {}


def test_an_object_and_its_parts_and_leftovers_are_replaced_and_nothing_else():
    before, new = scene(), proxy(box(), 3)
    result = composed(before, LEGEND, {1: new}, UP)
    labels = before.extra["label"].long()
    kept = (labels == 0) | (labels == 2)
    kept[: len(INSIDE)] = False
    count = int(kept.sum())
    same(select(result.gaussians, slice(0, count)), select(before, kept))
    added = select(result.gaussians, slice(count, None))
    same(replace(added, extra={}), replace(new, extra={}))
    assert (added.extra["label"].long() == 1).all()
    assert added.extra["label"].dtype == torch.uint16
    assert (added.extra["provenance"] == 3).all()
    assert result.leftovers == {1: len(INSIDE)}


def test_the_order_of_objects_is_of_no_consequence():
    objects = {1: proxy(box()), 2: proxy(box(2.0))}
    there, back = (composed(scene(), LEGEND, dict(items), UP) for items in (objects.items(), reversed(objects.items())))
    same(there.gaussians, back.gaussians)
    assert there.leftovers == back.leftovers


def test_one_after_the_other_is_as_good_as_both_at_once():
    both = composed(scene(), LEGEND, {1: proxy(box()), 2: proxy(box(2.0))}, UP)
    first = composed(scene(), LEGEND, {1: proxy(box())}, UP)
    second = composed(first.gaussians, LEGEND, {2: proxy(box(2.0))}, UP)
    same(replace(second.gaussians, extra={}), replace(both.gaussians, extra={}))


@pytest.mark.parametrize(("of_scene", "of_object"), [(3, 0), (0, 2), (1, 1)])
def test_colours_of_different_degrees_fit_together(of_scene, of_object):
    def with_degree(gaussians: Gaussians, degree: int) -> Gaussians:
        sh = torch.zeros(len(gaussians), (degree + 1) ** 2, 3)
        few = min(sh.shape[1], gaussians.sh.shape[1])
        sh[:, :few] = gaussians.sh[:, :few]
        return replace(gaussians, sh=sh)

    before, new = with_degree(scene(), of_scene), with_degree(proxy(box()), of_object)
    after = composed(before, LEGEND, {1: new}, UP).gaussians
    assert after.sh_degree == max(of_scene, of_object)
    rest, added = select(after, slice(0, -len(new))), select(after, slice(-len(new), None))
    assert torch.equal(added.sh[:, : new.sh.shape[1]], new.sh)
    assert not added.sh[:, new.sh.shape[1] :].any()
    assert not rest.sh[:, before.sh.shape[1] :].any()


def test_further_columns_of_the_scene_are_carried():
    before = scene()
    features = torch.randn(len(before), 2, generator=torch.Generator().manual_seed(0))
    before = replace(before, extra={**before.extra, "features": features})
    result = composed(before, LEGEND, {1: proxy(box())}, UP).gaussians
    added = result.extra["label"].long() == 1
    assert not result.extra["features"][added].any()
    assert torch.isin(result.extra["features"][~added], features).all()


def test_leftovers_are_those_inside_of_a_box_without_a_bottom_and_the_table_is_not():
    interior = interior_of(box(), UP)
    assert leftovers(specks(INSIDE), interior).all()
    assert not leftovers(specks(BESIDE), interior).any()
    assert not leftovers(table(), interior).any()
    assert not leftovers(box(), interior).any()


def test_the_hollow_of_a_cup_is_no_body():
    assert not leftovers(specks(INSIDE), interior_of(box(top=False), UP)).any()


def test_what_sticks_out_for_the_most_part_stays():
    interior = interior_of(box(), UP)
    assert not leftovers(specks([(0.0, 0.0, 0.3)], sigma=0.8), interior).any()
    assert leftovers(specks([(0.0, 0.0, 0.3)], sigma=0.1), interior).all()


@pytest.mark.parametrize("seed", range(3))
def test_leftovers_move_with_the_scene(seed):
    """On any axes and in any units, though the grid turns about `up` in its own way."""
    T = np.eye(4)
    T[:3, :3] = 7 * Rotation.random(random_state=seed).as_matrix()
    T[:3, 3] = [10, -20, 5]
    up = T[:3, 2] / 7
    everything = concat([specks(INSIDE), specks(BESIDE), table()])
    here = leftovers(everything, interior_of(box(), UP))
    there = leftovers(similarity(everything, T), interior_of(similarity(box(), T), up))
    assert torch.equal(here, there)


def test_an_object_that_is_a_single_gaussian_has_no_inside():
    assert not leftovers(specks(INSIDE), interior_of(specks([(0.0, 0.0, 0.3)]), UP)).any()
