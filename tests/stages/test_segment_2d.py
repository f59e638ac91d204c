"""Stage segment_2d: complete, the same every time, prompts in pixels of photos, and honest about what is missing."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import write_ply
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.render import render_view
from splatsmith.scenes.description import Object
from splatsmith.scenes.lens import Lens
from splatsmith.scenes.origins import Origin
from splatsmith.scenes.pictures import write_png
from splatsmith.scenes.prepared import read_prepared, write_prepared
from splatsmith.segment2d.masks import Found, Mask, ViewMasks
from splatsmith.segment2d.store import StoredMasks, read_raw
from splatsmith.stages import segment_2d

NAMES = ["0001", "a view, with a space", "große Füchse 狐", "0004", "0005", "last"]
TEST = [NAMES[1], NAMES[4]]
SIZE = (72, 96)
BOXES = segment_2d.Config(backend="cpu")
PROVIDED = segment_2d.Config(backend="cpu", source="provided")
SCRIPT = Path(segment_2d.__file__).parents[3] / "workflow" / "scripts" / "segment_2d.py"


def ball_on_a_floor() -> tuple[Gaussians, torch.Tensor]:
    """A red ball in the middle of a grey floor, and which Gaussians are the ball's."""
    random = torch.Generator().manual_seed(0)
    ball = torch.nn.functional.normalize(torch.randn(300, 3, generator=random), dim=1) * 0.4
    floor = torch.rand(700, 3, generator=random) * 2.4 - 1.2
    floor[:, 2] = -0.45
    own = torch.arange(1000) < 300
    tint = torch.where(own[:, None], torch.tensor([0.9, 0.1, 0.1]), torch.tensor([0.4, 0.45, 0.4]))
    gaussians = Gaussians(
        means=torch.cat([ball, floor]),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(1000, 1),
        log_scales=torch.full((1000, 3), 0.06).log(),
        logit_opacities=torch.full((1000,), 3.0),
        sh=rgb_to_dc(tint + 0.03 * torch.randn(1000, 3, generator=random))[:, None],
    )
    return gaussians, own


def true_mask(view) -> np.ndarray:
    gaussians, own = ball_on_a_floor()
    drawn = render_view(gaussians, view.camera, view.T_camera_world, colors=own.float()[:, None])
    return drawn.image[..., 0].numpy() > 0.5


def box_of(mask: np.ndarray, scale: float = 1.0) -> tuple[float, ...]:
    rows, columns = np.nonzero(mask)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return tuple(float(scale * edge) for edge in edges)


@pytest.fixture
def results(tmp_path, prepared):
    """Results of a scene up to the trained Gaussians, of photos twice as large as the prepared views."""
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, TEST, width=SIZE[1])
    scene = read_prepared(folder / "scene")
    gaussians, _ = ball_on_a_floor()
    origins = {}
    for view in scene.views:
        image = render_view(gaussians, view.camera, view.T_camera_world).image
        write_png(view.image, (image.clamp(0, 1) * 255).round().byte().numpy())
        camera = view.camera
        params = tuple(2 * value for value in (camera.fx, camera.fy, camera.cx, camera.cy))
        origins[view.name] = Origin(view.name, Lens("PINHOLE", 2 * camera.width, 2 * camera.height, params))
    write_prepared(folder / "scene", replace(scene, origins=origins), {})
    write_ply(folder / "gaussians" / "point_cloud.ply", gaussians)
    (tmp_path / "source").mkdir()
    return folder


def inputs_of(results: Path, objects: tuple[Object, ...], ply: bool = True) -> segment_2d.Inputs:
    gaussians = results / "gaussians" / "point_cloud.ply" if ply else None
    return segment_2d.Inputs(results / "scene", results.parent / "source", objects, gaussians, results / "models")


def run(results: Path, config, *objects: Object, ply: bool = True, threads: int = 1, into: str = "raw") -> StoredMasks:
    outputs = segment_2d.Outputs(results / "masks" / into)
    segment_2d.main(config, inputs_of(results, objects, ply), outputs, threads=threads)
    return read_raw(outputs.folder)


def ball(results: Path, **more) -> Object:
    """Shown by a box in pixels of a photo."""
    view = read_prepared(results / "scene").views[0]
    return Object(name="ball", prompt="red ball", boxes={view.name: box_of(true_mask(view), scale=2.0)}, **more)


def write_maps(results: Path, names=NAMES, number: int = 7) -> None:
    """Label maps as large as the photos, in the scene's own folder."""
    for view in read_prepared(results / "scene").views:
        if view.name in names:
            path = results.parent / "source" / "object_mask" / f"{view.name}.png"
            path.parent.mkdir(exist_ok=True)
            labels = (number * true_mask(view)).astype(np.uint16)
            Image.fromarray(labels.repeat(2, axis=0).repeat(2, axis=1)).save(path)


def record_of(results: Path, name: str = "raw") -> dict:
    return json.loads((results / "masks" / name / "stage.json").read_text(encoding="utf-8"))


def overlap(results: Path, stored: StoredMasks, name: str) -> list[float]:
    overlaps = []
    for view in read_prepared(results / "scene").views:
        masks, true = stored.of_view(view.name), true_mask(view)
        mine = np.isin(masks.labels, [i for i, mask in enumerate(masks.masks, 1) if mask.object == name])
        overlaps.append((mine & true).sum() / (mine | true).sum())
    return overlaps


