"""What a user may say about training: presets, overrides over them, a schedule that stretches; light to import."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from splatsmith.base.errors import InputError
from splatsmith.base.typed import typed
from splatsmith.train.config import TrainConfig

PRESETS = ("draft", "standard", "high")


def test_presets_are_in_order_of_effort():
    draft, standard, high = (TrainConfig(preset=preset) for preset in PRESETS)
    assert draft.steps < standard.steps < high.steps
    assert standard == TrainConfig()


@pytest.mark.parametrize("preset", PRESETS)
def test_an_override_changes_its_key_alone(preset):
    changed = TrainConfig(preset=preset, ssim_weight=0.5)
    assert changed == TrainConfig(preset=preset).model_copy(update={"ssim_weight": 0.5})


@given(preset=st.sampled_from(PRESETS), steps=st.integers(1, 100_000))
def test_overriding_the_steps_stretches_the_schedule(preset, steps):
    usual, stretched = TrainConfig(preset=preset), TrainConfig(preset=preset, steps=steps)
    for name in ("sh_every", "refine_start", "refine_stop", "reset_every"):
        expected = getattr(usual, name) * steps / usual.steps
        assert getattr(stretched, name) == pytest.approx(expected, abs=1), name
    assert TrainConfig(preset=preset, steps=steps, refine_stop=7).refine_stop == 7


@pytest.mark.parametrize("preset", PRESETS)
def test_a_config_survives_json(preset):
    config = TrainConfig(preset=preset, steps=123, background=(0.1, 0.2, 0.3), learning_rates={"means": 1e-3})
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


def test_the_limit_follows_the_photos_unless_it_is_given():
    assert TrainConfig().most_gaussians(train_pixels=10**7, points=500) == 100_000
    assert TrainConfig().most_gaussians(train_pixels=10**4, points=500) == 500
    assert TrainConfig(max_gaussians=77).most_gaussians(train_pixels=10**7, points=500) == 77


def test_a_finished_scene_has_one_background():
    assert TrainConfig(background="white").background_color == (1, 1, 1)
    assert TrainConfig(background="random").background_color == (0, 0, 0)
    assert TrainConfig(background=[0, 0.5, 1]).background_color == (0, 0.5, 1)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"steps": "many"}, {"background": "pink"}, {"background": [0, 0, 2]}, {"preset": "best"}]
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainConfig(**wrong)


def test_an_unknown_key_names_the_nearest_known_one():
    with pytest.raises(InputError, match="max_gaussians"):
        typed(TrainConfig, {"max_gausians": 3}, "config: train")


def test_every_key_says_what_it_is_for_or_speaks_for_itself():
    silent = {name for name, field in TrainConfig.model_fields.items() if not field.description}
    assert silent <= {"refine_start", "learning_rates", "seed"}


def test_reading_the_stages_config_needs_no_torch():
    code = (
        "import sys, splatsmith.stages.train_3dgs; print(sorted({'torch', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
