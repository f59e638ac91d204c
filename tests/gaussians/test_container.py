"""The container refuses what does not fit together, and carries what it holds."""

import pytest
import torch

from splatsmith.gaussians import Gaussians


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("means", (4, 3), "Gaussians.quats: expected shape (4, 4), got (5, 4)"),
        ("quats", (5, 3), "Gaussians.quats: expected shape (5, 4), got (5, 3)"),
        ("log_scales", (5, 2), "Gaussians.log_scales: expected shape (5, 3), got (5, 2)"),
        ("logit_opacities", (5, 1), "Gaussians.logit_opacities: expected shape (5,), got (5, 1)"),
        ("sh", (5, 2, 3), "Gaussians.sh: expected shape (5, 1|4|9|16, 3), got (5, 2, 3)"),
        ("extra", (4, 2), "Gaussians.extra['label']: expected (5,) or (5, C), got (4, 2)"),
    ],
)
def test_a_column_of_another_shape_is_refused(scene, name, shape, expected):
    columns = scene(5).columns
    wrong = {"extra": {"label": torch.zeros(shape)}} if name == "extra" else {name: torch.zeros(shape)}
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Gaussians(**{**columns, **wrong})
    assert str(error.value) == expected


def test_an_extra_column_cannot_take_a_core_name(scene):
    with pytest.raises(ValueError, match="the name belongs to a core column"):
        scene(5, sh=torch.zeros(5))


@pytest.mark.parametrize("degree", range(4))
def test_the_degree_is_that_of_the_coefficients(scene, degree):
    assert scene(2, degree=degree).sh_degree == degree
    assert scene(0, degree=degree).sh_degree == degree


def test_activations(scene):
    gaussians = scene(5, dtype=torch.float64)
    torch.testing.assert_close(gaussians.scales.log(), gaussians.log_scales)
    torch.testing.assert_close(torch.logit(gaussians.opacities), gaussians.logit_opacities)


def test_map_reaches_every_column(labelled, equal):
    gaussians = labelled(6)
    equal(gaussians.map(torch.clone), gaussians)
    backwards = torch.arange(5, -1, -1)
    turned = gaussians.map(lambda column: column[backwards])
    assert list(turned.columns) == list(gaussians.columns)
    assert turned.extra["id"].tolist() == [5, 4, 3, 2, 1, 0]
    equal(turned.map(lambda column: column[backwards]), gaussians)
