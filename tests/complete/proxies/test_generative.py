"""The best of what a tool generates is taken, in the scene where the tool says where; nothing unusable gets through."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from splatsmith.base.errors import InputError
from splatsmith.base.outcome import Unusable
from splatsmith.complete.observations import Observation
from splatsmith.complete.provenance import GIVEN
from splatsmith.complete.proxies.generative import CV_OF_P3D, Generative, cv_pose, p3d_points
from splatsmith.complete.proxies.request import ChosenView
from splatsmith.scenes.cameras import Camera, View

FAKES = Path(__file__).parents[2] / "models" / "tools" / "fakes.py"
CAMERA = Camera(60, 50, 70.0, 72.0, 31.0, 24.5)


@pytest.fixture(scope="module")
def fakes() -> SimpleNamespace:
    """Names defined by the fakes of the tools' packages."""
    return SimpleNamespace(**runpy.run_path(str(FAKES)))


@pytest.fixture(scope="module")
def pose() -> np.ndarray:
    """(4, 4). T_camera_world."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec([0.3, -1.1, 0.5]).as_matrix()
    T[:3, 3] = [0.4, -0.2, 3.0]
    return T


@pytest.fixture
def request_(tmp_path, pose) -> SimpleNamespace:
    """Two chosen views; what the better one shows is a tilted plane."""
    chosen = []
    for name in ("good", "other"):
        path = tmp_path / f"{name}.png"
        Image.new("RGBA", (20, 16), (200, 100, 50, 255)).save(path)
        chosen.append(ChosenView(name, path))
    image = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(image)
    mask = np.zeros((50, 60), bool)
    mask[10:40, 20:50] = True
    depth = np.where(mask, 2.5 + np.linspace(0, 0.5, 60), 0).astype(np.float32)
    views = [View(name, image, CAMERA, pose) for name in ("other", "good")]
    return SimpleNamespace(
        chosen=chosen, observations=[Observation(view, mask, np.zeros_like(mask), depth) for view in views]
    )


@pytest.fixture
def generator(tmp_path, fakes, monkeypatch) -> Callable[..., Generative]:
    """A generator over a stand-in; by default the candidate of the highest seed is the best."""

    def make(name: str, seeds: list[int], score=lambda proxy, _: float(proxy.gaussians.sh[0, 0, 0]), **settings):
        place = fakes.set_up(name, tmp_path, monkeypatch).with_settings(**settings)
        return Generative(place.find(), tmp_path / "proxy", seeds, score)

    return make


def width(proxy) -> float:
    return float(np.ptp(proxy.gaussians.means[:, 0].numpy()))


def test_candidates_come_from_the_best_view_and_from_all_for_each_seed(generator, request_):
    proxy = generator("trellis", [1, 2]).generate(request_)
    assert proxy.facts["scores"].keys() == {"single-1", "multi-1", "single-2", "multi-2"}
    assert proxy.facts["candidate"] == "single-2"  # the first of equals
    assert (proxy.kind, proxy.aligned, proxy.facts["failed"]) == ("generative", False, {})
    assert proxy.up.tolist() == [0, 0, 1]
    assert (proxy.gaussians.extra["provenance"] == GIVEN).all()
    assert width(proxy) <= 1


def test_whoever_calls_says_what_is_best(generator, request_):
    widest = generator("trellis", [1, 2], lambda proxy, _: width(proxy)).generate(request_)
    assert widest.facts["candidate"].startswith("multi-")
    assert width(widest) > 1  # as the stand-in makes it of two pictures
    request_.chosen = request_.chosen[:1]
    alone = generator("trellis", [1, 2]).generate(request_)
    assert alone.facts["scores"].keys() == {"single-1", "single-2"}


def test_the_object_of_sam3d_stands_where_it_was_seen(generator, request_, pose, tmp_path):
    proxy = generator("sam3d", [7]).generate(request_)
    p3d = np.load(tmp_path / "proxy" / "expected-7.npy")
    world = (p3d @ CV_OF_P3D - pose[:3, 3]) @ pose[:3, :3]
    assert np.allclose(proxy.gaussians.means.numpy(), world, atol=1e-5)
    assert proxy.aligned
    # lifted once more from the depth, as every other stage does
    seen = request_.observations[1]
    v, u = np.nonzero(seen.mask)
    z = seen.depth[v, u]
    points = np.stack([(u + 0.5 - CAMERA.cx) / CAMERA.fx * z, (v + 0.5 - CAMERA.cy) / CAMERA.fy * z, z], axis=1)
    middle = (points.mean(axis=0) - pose[:3, 3]) @ pose[:3, :3]
    assert np.linalg.norm(proxy.gaussians.means.double().numpy().mean(axis=0) - middle) < 0.03
    assert proxy.gaussians.scales.max() == pytest.approx(0.3 * np.exp(-3), rel=1e-4)


def test_the_up_axis_of_sam3d_is_that_of_its_object_in_the_world(generator, request_, pose):
    proxy = generator("sam3d", [0]).generate(request_)  # the stand-in does not turn this one
    assert np.allclose(proxy.up, pose[:3, :3].T @ [0, 0, 1])


def test_points_are_those_that_the_pixels_show(request_):
    seen = request_.observations[0]
    points = p3d_points(seen)
    assert np.isnan(points[~seen.mask]).all()
    x, y, z = (points[20, 40] * [-1, -1, 1]).astype(np.float64)
    assert (CAMERA.fx * x / z + CAMERA.cx, CAMERA.fy * y / z + CAMERA.cy) == pytest.approx((40.5, 20.5), abs=1e-4)
    assert z == pytest.approx(seen.depth[20, 40])


FACTS = {"rotation": [1, 0, 0, 0], "translation": [0.0, 0, 1], "scale": [2.0, 2, 2]}


def test_a_pose_without_turn_only_changes_the_axes():
    assert np.allclose(cv_pose(FACTS), [[-2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 2, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotation": [0, 0, 0, 0]},
        {"rotation": [1, 0, 0]},
        {"translation": [0, float("nan"), 0]},
        {"scale": [1, 2, 1]},
        {"scale": [-1, -1, -1]},
        {"scale": None},
        {"scale": "large"},
    ],
)
def test_a_pose_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError):  # noqa: PT011  each has words of its own
        cv_pose(FACTS | wrong)


def test_what_is_unusable_is_left_out_and_told(generator, request_, fakes):
    seeds = [fakes.CUT, fakes.NAN, fakes.EMPTY, fakes.HUGE, fakes.RAISE, 3]
    request_.chosen = request_.chosen[:1]
    proxy = generator("trellis", seeds).generate(request_)
    assert proxy.facts["candidate"] == "single-3"
    failed = {int(name.removeprefix("single-")): reason for name, reason in proxy.facts["failed"].items()}
    assert "disagree on the number of rows" in failed[fakes.CUT]
    assert "NaN or infinite" in failed[fakes.NAN]
    assert "5 Gaussians" in failed[fakes.EMPTY]
    assert "further than" in failed[fakes.HUGE]
    assert "CUDA out of memory" in failed[fakes.RAISE]
    assert torch.isfinite(proxy.gaussians.means).all()


def test_where_nothing_is_usable_the_object_is(generator, request_, fakes):
    with pytest.raises(Unusable, match=r"single-15: trellis wrote a file that cannot be used.*; multi-15: "):
        generator("trellis", [fakes.CUT]).generate(request_)
    with pytest.raises(Unusable, match=r"trellis ended with status 139, without a response; see .*tool\.log"):
        generator("trellis", [fakes.CRASH]).generate(request_)
    with pytest.raises(Unusable, match="sam3d took longer than 1.5 s"):
        generator("sam3d", [fakes.HANG], timeout_s=1.5).generate(request_)


def test_a_candidate_that_cannot_be_scored_is_left_out(generator, request_):
    def score(proxy, _) -> float:
        if proxy.gaussians.sh[0, 0, 0] > 0.15:
            raise Unusable("it cannot be aligned")
        return 1.0

    proxy = generator("trellis", [1, 2], score).generate(request_)
    assert proxy.facts["candidate"] == "single-1"
    assert proxy.facts["failed"] == {"single-2": "it cannot be aligned", "multi-2": "it cannot be aligned"}


def test_a_request_that_shows_nothing(generator, request_):
    request_.chosen[0].rgba.write_bytes(b"no picture")
    with pytest.raises(InputError, match="a picture cannot be read"):
        generator("trellis", [1]).generate(request_)
    request_.chosen = [ChosenView("held out", Path())]
    with pytest.raises(Unusable, match="the view held out may not be looked at"):
        generator("sam3d", [1]).generate(request_)
    request_.chosen = []
    with pytest.raises(Unusable, match="no view to show"):
        generator("sam3d", [1]).generate(request_)
