"""Boxes: one box of an object in one view finds it in all views, whatever the order, and what is not shown is told."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.description import Object
from splatsmith.scenes.pictures import write_png
from splatsmith.scenes.points import no_points
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.split import Split
from splatsmith.segment2d.boxes import Boxes
from splatsmith.segment2d.masks import Found, Request

SIZE = (72, 96)
COLORS = torch.tensor([[0.45, 0.45, 0.45], [0.9, 0.15, 0.1], [0.1, 0.25, 0.9]])


def balls_on_a_floor() -> tuple[Gaussians, torch.Tensor]:
    """A red and a blue ball on a grey floor, and the class of each Gaussian: 0 floor, 1 red, 2 blue."""
    random = torch.Generator().manual_seed(0)
    shell = torch.nn.functional.normalize(torch.randn(500, 3, generator=random), dim=1) * 0.35
    floor = torch.rand(900, 3, generator=random) * 3.2 - 1.6
    floor[:, 2] = 0
    means = torch.cat(
        [floor, shell[:250] + torch.tensor([0.5, 0, 0.36]), shell[250:] + torch.tensor([-0.45, 0.2, 0.36])]
    )
    kind = torch.cat([torch.zeros(900), torch.ones(250), 2 * torch.ones(250)]).long()
    tint = COLORS[kind] + 0.04 * torch.randn(len(means), 3, generator=random)
    gaussians = Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(len(means), 1),
        log_scales=torch.full((len(means), 3), 0.055).log(),
        logit_opacities=torch.full((len(means),), 3.0),
        sh=rgb_to_dc(tint)[:, None],
    )
    return gaussians, kind


def pose(azimuth: float) -> np.ndarray:
    """T_camera_world of a camera 3 away that looks down on the middle; z is up."""
    eye = 3 * np.array([np.cos(azimuth) * 0.8, np.sin(azimuth) * 0.8, 0.6])
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    T[:3, 3] = -T[:3, :3] @ eye
    return T


@dataclass(frozen=True)
class Table:
    scene: PreparedScene
    gaussians: Gaussians
    truth: dict[str, np.ndarray]
    """(H, W) class of each pixel by view."""

    def box(self, view: str, kind: int) -> tuple[float, float, float, float]:
        rows, columns = np.nonzero(self.truth[view] == kind)
        return tuple(float(edge) for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))

    def find(self, *objects: Object, scene: PreparedScene | None = None) -> Found:
        return Boxes().find(Request(scene or self.scene, objects, self.gaussians, "cpu"))


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Table:
    folder = tmp_path_factory.mktemp("table")
    gaussians, kind = balls_on_a_floor()
    camera = Camera(SIZE[1], SIZE[0], 100.0, 100.0, SIZE[1] / 2, SIZE[0] / 2)
    features = torch.nn.functional.one_hot(kind, 3).float()
    views, truth = [], {}
    for i, azimuth in enumerate(np.linspace(0, 2 * np.pi, 7, endpoint=False)):
        view = View(f"v{i}", folder / f"v{i}.png", camera, pose(azimuth))
        image = render_view(gaussians, camera, view.T_camera_world).image
        write_png(view.image, (image.clamp(0, 1) * 255).round().byte().numpy())
        drawn = render_view(gaussians, camera, view.T_camera_world, colors=features)
        truth[view.name] = torch.where(drawn.alpha > 0.5, drawn.image.argmax(dim=2), 0).numpy()
        views.append(view)
    scene = PreparedScene(tuple(views), no_points(), Split(tuple(view.name for view in views), ()))
    return Table(scene, gaussians, truth)


def overlaps(table: Table, found: Found, names: dict[str, int]) -> dict[tuple[str, str], float]:
    """IoU of each object in each view that shows 20 pixels of it."""
    result = {}
    for view, masks in found.views:
        for name, kind in names.items():
            true = table.truth[view] == kind
            if true.sum() < 20:
                continue
            numbers = [i + 1 for i, mask in enumerate(masks.masks) if mask.object == name]
            mine = np.isin(masks.labels, numbers)
            result[view, name] = (mine & true).sum() / (mine | true).sum()
    return result


def test_one_box_each_finds_both_in_every_view(table):
    red = Object(name="red", boxes={"v1": table.box("v1", 1)})
    blue = Object(name="blue", boxes={"v3": table.box("v3", 2)})
    found = table.find(red, blue)
    result = overlaps(table, found, {"red": 1, "blue": 2})
    assert len(result) >= 12
    assert min(result.values()) > 0.75
    assert np.mean(list(result.values())) > 0.9
    assert (found.rest, found.missing) == ("background", {})


def test_points_are_enough_where_colours_differ(table):
    v, u = np.argwhere(table.truth["v1"] == 1).mean(axis=0)
    found = table.find(Object(name="red", points={"v1": ((u, v),)}))
    result = overlaps(table, found, {"red": 1})
    assert np.mean(list(result.values())) > 0.8


def test_the_order_of_views_and_of_objects_is_of_no_account(table):
    red = Object(name="red", boxes={"v1": table.box("v1", 1)})
    blue = Object(name="blue", boxes={"v3": table.box("v3", 2)})
    turned = replace(table.scene, views=table.scene.views[::-1])
    first = overlaps(table, table.find(red, blue), {"red": 1, "blue": 2})
    second = overlaps(table, table.find(blue, red, scene=turned), {"red": 1, "blue": 2})
    assert first.keys() == second.keys()
    assert all(abs(first[key] - second[key]) < 0.01 for key in first)


def test_the_same_input_gives_the_same_masks(table):
    red = Object(name="red", boxes={"v1": table.box("v1", 1)})
    first, second = (dict(table.find(red).views) for _ in range(2))
    assert all((first[name].labels == second[name].labels).all() for name in first)
    assert all(first[name].masks == second[name].masks for name in first)


def test_an_object_that_is_shown_nowhere_is_missing_and_stops_no_other(table):
    red = Object(name="red", boxes={"v1": table.box("v1", 1)})
    found = table.find(red, Object(name="ghost"))
    assert np.mean(list(overlaps(table, found, {"red": 1}).values())) > 0.9
    assert "neither a box nor a point" in found.missing["ghost"]


def test_without_any_box_it_is_told_how_to_give_one(table):
    with pytest.raises(InputError, match="no object has a box or a point"):
        table.find(Object(name="ghost"))
