"""Stage generate_proxy: a whole object beside those of other stages, or a reason why there is none."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from splatsmith.base.errors import InputError
from splatsmith.base.manifest import read_manifest
from splatsmith.base.outcome import Outcome, Unusable, read_outcome, write_outcome
from splatsmith.base.typed import typed
from splatsmith.complete.proxies import Proxy, sources
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.gaussians.sh import rgb_to_dc
from splatsmith.render import render_view
from splatsmith.scenes.label_maps import Entry, Legend, write_label_map, write_legend
from splatsmith.scenes.prepared import read_prepared
from splatsmith.stages import generate_proxy
from splatsmith.stages.generate_proxy import Config, Inputs, Outputs

NAMES = [f"v{i:02}" for i in range(12)]
LEGEND = Legend(entries=(Entry(id=1, name="ball"), Entry(id=2, name="ghost")))
SCRIPT = Path(generate_proxy.__file__).parents[3] / "workflow" / "scripts" / "generate_proxy.py"
FILES = {"generated.ply", "proxy.json", "contact.jpg", "outcome.json"}


def blobs(points: np.ndarray, sigma: float, rgb: tuple, label: int) -> Gaussians:
    n = len(points)
    return Gaussians(
        means=torch.from_numpy(points).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), float(np.log(sigma))),
        logit_opacities=torch.full((n,), 4.0),
        sh=rgb_to_dc(torch.tensor(rgb)).repeat(n, 1)[:, None],
        extra={"label": torch.full((n,), label, dtype=torch.uint16)},
    )


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """A coarser grid: the files are the same."""
    from splatsmith.complete.proxies.hullsym import grid

    patch = pytest.MonkeyPatch()
    patch.setattr(grid, "CELLS", 40)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def inputs(prepared, tmp_path_factory) -> Inputs:
    """A ball of which a third of the ring is held out. Not to be changed."""
    folder = tmp_path_factory.mktemp("results") / "fox"
    prepared(folder / "scene", NAMES, NAMES[4:8], width=64)
    i = np.arange(400) + 0.5
    z, angle = 1 - i / 200, i * np.pi * (3 - np.sqrt(5))
    ball = 0.4 * np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], 1)
    gaussians = blobs(ball, 0.03, (0.9, 0.2, 0.1), 1)
    write_ply(folder / "objects" / "point_cloud.ply", gaussians)
    write_legend(folder / "objects" / "legend.json", LEGEND)
    for view in read_prepared(folder / "scene").views:
        alpha = render_view(gaussians, view.camera, view.T_camera_world).alpha.numpy()
        write_label_map(folder / "masks" / f"{view.name}.png", (alpha > 0.5).astype(np.uint16))
    views = folder / "completion" / "ball" / "views"
    views.mkdir(parents=True)
    (views / "views.json").write_text(json.dumps({"views": [{"rank": 1, "name": "v00", "picture": "1_v00.png"}]}))
    write_outcome(views, Outcome())
    for place in ("masks", "objects"):
        (folder / place / "manifest.json").write_text("{}")
    return Inputs(folder / "scene", folder / "masks", folder / "objects", "ball", views)


def made(inputs: Inputs, folder: Path, config: Config | None = None, **changed) -> Path:
    generate_proxy.main(config or Config(), Inputs(**(vars(inputs) | changed)), Outputs(folder))
    return folder


@pytest.fixture(scope="module")
def proxy(inputs, tmp_path_factory) -> Path:
    """Results not to be changed."""
    return made(inputs, tmp_path_factory.mktemp("fox") / "proxy")


def told(folder: Path) -> dict:
    return json.loads((folder / "proxy.json").read_text())


def test_the_folder_is_complete_and_says_what_it_holds(proxy):
    assert set(read_manifest(proxy)) == FILES | {"mesh.ply"}
    assert {path.name for path in proxy.iterdir()} == FILES | {"mesh.ply", "manifest.json", "stage.json"}
    facts = told(proxy)
    assert (facts["kind"], facts["aligned"]) == ("visual_hull_sym", True)
    np.testing.assert_allclose(facts["up"], [0, 0, 1], atol=1e-6)
    assert read_outcome(proxy).status == "ok"
    stage = json.loads((proxy / "stage.json").read_text())
    assert (stage["stage"], stage["status"], stage["arguments"]["object"]) == ("generate_proxy", "ok", "ball")
    provenance = read_ply(proxy / "generated.ply").extra["provenance"]
    assert provenance.dtype == torch.uint8
    assert stage["metrics"]["gaussians"] == len(provenance)
    assert stage["metrics"]["observed"] == int((provenance == 1).sum())
    mesh = trimesh.load(proxy / "mesh.ply", process=False)
    assert mesh.is_watertight
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 0.4).max() < 0.2


def test_held_out_views_are_not_looked_at(inputs, proxy, tmp_path):
    """Whatever their masks say, the proxy is the same."""
    import shutil

    masks = tmp_path / "masks"
    shutil.copytree(inputs.masks, masks)
    for name in NAMES[4:8]:
        write_label_map(masks / f"{name}.png", np.ones((48, 64), np.uint16))
    again = made(inputs, tmp_path / "proxy", masks=masks)
    assert (again / "generated.ply").read_bytes() == (proxy / "generated.ply").read_bytes()


def test_a_file_of_the_user_is_taken_in_its_own_frame(inputs, tmp_path):
    box = trimesh.creation.box((1, 2, 3))
    box.export(tmp_path / "box.glb")
    folder = made(inputs, tmp_path / "proxy", file=tmp_path / "box.glb")
    assert set(read_manifest(folder)) == FILES | {"mesh.ply"}
    assert told(folder) == {"kind": "user", "aligned": False, "up": [0, 1, 0], "file": "box.glb", "form": "mesh"}
    gaussians = read_ply(folder / "generated.ply")
    assert (gaussians.extra["provenance"] == 0).all()
    np.testing.assert_allclose(gaussians.means.abs().amax(0).numpy(), [0.5, 1, 1.5], atol=0.03)


def test_a_file_needs_no_views(inputs, tmp_path):
    trimesh.creation.box().export(tmp_path / "box.obj")
    (tmp_path / "views").mkdir()
    write_outcome(tmp_path / "views", Outcome(status="failed", reason="no view shows it"))
    folder = made(inputs, tmp_path / "proxy", file=tmp_path / "box.obj", views=tmp_path / "views")
    assert read_outcome(folder).status == "ok"


def test_what_fails_leaves_a_reason_and_nothing_of_an_earlier_run(inputs, proxy, tmp_path):
    import shutil

    folder = tmp_path / "proxy"
    shutil.copytree(proxy, folder)
    made(inputs, folder, object="ghost")
    assert {path.name for path in folder.iterdir()} == {"outcome.json", "manifest.json", "stage.json"}
    assert read_outcome(folder) == Outcome(status="failed", reason="no Gaussian of the scene belongs to it")
    made(inputs, folder, object="teapot")  # of which the segmentation knows nothing
    assert read_outcome(folder).status == "failed"


def test_a_failure_of_an_earlier_stage_is_passed_on(inputs, tmp_path):
    (tmp_path / "views").mkdir()
    write_outcome(tmp_path / "views", Outcome(status="failed", reason="no view shows it"))
    folder = made(inputs, tmp_path / "proxy", views=tmp_path / "views")
    assert read_outcome(folder).reason == "select_views: no view shows it"


def test_other_packages_bring_generators(inputs, tmp_path, monkeypatch):
    class Twice:
        def generate(self, request) -> Proxy:
            assert [view.name for view in request.chosen] == ["v00"]
            if len(request.observations) != 8:
                raise Unusable("held-out views are shown")
            own = request.subject.observed
            extra = {"provenance": torch.zeros(len(own), dtype=torch.uint8)}
            return Proxy(
                Gaussians(own.means, own.quats, own.log_scales, own.logit_opacities, own.sh, extra), "theirs", True
            )

    monkeypatch.setattr(sources, "foreign_generator", lambda name: Twice())
    folder = made(inputs, tmp_path / "proxy", Config(kind="twice"))
    assert (told(folder)["kind"], told(folder)["up"]) == ("theirs", None)
    assert set(read_manifest(folder)) == FILES


@pytest.mark.parametrize(
    ("config", "changed", "message"),
    [
        ({"kind": "hullsim"}, {}, "there is no such generator of proxies"),
        ({"kind": "user"}, {}, "there is no file with the proxy"),
        ({"kind": "trellis"}, {}, "trellis"),
        ({}, {"views": Path("nowhere")}, "outcome of an earlier stage cannot be read"),
        ({}, {"file": Path("nowhere.glb")}, "the file cannot be read"),
    ],
)
def test_wrong_inputs_are_named(inputs, tmp_path, config, changed, message):
    with pytest.raises(InputError, match=message):
        made(inputs, tmp_path / "proxy", typed(Config, config, "config"), **changed)
    assert not (tmp_path / "proxy" / "manifest.json").exists()
    assert json.loads((tmp_path / "proxy" / "stage.json").read_text())["status"] == "failed"


def test_the_script_does_the_same(inputs, tmp_path):
    trimesh.creation.box().export(tmp_path / "box.obj")
    words = {"scene": inputs.scene, "masks": inputs.masks, "objects": inputs.objects, "object": "ball"}
    words |= {"views": inputs.views, "file": tmp_path / "box.obj", "output": tmp_path / "proxy", "threads": 1}
    command = [
        sys.executable,
        str(SCRIPT),
        *(word for key, value in words.items() for word in (f"--{key}", str(value))),
    ]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "proxy fox: ball: ok" in answer.stdout
    direct = made(inputs, tmp_path / "direct", file=tmp_path / "box.obj")
    assert (direct / "generated.ply").read_bytes() == (tmp_path / "proxy" / "generated.ply").read_bytes()
