"""Labels as spherical harmonics: what they show, their mean and variance over the views that see them."""

import numpy as np
import pytest
import torch

from splatsmith.gaussians.sh import evaluate
from splatsmith.segment3d.galp.coding import Codebook
from splatsmith.segment3d.galp.field import LabelField, directions
from splatsmith.segment3d.galp.outlook import Outlook
from splatsmith.segment3d.targets import Camera, Still, drawn_probabilities

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
CLASSES = 3


def field_of(degree: int, kind: str = "one-hot", n: int = 120, spread: float = 0.2) -> LabelField:
    """Random labels, which look different from every side."""
    random = torch.Generator().manual_seed(degree)
    codebook = Codebook.of(kind, CLASSES, CPU)
    constant, varying = (
        spread * torch.randn(n, bands, codebook.words.shape[1], generator=random)
        for bands in (1, (degree + 1) ** 2 - 1)
    )
    return LabelField(constant, varying, codebook)


def looking(pair) -> list[Camera]:
    return [target.camera for target in pair.targets]


@pytest.mark.parametrize("kind", ["one-hot", "paper"])
@pytest.mark.parametrize("degree", range(4))
def test_votes_start_labels_that_draw_what_the_votes_draw(pair, kind, degree):
    pi = torch.nn.functional.one_hot(pair.truth, CLASSES).float()
    field = LabelField.initial("votes", pi, degree, Codebook.of(kind, CLASSES, CPU))
    assert field.degree == degree
    for camera in looking(pair)[:2]:
        expected = drawn_probabilities(pair.still, pi, camera) @ field.codebook.words
        torch.testing.assert_close(field.drawn(pair.still, camera), expected, rtol=1e-3, atol=1e-4)


def test_a_gaussian_without_votes_is_of_no_class_more_than_of_another():
    field = LabelField.initial("votes", torch.zeros(4, CLASSES), 1, Codebook.of("one-hot", CLASSES, CPU))
    torch.testing.assert_close(field.seen_along(torch.eye(4, 3)), torch.full((4, CLASSES), 1 / 3))


def test_grey_labels_are_the_paper_s():
    field = LabelField.initial("grey", torch.zeros(4, CLASSES), 3, Codebook.of("paper", CLASSES, CPU))
    torch.testing.assert_close(field.seen_along(torch.eye(4, 3)), torch.full((4, 3), 0.641), rtol=1e-3, atol=0)


@pytest.mark.parametrize("degree", range(4))
def test_labels_are_the_spherical_harmonics_of_colours(degree):
    field, random = field_of(degree), torch.Generator().manual_seed(9)
    along = torch.nn.functional.normalize(torch.randn(120, 3, generator=random), dim=1)
    torch.testing.assert_close(field.seen_along(along), 0.5 + evaluate(field.coefficients, along))


@pytest.mark.parametrize("degree", range(4))
def test_without_varying_coefficients_any_degree_is_degree_0(pair, degree):
    plain = field_of(0)
    field = LabelField(plain.constant, torch.zeros(120, (degree + 1) ** 2 - 1, CLASSES), plain.codebook)
    camera = looking(pair)[0]
    assert torch.equal(field.drawn(pair.still, camera), plain.drawn(pair.still, camera))
    outlook = Outlook.of(pair.still, looking(pair), degree)
    assert (outlook.variance(field) == 0).all()
    torch.testing.assert_close(outlook.mean_label(field), 0.5 + 0.28209479 * plain.constant[:, 0])


@pytest.mark.parametrize("hidden_too", [False, True])
def test_moments_are_those_of_the_labels_that_the_views_see(pair, hidden_too):
    field, cameras = field_of(3), looking(pair)
    labels = torch.stack([field.seen_along(directions(pair.still.means, camera)) for camera in cameras])
    ones = torch.ones(40, 40, 1)
    weights = torch.stack([pair.still.accumulate(ones, camera)[:, 0] for camera in cameras])
    weights = torch.ones_like(weights) if hidden_too else weights
    seen = weights.sum(dim=0) > 0.1
    assert seen.sum() > 80
    share = (weights / weights.sum(dim=0).clamp(min=1e-9))[..., None]
    mean = (share * labels).sum(dim=0)
    variance = (share * (labels - mean).square()).sum(dim=(0, 2))
    outlook = Outlook.of(pair.still, cameras, 3, hidden_too=hidden_too)
    torch.testing.assert_close(outlook.mean_label(field)[seen], mean[seen], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(outlook.variance(field)[seen], variance[seen], rtol=1e-3, atol=1e-4)


def test_hidden_gaussians_are_not_seen(pair, round_blobs):
    shell = torch.nn.functional.normalize(torch.randn(400, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    still = Still.of(round_blobs(torch.cat([torch.zeros(1, 3), 0.8 * shell]), 0.2), backend="cpu")
    camera = looking(pair)
    assert not Outlook.of(still, camera, 1).seen[0]
    assert Outlook.of(still, camera, 1, hidden_too=True).seen[0]


def test_directions_point_from_the_camera_to_the_gaussian(pair):
    camera = looking(pair)[0]
    along = directions(pair.still.means, camera)
    in_camera = along @ camera.T_camera_world[:3, :3].T
    positions = pair.still.means @ camera.T_camera_world[:3, :3].T + camera.T_camera_world[:3, 3]
    torch.testing.assert_close(in_camera, positions / positions.norm(dim=1, keepdim=True))
    assert np.isclose(along.norm(dim=1), 1, atol=1e-5).all()
