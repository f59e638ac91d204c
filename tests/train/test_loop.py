"""The loop's promises: it learns, repeats itself bit for bit, resumes as if never stopped, stops at nonsense."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.render.cpu import get_threads, set_threads
from splatsmith.train import loop
from splatsmith.train.config import TrainConfig
from splatsmith.train.loop import train, view_order
from splatsmith.train.resume import Checkpoint

SHORT = {
    "steps": 120,
    "sh_degree": 1,
    "sh_every": 40,
    "refine_start": 10,
    "refine_every": 10,
    "refine_stop": 100,
    "reset_every": 50,
    "grow_grad2d": 1e-3,
    "max_gaussians": 150,
}  # every event of the schedule happens within a second or two
VARIANTS = {
    "default": {},
    "mcmc": {"strategy": "mcmc"},
    "everything": {"exposure": True, "antialiased": True, "background": [0.0, 0.0, 0.01]},
}


@pytest.fixture(autouse=True)
def as_the_stage_has_it(monkeypatch):
    """One thread for torch; more rows and checkpoints in fewer steps."""
    monkeypatch.setattr(loop, "BLOCK", 40)
    threads, ours = torch.get_num_threads(), get_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    set_threads(ours)


def same(one, other) -> bool:
    return all(torch.equal(one.columns[name], other.columns[name]) for name in one.columns)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns_a_small_scene(blob_scene, variant):
    gaussians, rows = train(blob_scene, TrainConfig(**SHORT, **VARIANTS[variant]))
    assert [row["step"] for row in rows] == [40, 80, 120]
    assert rows[-1]["gaussians"] == len(gaussians) <= SHORT["max_gaussians"]
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    assert rows[-1]["test_psnr_db"] > rows[0]["test_psnr_db"] + 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_threads_do_not_change_a_bit(blob_scene, variant):
    config = TrainConfig(**SHORT | {"steps": 60}, **VARIANTS[variant])
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append(train(blob_scene, config))
    assert same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_another_seed_is_another_run(blob_scene):
    config = TrainConfig(**SHORT | {"steps": 60})
    one, other = (train(blob_scene, config.model_copy(update={"seed": seed}))[0] for seed in (0, 1))
    assert not same(one, other)


class Killed(Exception):
    pass


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("at", [41, 95, 119])
def test_a_run_that_is_cut_off_and_resumed_ends_with_the_same_bits(blob_scene, tmp_path, monkeypatch, variant, at):
    config = TrainConfig(**SHORT, **VARIANTS[variant])
    straight, rows = train(blob_scene, config)
    checkpoint, words = Checkpoint(tmp_path, "key"), []
    adapt = loop._adapt

    def cut_off(run, *arguments):
        if run.step == at:
            raise Killed
        adapt(run, *arguments)

    monkeypatch.setattr(loop, "_adapt", cut_off)
    with pytest.raises(Killed):
        train(blob_scene, config, checkpoint=checkpoint, checkpoint_seconds=0, say=words.append)
    monkeypatch.setattr(loop, "_adapt", adapt)
    resumed, rows_after = train(blob_scene, config, checkpoint=checkpoint, checkpoint_seconds=0, say=words.append)
    assert f"resuming from step {at // 40 * 40}" in words[1]
    assert same(straight, resumed)
    assert rows == rows_after


def test_a_checkpoint_of_other_settings_is_passed_over(blob_scene, tmp_path):
    config, words = TrainConfig(**SHORT | {"steps": 41}), []
    train(blob_scene, config, checkpoint=Checkpoint(tmp_path, "one"), checkpoint_seconds=0, say=words.append)
    train(blob_scene, config, checkpoint=Checkpoint(tmp_path, "other"), checkpoint_seconds=0, say=words.append)
    assert "of another configuration" in words[1]


def test_values_that_are_not_finite_stop_the_run_and_leave_the_last_good_state(blob_scene, tmp_path, monkeypatch):
    config = TrainConfig(**SHORT)
    checkpoint = Checkpoint(tmp_path, "key")
    adapt = loop._adapt

    def poison(run, *arguments):
        adapt(run, *arguments)
        if run.step == 60:
            run.optimizer.parameters["log_scales"].data[3] = float("nan")

    monkeypatch.setattr(loop, "_adapt", poison)
    with pytest.raises(InputError, match="diverged at step 61") as caught:
        train(blob_scene, config, checkpoint=checkpoint, checkpoint_seconds=0)
    assert "scales" in str(caught.value)
    state, _ = checkpoint.load(torch.device("cpu"))
    assert state["step"] == 40
    assert all(field["value"].isfinite().all() for field in state["optimizer"].values())


def test_each_epoch_shows_every_view_once_in_an_order_of_its_own():
    orders = [view_order(20, epoch, seed) for epoch in range(3) for seed in range(2)]
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len({tuple(order) for order in orders}) == len(orders)


@pytest.mark.parametrize("method", ["sfm", "random"])
def test_a_scene_without_points_starts_from_random_ones(blob_scene, method):
    scene = replace(blob_scene, points=type(blob_scene.points)(np.zeros((0, 3)), np.zeros((0, 3), np.uint8)))
    _, rows = train(scene, TrainConfig(**SHORT | {"steps": 40}, init=method))
    assert rows[-1]["test_psnr_db"] > 10
