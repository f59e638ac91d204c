"""Codes trained along with a scene: gradients reach its geometry, rows and limits hold, a killed run loses nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.typed import typed
from splatsmith.gaussians import Gaussians
from splatsmith.render import render_view
from splatsmith.scenes.cameras import Camera, View
from splatsmith.scenes.points import Points
from splatsmith.scenes.prepared import PreparedScene, Split, read_image, read_prepared, write_prepared
from splatsmith.segment3d import identity, joint
from splatsmith.segment3d.config import GradisegConfig
from splatsmith.segment3d.joint import CODES, JointIdentities
from splatsmith.segment3d.methods import lift_while_training
from splatsmith.train import loop
from splatsmith.train.config import TrainConfig
from splatsmith.train.resume import Checkpoint

DEVICE = torch.device("cpu")
QUICK = {"max_gaussians": 150, "refine_every": 10, "grow_grad2d": 1e-4, "reset_every": 0, "sh_degree": 0}


@pytest.fixture(autouse=True)
def more_checkpoints(one_thread, monkeypatch):
    monkeypatch.setattr(loop, "BLOCK", 20)


@pytest.fixture(scope="module")
def scene(pair, tmp_path_factory) -> PreparedScene:
    """Photos of the two balls, in random colours; the first view is held out."""
    folder = tmp_path_factory.mktemp("pair") / "scene"
    (folder / "images").mkdir(parents=True)
    random = torch.Generator().manual_seed(1)
    coloured = replace(pair.gaussians, sh=torch.randn(120, 1, 3, generator=random))
    views = []
    for name, target in targets(pair).items():
        (fx, _, cx), (_, fy, cy), _ = target.camera.K.tolist()
        camera = Camera(target.camera.width, target.camera.height, fx, fy, cx, cy)
        view = View(name, folder / "images" / f"{name}.png", camera, target.camera.T_camera_world.double().numpy())
        image = render_view(coloured, view.camera, view.T_camera_world).image.clamp(0, 1)
        Image.fromarray((255 * image).round().byte().numpy()).save(view.image)
        views.append(view)
    points = Points(pair.gaussians.means.double().numpy(), np.full((120, 3), 128, np.uint8))
    names = [view.name for view in views]
    write_prepared(folder, PreparedScene(tuple(views), points, Split(tuple(names[1:]), tuple(names[:1]))), {})
    return read_prepared(folder)


def targets(pair) -> dict:
    return {f"{i}": target for i, target in enumerate(pair.targets)}


def known(pair) -> dict:
    """The label maps of most training views; one has none."""
    return {name: target for name, target in targets(pair).items() if name not in ("0", "3")}


def settings(steps: int = 60, train: dict | None = None, **given) -> tuple[GradisegConfig, TrainConfig]:
    """GradiSeg's schedule in few steps, with higher rates to match."""
    rates = {"code_rate": 2.5e-2, "classifier_rate": 5e-3, "growth": 0.05}
    config = GradisegConfig(**{"preset": "paper", "steps": steps, "train": QUICK | (train or {})} | rates | given)
    return config, config.training(backend="cpu")


def fitted(scene, pair, *arguments, checkpoint=None):
    return joint.fit(scene, known(pair), 3, *arguments, checkpoint=checkpoint)


def same(one, other) -> bool:
    tensors = [
        (*found.gaussians.columns.values(), found.codes, found.classifier.weight, found.classifier.bias, found.origin)
        for found in (one, other)
    ]
    return all(map(torch.equal, *tensors))


def test_the_published_schedule():
    config = GradisegConfig(preset="paper")
    training = config.training()
    assert (config.steps, training.steps, training.refine_stop) == (30_000, 30_000, 12_000)
    assert all(12_000 < step <= 15_000 for step in config.round_steps)
    assert [config.neighbours_at(step) for step in (0, 14_999, 15_000)] == ["knn", "knn", "literal"]
    assert (config.code_rate, config.classifier_rate, config.agreement, config.k) == (2.5e-3, 5e-4, 2.0, 5)


def test_the_schedule_stretches_with_the_steps():
    config = GradisegConfig(preset="paper", steps=300)
    assert (config.training().steps, config.training().refine_stop) == (300, 120)
    assert all(120 < step <= 150 for step in config.round_steps)


def test_it_finds_the_objects_and_learns_the_photos(pair, scene):
    config, training = settings(steps=400, train={"max_gaussians": 200})
    found = lift_while_training(scene, known(pair), 3, config, training)
    target = targets(pair)["0"]  # held out
    assert (found.draw(target.camera).argmax(dim=-1) == target.classes).float().mean() > 0.9
    nearest = torch.cdist(found.gaussians.means, pair.gaussians.means).argmin(dim=1)
    surely = found.pi.amax(dim=1) > 0.8
    likeliest = found.pi[:, 1:].argmax(dim=1) + 1
    assert surely.sum() > 50
    assert (likeliest == pair.truth[nearest])[surely].float().mean() > 0.85
    view = scene.test_views[0]
    photo = torch.from_numpy(read_image(view)).float() / 255
    image = render_view(found.gaussians, view.camera, view.T_camera_world).image
    assert (image - photo).abs().mean() < 0.05


