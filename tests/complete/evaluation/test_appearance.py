"""How alike an object and a drawing of it look: the object alone counts."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.complete.evaluation.appearance import Appearance, Sight, appearance, drawn, mean_appearance
from splatsmith.gaussians import Gaussians
from splatsmith.render import Rendered
from splatsmith.scenes.cameras import Camera, View

VIEW = View("v", Path("v.png"), Camera(48, 36, 50, 50, 24, 18), np.eye(4))
seeds = st.integers(0, 2**32 - 1)


def sight(seed: int = 0) -> Sight:
    """A random photo with an object in it, and another one beside."""
    photo = np.random.default_rng(seed).integers(0, 256, (36, 48, 3), dtype=np.uint8)
    mask, others = np.zeros((2, 36, 48), bool)
    mask[8:28, 10:30], others[5:20, 30:45] = True, True
    return Sight(VIEW, photo, mask, others)


def painted(image: torch.Tensor, alpha: torch.Tensor) -> Rendered:
    return Rendered(image, alpha, None, torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.int32))


def perfect(seen: Sight) -> Rendered:
    return painted(seen.on_white(), torch.from_numpy(seen.mask).float())


@dataclass
class Counted:
    """A stand-in for LPIPS: the mean absolute difference."""

    large: bool = True

    def takes(self, picture: torch.Tensor) -> bool:
        return self.large

    def distance(self, a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a - b).abs().mean())


@given(seeds)
def test_a_perfect_drawing_has_the_best_of_all_figures(seed):
    found = appearance(perfect(sight(seed)), sight(seed), Counted())
    assert found == Appearance(100.0, pytest.approx(1), 0.0, 1.0)


@given(seeds)
def test_the_rest_of_the_photo_does_not_count(seed):
    seen, other = sight(seed), sight(seed + 1)
    beside = np.where(seen.mask[..., None], seen.photo, other.photo)
    drawing = perfect(other)
    assert appearance(drawing, seen, None) == appearance(drawing, replace(seen, photo=beside), None)


@given(seeds)
def test_what_is_drawn_where_other_objects_are_does_not_count(seed):
    """They may stand before it or behind it."""
    seen, noise = sight(seed), torch.rand(36, 48, 3, generator=torch.Generator().manual_seed(seed))
    there = torch.from_numpy(seen.others)
    spilled = painted(
        torch.where(there[..., None], noise, perfect(seen).image), torch.where(there, 1.0, perfect(seen).alpha)
    )
    assert appearance(spilled, seen, Counted()) == appearance(perfect(seen), seen, Counted())


@pytest.mark.parametrize("shift", range(0, 11, 5))
def test_iou_of_a_shifted_silhouette(shift):
    """A mask of 20 x 20 pixels, moved to the left."""
    seen = sight()
    alpha = torch.from_numpy(np.roll(seen.mask, -shift, axis=1)).double()
    found = appearance(painted(seen.on_white(), alpha), seen, None)
    assert found.iou == pytest.approx((20 - shift) / (20 + shift))
    for faint in (0.51, 0.49):
        figures = appearance(painted(seen.on_white(), faint * alpha), seen, None)
        assert figures.iou == (found.iou if faint > 0.5 else 0)


@given(seeds, st.floats(0.02, 0.2))
def test_a_worse_drawing_has_worse_figures(seed, strength):
    seen, noise = sight(seed), torch.randn(36, 48, 3, generator=torch.Generator().manual_seed(seed))
    a, b = (
        appearance(painted((seen.on_white() + some * noise).clamp(0, 1), perfect(seen).alpha), seen, Counted())
        for some in (strength, 2 * strength)
    )
    assert (a.psnr_db > b.psnr_db, a.ssim > b.ssim, a.lpips < b.lpips) == (True, True, True)


def test_lpips_is_left_out_where_it_cannot_be_measured():
    assert appearance(perfect(sight()), sight(), None).lpips is None
    assert appearance(perfect(sight()), sight(), Counted(large=False)).lpips is None
    assert appearance(perfect(sight()), sight(), None).as_dict() == {"psnr_db": 100, "ssim": 1, "lpips": None, "iou": 1}


def test_the_mean_is_that_of_each_figure():
    found = mean_appearance([Appearance(20, 0.9, 0.1, 0.5), Appearance(30, 0.7, None, 0.7)])
    assert found == Appearance(25, pytest.approx(0.8), 0.1, pytest.approx(0.6))
    assert mean_appearance([Appearance(20, 0.9, None, 0.5)]).lpips is None


def test_an_object_is_drawn_alone_on_white():
    ball = Gaussians(
        means=torch.tensor([[0.0, 0.0, 2.0]]),
        quats=torch.tensor([[1.0, 0, 0, 0]]),
        log_scales=torch.full((1, 3), -2.0),
        logit_opacities=torch.tensor([9.0]),
        sh=torch.full((1, 1, 3), -1.7),
    )
    found = drawn(ball, VIEW, backend="cpu", antialiased=False)
    assert (found.image[0, 0] == 1).all()
    assert found.image[18, 24].max() < 0.1
    assert (drawn(ball, VIEW, background=(0.0, 0.0, 1.0), backend="cpu", antialiased=False).image[0, 0, :2] == 0).all()
