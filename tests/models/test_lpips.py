"""LPIPS: that of its authors, a distance, and only with the weights of its authors."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from splatsmith.base.errors import InputError
from splatsmith.models.lpips import SMALLEST, Lpips, convert, shapes


@pytest.fixture(scope="module")
def lpips(checkpoint) -> Lpips:
    return Lpips(checkpoint("lpips"))


@pytest.fixture(scope="module")
def pictures(reference) -> list[torch.Tensor]:
    """Three pictures of 48x70 pixels, in [0, 1]."""
    return [torch.from_numpy(reference.picture(48, 70, seed)).float() / 255 for seed in range(3)]


def torchvision_s_features() -> nn.Sequential:
    """AlexNet's, as torchvision numbers its layers."""
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )


@torch.no_grad()
def by_the_book(tensors: dict[str, torch.Tensor], a: torch.Tensor, b: torch.Tensor) -> float:
    """Zhang et al. 2018, equation 1, pixel by pixel in doubles."""
    features = torchvision_s_features().double()
    prefix = "features."
    own = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
    features.load_state_dict(own)
    x = torch.stack([2 * picture.double() - 1 for picture in (a, b)])
    x = (x - torch.tensor([-0.030, -0.088, -0.188])) / torch.tensor([0.458, 0.448, 0.450])
    x, total, head = x.permute(0, 3, 1, 2), 0.0, 0
    for layer in features[:-1]:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            unit = x / x.square().sum(1, keepdim=True).sqrt().clamp(min=1e-30)
            squares = (unit[0] - unit[1]).square()
            weight = tensors[f"lin{head}.model.1.weight"].double().reshape(-1, 1, 1)
            total, head = total + (weight * squares).sum(0).mean(), head + 1
    return float(total)


def test_it_is_what_the_paper_says(lpips, pictures, checkpoint):
    tensors = load_file(checkpoint("lpips").weights[0])
    for a, b in ((0, 1), (1, 2), (2, 0)):
        expected = by_the_book(tensors, pictures[a], pictures[b])
        assert expected > 0.01
        assert lpips.distance(pictures[a], pictures[b]) == pytest.approx(expected, rel=1e-4)


def test_it_is_a_distance(lpips, pictures):
    a, b, _ = pictures
    assert lpips.distance(a, a) == 0
    assert lpips.distance(a, b) == pytest.approx(lpips.distance(b, a), rel=1e-6)
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    farther = [lpips.distance(a, (a + strength * noise).clamp(0, 1)) for strength in (0.02, 0.1, 0.4)]
    assert 0 < farther[0] < farther[1] < farther[2]


def test_the_smallest_picture_that_it_takes(lpips):
    """What is one pixel smaller has no pixel left in the last features."""
    for side, taken in ((SMALLEST, True), (SMALLEST - 1, False)):
        picture = torch.rand(side, 200, 3, generator=torch.Generator().manual_seed(side))
        assert lpips.takes(picture) is lpips.takes(picture.movedim(0, 1)) is taken
        if taken:
            assert lpips.distance(picture, 1 - picture) > 0
        else:
            with pytest.raises(RuntimeError):
                by_the_book({name: torch.zeros(shape) for name, shape in shapes().items()}, picture, picture)
            with pytest.raises(ValueError, match="from 31 pixels"):
                lpips.distance(picture, picture)


def test_pictures_of_two_sizes_are_not_compared(lpips, pictures):
    with pytest.raises(ValueError, match="two pictures of one size"):
        lpips.distance(pictures[0], pictures[0][1:])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: tensors.pop("lin2.model.1.weight"), "missing: lin2.model.1.weight"),
        (lambda tensors: tensors.update(x=torch.zeros(1)), "unexpected: x"),
        (lambda tensors: tensors.update({"features.3.bias": torch.zeros(7)}), "of another shape: features.3.bias"),
    ],
    ids=["missing", "unexpected", "misshapen"],
)
def test_weights_that_do_not_fit_are_named(broken, change, told):
    with pytest.raises(InputError) as error:
        Lpips(broken("lpips", change))
    (problem,) = error.value.problems
    assert (problem.what, problem.got) == ("the weights of `lpips` do not fit the model", told)


def test_a_damaged_file_is_told(broken):
    found = broken("lpips", lambda tensors: None)
    found.weights[0].write_bytes(found.weights[0].read_bytes()[:1000])
    with pytest.raises(InputError, match="the weights of `lpips` do not fit the model"):
        Lpips(found)


def test_a_device_that_is_not_there_is_told(checkpoint):
    with pytest.raises(InputError, match="device"):
        Lpips(checkpoint("lpips"), device="no such device")


def test_the_published_files_become_the_one_that_is_read(tmp_path, checkpoint):
    """AlexNet's classifier is left out."""
    tensors = load_file(checkpoint("lpips").weights[0])
    heads = {name: tensor for name, tensor in tensors.items() if name.startswith("lin")}
    alexnet = {name: tensor for name, tensor in tensors.items() if name not in heads}
    torch.save(alexnet | {"classifier.6.bias": torch.zeros(1000)}, tmp_path / "alexnet.pth")
    torch.save(heads, tmp_path / "alex.pth")
    made = tmp_path / "models" / "lpips" / "model.safetensors"
    convert(tmp_path / "alexnet.pth", tmp_path / "alex.pth", made)
    got = load_file(made)
    assert got.keys() == tensors.keys()
    assert all(torch.equal(got[name], tensors[name]) for name in tensors)
