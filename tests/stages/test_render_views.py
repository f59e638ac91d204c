"""Stage render_views: complete, labelled, measured right, the same every time, and honest where nothing is held out."""

import json
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import correlate1d

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import write_ply
from splatsmith.render import render_view
from splatsmith.scenes.cameras_json import read_cameras_json
from splatsmith.scenes.prepared import read_image, read_prepared
from splatsmith.stages import render_views

NAMES = ["0001", "a view, with a space", "große Füchse 狐", 'quotes "&" <b>', "last"]
TEST = [NAMES[1], NAMES[2], NAMES[3]]
CONFIG = render_views.Config(backend="cpu", turntable_frames=6)
SCRIPT = Path(render_views.__file__).parents[3] / "workflow" / "scripts" / "render_views.py"


def blobs(count: int = 40, seed: int = 0) -> Gaussians:
    """Round, mostly opaque, coloured Gaussians within about 1 of the origin."""
    random = torch.Generator().manual_seed(seed)
    return Gaussians(
        means=0.4 * torch.randn(count, 3, generator=random),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(count, 1),
        log_scales=torch.full((count, 3), -1.8),
        logit_opacities=torch.full((count,), 3.0),
        sh=torch.randn(count, 4, 3, generator=random),
    )


def draw(results: Path, config=CONFIG, threads: int = 1) -> Path:
    outputs = render_views.Outputs(results / "renders")
    inputs = render_views.Inputs(results / "scene", results / "gaussians" / "point_cloud.ply")
    render_views.main(config, inputs, outputs, threads=threads)
    return outputs.folder


@pytest.fixture
def results(tmp_path, prepared):
    """Results of a scene in a path with a space, up to training."""
    folder = tmp_path / "my scene"
    prepared(folder / "scene", NAMES, TEST)
    write_ply(folder / "gaussians" / "point_cloud.ply", blobs())
    return folder


def listed(folder: Path) -> dict[str, str]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def record_of(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text(encoding="utf-8"))


def test_everything_is_there_and_in_the_manifest(results):
    folder = draw(results)
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert written - {"manifest.json", "stage.json"} == set(listed(folder))
    assert {name: sha256_of(folder / name) for name in listed(folder)} == listed(folder)
    assert {f"test/{name}.png" for name in TEST} | {f"depth/{name}.png" for name in TEST} < set(listed(folder))
    for name in listed(folder):
        if name.endswith((".png", ".jpg")):
            Image.open(folder / name).load()
    record = record_of(folder)
    assert (record["status"], record["reason"], record["backend"]) == ("ok", "", "cpu")
    assert record["metrics"]["psnr_db"] == metrics_of(folder)["mean"]["psnr_db"]


