"""Stage segment_3d: scores of every Gaussian keyed to a PLY, soft maps of held-out views, and nothing else changed."""

import json

import numpy as np
import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.scenes.label_maps import Entry, Legend, read_legend, read_soft_map, write_label_map, write_legend
from splatsmith.scenes.prepared import read_prepared
from splatsmith.segment3d.config import GradisegConfig, SparseIdConfig
from splatsmith.segment3d.joint import JointIdentities
from splatsmith.segment3d.scores import read_scores
from splatsmith.segment3d.targets import Camera, Still, drawn_probabilities
from splatsmith.stages import segment_3d
from splatsmith.stages.segment_3d import Config, Inputs, Outputs
from splatsmith.train import loop

VIEWS = [f"{i:04}" for i in range(8)]
LEGEND = Legend(entries=(Entry(id=1, name="top"), Entry(id=700, name="bottom")))


def blobs() -> tuple[Gaussians, torch.Tensor]:
    """Two heaps, one above the other, and the class of each Gaussian."""
    random = torch.Generator().manual_seed(0)
    means = 0.2 * torch.randn(60, 3, generator=random)
    truth = torch.arange(60) % 2 + 1
    means[:, 2] += torch.where(truth == 1, 0.4, -0.4)
    return Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(60, 1),
        log_scales=torch.full((60, 3), -1.9),
        logit_opacities=torch.full((60,), 3.0),
        sh=torch.randn(60, 4, 3, generator=random),
    ), truth


@pytest.fixture
def inputs(tmp_path, prepared) -> Inputs:
    """A scene with label maps drawn from the truth; the last view's map is one that was rendered, and wrong."""
    given = Inputs(tmp_path / "fox" / "scene", tmp_path / "fox" / "point_cloud.ply", tmp_path / "fox" / "masks")
    prepared(given.scene, VIEWS, VIEWS[:2])
    gaussians, truth = blobs()
    write_ply(given.gaussians, gaussians)
    still, pi = Still.of(gaussians, backend="cpu"), torch.nn.functional.one_hot(truth, 3).float()
    for view in read_prepared(given.scene).views:
        labels = drawn_probabilities(still, pi, Camera.of(view, torch.device("cpu"))).argmax(dim=-1).numpy()
        rendered = view.name == VIEWS[-1]
        write_label_map(
            given.masks / f"{view.name}.png", np.full_like(labels, 1) if rendered else np.array([0, 1, 700])[labels]
        )
    write_legend(given.masks / "legend.json", LEGEND)
    origins = {name: {"origin": "rendered" if name == VIEWS[-1] else "given", "flags": []} for name in VIEWS}
    (given.masks / "views.json").write_text(json.dumps(origins))
    (given.masks / "manifest.json").write_text("{}")
    return given


def segment(inputs: Inputs, **settings):
    config = Config(**{"backend": "cpu", "gradiseg": GradisegConfig(steps=60)} | settings)
    outputs = Outputs(inputs.scene.parent / "segmentation" / config.methods[0])
    segment_3d.main(config, inputs, outputs, threads=1)
    return outputs.folder


@pytest.mark.parametrize("method", segment_3d.METHODS)
def test_the_folder_is_complete_and_says_what_is_true(inputs, method):
    folder = segment(inputs, methods=(method,))
    listed = json.loads((folder / "manifest.json").read_text())
    assert set(listed) == {"point_cloud.ply", "scores.npz", "legend.json", "metrics.json"} | {
        f"maps/{name}.npz" for name in VIEWS[:2]
    }
    assert all(sha256_of(folder / name) == digest for name, digest in listed.items())
    assert read_legend(folder / "legend.json") == LEGEND
    scores = read_scores(folder / "scores.npz", folder / "point_cloud.ply")
    truth = blobs()[1].numpy()
    labels = scores.labels(0.0)
    if len(labels) == 60:
        seen = labels > 0
        assert seen.sum() > 30
        assert (labels[seen] == np.array([0, 1, 700])[truth[seen]]).mean() > 0.9
    ids, probabilities = read_soft_map(folder / "maps" / f"{VIEWS[0]}.npz")
    assert ids.shape == probabilities.shape == (30, 40, 3)
    assert set(np.unique(ids)) == {0, 1, 700}
    stage = json.loads((folder / "stage.json").read_text())
    assert (stage["status"], stage["metrics"]["method"]) == ("ok", method)


