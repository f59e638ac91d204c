"""Laws of exposure compensation: neutral at first, neutral on the mean, and it does undo a change of exposure."""

import pytest
import torch

from splatsmith.train.exposure import Exposure

CPU = torch.device("cpu")


def test_it_begins_neutral():
    image = torch.rand(5, 6, 3)
    assert torch.equal(Exposure(3, 100, CPU).apply(image, 1), image)


def test_it_is_the_affine_map_of_its_view():
    exposure = Exposure(2, 100, CPU)
    affine = torch.arange(12.0).reshape(3, 4) / 10
    with torch.no_grad():
        exposure.affine[1] = affine
    color = torch.tensor([0.2, 0.5, 0.9])
    expected = affine[:, :3] @ color + affine[:, 3]
    torch.testing.assert_close(exposure.apply(color.expand(2, 2, 3), 1)[1, 0], expected)


def test_the_mean_stays_the_identity_so_that_held_out_views_need_nothing():
    exposure = Exposure(4, 100, CPU)
    for step in range(20):
        (exposure.apply(torch.rand(3, 3, 3), step % 4) ** 2).sum().backward()
        exposure.step(step)
    torch.testing.assert_close(exposure.affine.detach().mean(0), torch.eye(3, 4))


def test_it_undoes_exposures_that_differ():
    """Photos of one scene, half of them 1.3 times as bright as the mean, half of them 0.7 times."""
    scene = torch.rand(8, 8, 3, generator=torch.Generator().manual_seed(0))
    exposure, gains = Exposure(4, 800, CPU), [1.3, 0.7, 1.3, 0.7]
    for step in range(800):
        view = step % 4
        loss = ((exposure.apply(scene, view) - gains[view] * scene) ** 2).mean()
        loss.backward()
        exposure.step(step)
    for view, gain in enumerate(gains):
        torch.testing.assert_close(exposure.apply(scene, view).detach(), gain * scene, rtol=0, atol=0.02)


@pytest.mark.parametrize("steps", [0, 7])
def test_state_brings_everything_back(steps):
    one, other = Exposure(3, 50, CPU), Exposure(3, 50, CPU)
    images = torch.rand(20, 3, 3, 3)
    for step in range(steps):
        one.apply(images[step], step % 3).sum().backward()
        one.step(step)
    other.load({name: value.clone() for name, value in one.state().items()})
    for exposure in (one, other):
        exposure.apply(images[19], 2).sum().backward()
        exposure.step(steps)
    assert torch.equal(one.affine, other.affine)