def test_a_box_in_pixels_of_a_photo_finds_its_object_in_every_view(results):
    stored = run(results, BOXES, ball(results))
    assert min(overlap(results, stored, "ball")) > 0.9
    assert (stored.raw.source, stored.raw.missing) == ("boxes", {})
    record = record_of(results)
    assert (record["status"], record["reason"], record["backend"]) == ("ok", "", "cpu")
    assert record["metrics"]["masks"] == len(NAMES)


def test_everything_is_there_and_in_the_manifest(results):
    run(results, BOXES, ball(results))
    folder = results / "masks" / "raw"
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(listed) == {path.name for path in folder.iterdir()} - {"manifest.json", "stage.json"}
    assert listed == {name: sha256_of(folder / name) for name in listed}
    assert {f"{name}.png" for name in NAMES} | {"masks.json", "contact.jpg"} == set(listed)


def test_threads_do_not_change_the_masks(results):
    one, three = (run(results, BOXES, ball(results), threads=n, into=f"with {n}") for n in (1, 3))
    assert (one.folder / "manifest.json").read_bytes() == (three.folder / "manifest.json").read_bytes()


def test_the_script_does_what_the_function_does(results):
    stored = run(results, BOXES, ball(results))
    objects = json.dumps([ball(results).model_dump(mode="json")])
    command = [sys.executable, SCRIPT, "--scene", results / "scene", "--source", results.parent / "source"]
    command += ["--gaussians", results / "gaussians" / "point_cloud.ply", "--output", results / "masks" / "script"]
    command += ["--objects", objects, "--config", BOXES.model_dump_json(), "--threads", "1"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    again = results / "masks" / "script" / "manifest.json"
    assert again.read_bytes() == (stored.folder / "manifest.json").read_bytes()


def test_provided_masks_of_the_photos_reach_the_views_that_train(results):
    write_maps(results)
    stored = run(results, PROVIDED, Object(name="object-7"), ply=False)
    shares = dict(zip(sorted(NAMES), overlap(results, stored, "object-7"), strict=True))
    assert {name: shares[name] for name in TEST} == dict.fromkeys(TEST, 0.0)
    assert all(shares[name] > 0.97 for name in NAMES if name not in TEST)
    masks = {Path(name).name for name in record_of(results)["inputs"] if "object_mask" in name}
    assert masks == {f"{name}.png" for name in NAMES}


def test_an_object_that_nobody_shows_is_told_and_stops_no_other(results, capsys):
    stored = run(results, BOXES, Object(name="ghost"), ball(results))
    assert list(stored.raw.missing) == ["ghost"]
    assert min(overlap(results, stored, "ball")) > 0.9
    record = record_of(results)
    assert record["status"] == "degraded"
    assert "`ghost` was not found" in record["reason"]
    assert "`ghost` was not found" in capsys.readouterr().out


def test_an_object_that_one_view_alone_shows_is_told(results):
    write_maps(results, names=NAMES[:1])
    run(results, PROVIDED, Object(name="object-7"), ply=False)
    record = record_of(results)
    assert record["status"] == "degraded"
    assert "`object-7` has a mask in one view only" in record["reason"]


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (PROVIDED, "the scene has no folder of masks"),
        (segment_2d.Config(backend="cpu", source="box"), "there is no such mask source"),
        (segment_2d.Config(backend="cpu", source="sam3"), "the model `sam3` is not there"),
        (BOXES, "no object has a box or a point"),
    ],
    ids=["provided", "unknown", "sam3", "boxes"],
)
def test_a_source_that_cannot_work_says_why_and_leaves_no_masks(results, config, what):
    run(results, BOXES, ball(results))
    with pytest.raises(InputError) as error:
        run(results, config, Object(name="ghost"))
    assert error.value.problems[0].what == what
    assert (record_of(results)["status"], what in record_of(results)["reason"]) == ("failed", True)
    with pytest.raises(InputError, match="there are no masks yet"):
        read_raw(results / "masks" / "raw")


class Corner:
    """A source of another package: the upper left corner is the object that was asked for."""

    def find(self, request):
        labels = np.zeros(SIZE, np.uint16)
        labels[:9, :9] = 1
        masks = ViewMasks(labels, (Mask(object=request.objects[0].name, score=0.5),))
        return Found("unknown", ((view.name, masks) for view in request.scene.views), {})


def test_another_package_s_source_is_found_by_its_entry_point(results, monkeypatch):
    class Point:
        name = "corner"

        def load(self):
            return Corner

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Point()] if group == "splatsmith.mask_sources" else [])
    stored = run(results, segment_2d.Config(backend="cpu", source="corner"), Object(name="spot"))
    assert stored.raw.source == "corner"
    assert all(stored.of_view(name).labels[:9, :9].all() for name in NAMES)


def test_what_each_source_reads():
    shown, words = (Object(name="mug", boxes={"a": (1, 2, 3, 4)}),), (Object(name="mug"),)
    works = {
        source: [segment_2d.has_work(segment_2d.Config(source=source), objects) for objects in (shown, words, ())]
        for source in ("boxes", "provided", "sam", "grounded-sam2", "sam3", "mine")
    }
    assert works == {
        "boxes": [True, False, False],
        "provided": [True, True, True],
        "sam": [True, True, True],
        "grounded-sam2": [True, True, False],
        "sam3": [True, True, False],
        "mine": [True, True, False],
    }
    needs = [source for source in works if segment_2d.needs_gaussians(segment_2d.Config(source=source))]
    assert needs == ["boxes", "mine"]