def test_the_identity_loss_moves_geometry_and_counts_for_densification(pair):
    """Drawn codes of one view, by finite differences of the loss in opacity and position."""
    config, training = settings()
    companion = JointIdentities(targets(pair), 3, config, training, DEVICE)
    columns = companion.begin(pair.gaussians)

    def loss(**changed) -> float:
        moved = replace(pair.gaussians, extra=columns, **changed)
        drawn = render_view(moved, camera, T, colors=columns[CODES]).image
        return identity.pixel_loss(drawn, companion.classifier, target.classes).item()

    target = pair.targets[1]
    K, T = target.camera.K, target.camera.T_camera_world
    camera = Camera(target.camera.width, target.camera.height, K[0, 0], K[1, 1], K[0, 2], K[1, 2])
    leaves = pair.gaussians.map(lambda column: column.clone().requires_grad_())
    codes = columns[CODES].clone().requires_grad_()
    before = {name: value.detach().clone() for name, value in vars(companion.classifier).items()}
    gradient = companion.descend(replace(leaves, extra={CODES: codes}), "1", step=1)  # a step without L_3d
    after = companion.classifier
    assert not torch.equal(before["weight"], after.weight)
    for name, value in before.items():  # as it was when it was differentiated
        getattr(after, name).data.copy_(value)
    for name in ("means", "logit_opacities", "log_scales"):
        grad = getattr(leaves, name).grad
        step = 1e-2 * grad / grad.norm()
        up, down = (loss(**{name: getattr(pair.gaussians, name) + sign * step}) for sign in (1, -1))
        assert (up - down) / 2 == pytest.approx(1e-2 * grad.norm().item(), rel=0.05), name
    assert leaves.sh.grad is None
    assert (gradient.norm(dim=1) > 0).sum() > 20
    assert codes.grad.norm() > 0


def test_the_3d_loss_leaves_geometry_alone(pair):
    config, training = settings()
    companion = JointIdentities({}, 3, config, training, DEVICE)
    leaves = replace(pair.gaussians, extra=companion.begin(pair.gaussians)).map(lambda c: c.clone().requires_grad_())
    assert companion.descend(leaves, "a view without a label map", step=5) is None
    assert leaves.extra[CODES].grad.norm() > 0
    assert leaves.means.grad is leaves.logit_opacities.grad is None


@pytest.mark.parametrize("neighbours", ["knn", "literal", "look-ahead"])
@pytest.mark.parametrize("boundaries", ["none", "lite", "moments", "random"])
def test_each_module_can_be_switched_and_the_limit_holds(pair, scene, neighbours, boundaries):
    found = fitted(scene, pair, *settings(neighbours=neighbours, boundaries=boundaries))
    assert len(found.gaussians) == len(found.codes) == len(found.origin) <= QUICK["max_gaussians"]
    assert (len(found.origin) > len(found.origin.unique())) == (boundaries != "none")
    assert not found.gaussians.extra
    torch.testing.assert_close(found.probabilities.sum(dim=1), torch.ones(len(found.codes)))


def test_the_halves_of_a_cut_get_codes_of_their_own_class(pair):
    config, training = settings(boundaries="moments", growth=0.2)
    companion = JointIdentities(targets(pair), 3, config, training, DEVICE)
    companion.begin(pair.gaussians)
    known_codes = torch.nn.functional.one_hot(pair.truth, identity.DIMENSIONS).float()
    rows = companion.refine(replace(pair.gaussians, extra={CODES: known_codes}), min(config.round_steps))
    halves = rows.gaussians.extra[CODES][rows.fresh].argmax(dim=1).view(2, -1)
    assert halves.shape[1] > 5
    assert (halves[0] != halves[1]).all()
    assert torch.equal(rows.gaussians.extra[CODES][~rows.fresh], known_codes[rows.origin[~rows.fresh]])


@pytest.mark.parametrize("at", [21, 35, 59])
def test_a_run_that_is_cut_off_and_resumed_ends_with_the_same_bits(pair, scene, tmp_path, monkeypatch, at):
    """Cut off in the middle of densification, of rounds at boundaries, and at the end."""
    setting = settings(neighbours="look-ahead", rounds=(0.5, 0.55, 0.7), boundaries="moments")
    straight = fitted(scene, pair, *setting)
    assert len(straight.origin.unique()) < len(straight.origin)
    refine = JointIdentities.refine

    def cut_off(self, gaussians: Gaussians, step: int):
        if step == at:
            raise KeyboardInterrupt
        return refine(self, gaussians, step)

    checkpoint = Checkpoint(tmp_path, "key")
    monkeypatch.setattr(loop.time, "monotonic", iter(range(0, 10**6, 60)).__next__)  # a checkpoint after every block
    monkeypatch.setattr(JointIdentities, "refine", cut_off)
    with pytest.raises(KeyboardInterrupt):
        fitted(scene, pair, *setting, checkpoint=checkpoint)
    monkeypatch.setattr(JointIdentities, "refine", refine)
    assert checkpoint.load(DEVICE)[0]["step"] == at // 20 * 20
    assert same(straight, fitted(scene, pair, *setting, checkpoint=checkpoint))


def test_another_seed_is_another_run(pair, scene):
    one, again, other = (fitted(scene, pair, *settings(steps=20, seed=seed)) for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize(("key", "word"), [("max_gausians", "max_gaussians"), ("steps", "outside of `train`")])
def test_wrong_settings_of_the_training_are_told(key, word):
    with pytest.raises(InputError, match="train") as caught:
        typed(GradisegConfig, {"preset": "paper", "train": {key: 7}}, "config")
    assert word in str(caught.value)