def test_votes_leave_the_scene_as_it_is(inputs):
    folder = segment(inputs, methods=("votes",))
    assert sha256_of(folder / "point_cloud.ply") == sha256_of(inputs.gaussians)
    assert json.loads((folder / "metrics.json").read_text())["psnr_change_db"] == 0


def test_what_was_not_cut_keeps_its_bytes(inputs):
    folder = segment(inputs, methods=("sparse-id",), sparse_id=SparseIdConfig(rounds=1, growth=0.2))
    before, after = read_ply(inputs.gaussians), read_ply(folder / "point_cloud.ply")
    told = json.loads((folder / "metrics.json").read_text())
    assert len(after) == len(before) + told["cut"]
    kept = after.means[: len(after) - 2 * told["cut"]]
    assert told["cut"] == 0 or len(kept) < len(before)
    assert all((before.means == row).all(dim=1).any() for row in kept)


def test_gradiseg_s_own_schedule_trains_the_scene_anew(inputs, capsys):
    paper = GradisegConfig(preset="paper", steps=40, train={"sh_degree": 1, "reset_every": 0})
    folder = segment(inputs, methods=("gradiseg",), gradiseg=paper)
    gaussians = read_ply(folder / "point_cloud.ply")
    assert gaussians.sh_degree == 1
    assert not gaussians.extra
    assert len(read_scores(folder / "scores.npz", folder / "point_cloud.ply")) == len(gaussians)
    told = json.loads((folder / "metrics.json").read_text())
    assert told["psnr_change_db"] == pytest.approx(told["psnr_db"] - told["psnr_before_db"], abs=2e-4)
    assert told["psnr_change_db"] != 0
    assert "anew" in capsys.readouterr().out
    assert not (folder / "checkpoint.pt").exists()


def test_a_training_that_was_killed_goes_on_where_it_was(inputs, capsys, monkeypatch):
    settings = {"methods": ("gradiseg",), "gradiseg": GradisegConfig(preset="paper", steps=60)}
    monkeypatch.setattr(loop, "BLOCK", 20)
    monkeypatch.setattr(loop.time, "monotonic", iter(range(0, 10**6, 60)).__next__)  # a checkpoint after every block
    with monkeypatch.context() as patched:
        patched.setattr(JointIdentities, "refine", lambda self, gaussians, step: 1 // (step < 50) and None)
        with pytest.raises(ZeroDivisionError):
            segment(inputs, **settings)
    assert segment(inputs, **settings).joinpath("manifest.json").exists()
    assert "resuming from step 40" in capsys.readouterr().out


def test_a_map_that_was_only_rendered_does_not_count(inputs):
    first = segment(inputs, methods=("votes",))
    scores = (first / "scores.npz").read_bytes()
    write_label_map(inputs.masks / f"{VIEWS[-1]}.png", np.zeros((30, 40), np.uint16))
    assert (segment(inputs, methods=("votes",)) / "scores.npz").read_bytes() == scores


def test_settings_of_other_methods_are_not_among_a_method_s_own():
    changed = Config(gradiseg=GradisegConfig(steps=7), methods=("votes", "gradiseg"))
    assert changed.only("votes") == Config(methods=("votes",))
    assert changed.only("gradiseg").gradiseg.steps == 7


def test_without_any_mask_it_is_told_what_to_do(inputs):
    for name in VIEWS:
        write_label_map(inputs.masks / f"{name}.png", np.zeros((30, 40), np.uint16))
    write_legend(inputs.masks / "legend.json", Legend(rest="unknown", entries=LEGEND.entries))
    with pytest.raises(InputError, match="no training view shows any object"):
        segment(inputs)
    assert not (inputs.scene.parent / "segmentation" / "sparse-id" / "manifest.json").exists()


def test_a_label_map_of_another_size_is_an_input_error(inputs):
    write_label_map(inputs.masks / f"{VIEWS[3]}.png", np.zeros((9, 9), np.uint16))
    with pytest.raises(InputError, match="40x30 pixels"):
        segment(inputs)


def test_incomplete_label_maps_are_an_input_error(inputs):
    (inputs.masks / "views.json").unlink()
    with pytest.raises(InputError, match="incomplete"):
        segment(inputs)