def ssim_oracle(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004 with an 11 x 11 Gaussian window of sigma 1.5 and zeros outside, from its definition."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(x):
        return correlate1d(correlate1d(x, window, 0, mode="constant"), window, 1, mode="constant")

    cov = mean(a * b) - mean(a) * mean(b)
    var_a, var_b = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2
    top = (2 * mean(a) * mean(b) + 0.01**2) * (2 * cov + 0.03**2)
    return float((top / ((mean(a) ** 2 + mean(b) ** 2 + 0.01**2) * (var_a + var_b + 0.03**2))).mean())


def test_figures_are_those_of_the_pictures(results):
    """The stage measures before rounding to bytes; from the written bytes the same must come out, nearly."""
    folder = draw(results)
    photos = {view.name: read_image(view) / 255 for view in read_prepared(results / "scene").views}
    views = metrics_of(folder)["views"]
    assert [view["name"] for view in views] == sorted(TEST)
    for view in views:
        render = np.asarray(Image.open(folder / view["render"])) / 255
        mse = ((render - photos[view["name"]]) ** 2).mean()
        assert view["psnr_db"] == pytest.approx(-10 * np.log10(mse), abs=0.01)
        assert view["ssim"] == pytest.approx(ssim_oracle(render, photos[view["name"]]), abs=0.002)
    for key in ("psnr_db", "ssim"):
        assert metrics_of(folder)["mean"][key] == pytest.approx(np.mean([view[key] for view in views]), abs=1e-4)


def test_a_render_equal_to_its_photo_is_measured_as_such(results):
    folder = draw(results)
    scene = read_prepared(results / "scene")
    for view in scene.test_views:  # photos that show exactly what the Gaussians show
        view.image.write_bytes((folder / f"test/{view.name}.png").read_bytes())
    for view in metrics_of(draw(results))["views"]:
        assert view["psnr_db"] > 55  # what rounding to bytes leaves
        assert view["ssim"] > 0.999


def test_depth_is_that_of_the_scene(results):
    """The cameras are 3 away from blobs that reach out to about 1."""
    for view in metrics_of(draw(results))["views"]:
        near, far = view["depths"]
        assert 1.5 < near < 3.2
        assert near < far < 4.5


def test_a_scene_of_nothing_is_background(results):
    write_ply(results / "gaussians" / "point_cloud.ply", blobs(0))
    folder = draw(results, render_views.Config(backend="cpu", turntable_frames=2, background=(1.0, 0.0, 0.2)))
    assert (np.asarray(Image.open(folder / "test" / f"{TEST[0]}.png")) == (255, 0, 51)).all()
    assert metrics_of(folder)["views"][0]["depths"] is None
    assert metrics_of(folder)["gaussians"] == 0


def test_the_video_shows_what_its_cameras_see(results):
    folder = draw(results)
    told = metrics_of(folder)["turntable"]
    cameras = read_cameras_json(folder / "turntable.json")
    assert told == {"kind": "circle", "span_deg": 360.0, "width": 40, "height": 30, "frames": 6, "fps": 24.0}
    reader = imageio_ffmpeg.read_frames(str(folder / "turntable.mp4"))
    assert next(reader)["size"] == (40, 30)
    frames = [np.frombuffer(frame, np.uint8).reshape(30, 40, 3) for frame in reader]
    assert len(frames) == len(cameras) == 6
    drawn = [render_view(blobs(), posed.camera, posed.T_camera_world).image.clamp(0, 1).numpy() for posed in cameras]
    errors = np.array([[np.abs(255 * image - frame).mean() for image in drawn] for frame in frames])
    assert errors.argmin(axis=1).tolist() == list(range(6))
    assert np.diag(errors).max() < 10  # chroma is halved, and H.264 is lossy
    poster = np.asarray(Image.open(folder / "turntable.png"))
    assert np.abs(255 * drawn[0] - poster).max() < 1


def test_cameras_come_back_and_supersplat_finds_where_they_look(results):
    """SuperSplat (file-handler.ts) takes `position`, and the third column of `rotation` as the direction of sight."""
    folder = draw(results)
    views = {view.name: view for view in read_prepared(results / "scene").views}
    posed = read_cameras_json(folder / "cameras.json")
    assert [entry.name for entry in posed] == sorted(TEST)
    for entry, raw in zip(posed, json.loads((folder / "cameras.json").read_text(encoding="utf-8")), strict=True):
        view = views[entry.name]
        assert entry.camera == view.camera
        np.testing.assert_allclose(entry.T_camera_world, view.T_camera_world, atol=1e-12)
        assert Path(folder / entry.image).is_file()
        assert {"id", "img_name", "width", "height", "position", "rotation", "fx", "fy"} <= set(raw)
        np.testing.assert_allclose(raw["position"], view.center)
        sight = np.array(raw["rotation"])[:, 2]
        np.testing.assert_allclose(sight, -view.center / np.linalg.norm(view.center), atol=1e-9)  # at the origin


def test_without_held_out_views_training_views_are_shown_and_named_so(tmp_path, prepared, capsys):
    names = [f"{i:03}" for i in range(20)]
    prepared(tmp_path / "scene", names, [])
    write_ply(tmp_path / "gaussians" / "point_cloud.ply", blobs())
    folder = draw(tmp_path)
    metrics, record = metrics_of(folder), record_of(folder)
    assert metrics["kind"] == "train"
    assert record["status"] == "ok"
    assert "no views are held out" in record["reason"] == metrics["reason"]
    assert record["reason"] in capsys.readouterr().out
    shown = [view["name"] for view in metrics["views"]]
    assert len(shown) == 8
    assert (shown[0], shown[-1]) == ("000", "019")
    assert {f"train/{name}.png" for name in shown} < set(listed(folder))
    assert not [name for name in listed(folder) if name.startswith("test/")]


def test_pictures_of_an_earlier_split_are_removed(results, prepared):
    draw(results)
    split = {"train": NAMES[1:], "test": NAMES[:1]}
    scene = results / "scene"
    (scene / "split.json").write_text(json.dumps(split))
    manifest = listed(scene) | {"split.json": sha256_of(scene / "split.json")}
    (scene / "manifest.json").write_text(json.dumps(manifest))
    folder = draw(results)
    assert [path.name for path in (folder / "test").iterdir()] == ["0001.png"]
    assert [path.name for path in (folder / "depth").iterdir()] == ["0001.png"]
    (scene / "split.json").write_text(json.dumps({"train": NAMES, "test": []}))
    (scene / "manifest.json").write_text(json.dumps(manifest | {"split.json": sha256_of(scene / "split.json")}))
    assert not (draw(results) / "test").exists()


def test_the_same_bytes_on_any_number_of_threads(results):
    assert listed(draw(results, threads=1)) == listed(draw(results, threads=3))


def test_inputs_are_left_as_they_are(results):
    inputs = [path for path in results.rglob("*") if path.is_file()]
    before = [sha256_of(path) for path in inputs]
    draw(results)
    assert [sha256_of(path) for path in inputs] == before


@pytest.mark.parametrize(
    "path", ["scene/manifest.json", "scene/cameras.json", "scene/images/0001.png", "gaussians/point_cloud.ply"]
)
def test_a_missing_input_is_named_and_leaves_no_manifest(results, path):
    draw(results)
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        draw(results)
    assert str(results / path) in str(error.value)
    assert not (results / "renders" / "manifest.json").exists()
    assert record_of(results / "renders")["status"] == "failed"
    assert str(results / path) in record_of(results / "renders")["reason"]


def test_the_script_refuses_unknown_keys(tmp_path):
    words = ["--scene", "s", "--gaussians", "g.ply", "--output", str(tmp_path / "o"), "--config", '{"frames": 3}']
    answer = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert answer.returncode == 1
    assert "unknown key `frames`" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "o").exists()
