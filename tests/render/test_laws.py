"""What holds for every image, whatever the scene."""

import pytest
import torch

from splatsmith.gaussians.quaternions import rotation_matrices
from splatsmith.render import accumulate_weights

pytestmark = pytest.mark.parametrize(
    ("backend", "dtype", "tolerance"),
    [pytest.param("cpu", torch.float32, 2e-5, id="cpu"), pytest.param("oracle", torch.float64, 1e-10, id="oracle")],
)


def gaussians_of(lab, scene, dtype):
    return [getattr(scene, name).to(dtype) for name in lab.INPUTS[:4]]


def camera_of(scene):
    return {"T_camera_world": scene.T_camera_world, "K": scene.K}


def test_accumulate_weights_is_the_transpose(lab, backend, dtype, tolerance):
    """<weights, render(features)> = <accumulate(weights), features>, over a black background."""
    scene = lab.replace(lab.random_scene(0, channels=5, size=2.0), depth=False)
    scene = lab.replace(scene, background=torch.zeros(5, dtype=torch.float64))
    weights = torch.rand(scene.height, scene.width, 5, dtype=dtype)
    image = lab.draw(scene, backend, dtype=dtype).image
    carried = accumulate_weights(*gaussians_of(lab, scene, dtype), weights, **camera_of(scene), backend=backend)
    left, right = (image * weights).double().sum(), (carried * scene.colors).double().sum()
    scale = (image * weights).double().abs().sum()
    assert abs(left - right) <= tolerance * scale
    assert scale > 1


def test_weights_and_what_is_left_add_up_to_one(lab, backend, dtype, tolerance):
    """With colour 1 for all, the image is alpha; over a white background, it is white."""
    scene = lab.random_scene(1, channels=1, size=3.0)
    scene = lab.replace(scene, colors=torch.ones_like(scene.colors), background=torch.zeros(1, dtype=torch.float64))
    black = lab.draw(scene, backend, dtype=dtype)
    white = lab.draw(lab.replace(scene, background=torch.ones(1, dtype=torch.float64)), backend, dtype=dtype)
    assert (black.image[..., 0] - black.alpha).abs().max() <= tolerance
    assert (white.image - 1).abs().max() <= tolerance
    assert black.alpha.max() > 0.9


def test_all_weights_are_found_again_on_the_gaussians(lab, backend, dtype, tolerance):
    scene = lab.random_scene(2, size=2.0)
    alpha = lab.draw(scene, backend, dtype=dtype).alpha.double()
    ones = torch.ones(scene.height, scene.width, 1, dtype=dtype)
    carried = accumulate_weights(*gaussians_of(lab, scene, dtype), ones, **camera_of(scene), backend=backend)
    assert carried.min() >= 0
    assert abs(carried.double().sum() - alpha.sum()) <= tolerance * alpha.sum()


def test_alpha_and_depth_stay_within_bounds(lab, backend, dtype, tolerance):
    scene = lab.random_scene(3, count=300, size=4.0)
    drawn = lab.draw(scene, backend, dtype=dtype)
    z = scene.means @ scene.T_camera_world[2, :3] + scene.T_camera_world[2, 3]
    assert drawn.alpha.min() >= 0
    assert drawn.alpha.max() <= 1 - 0.99e-4, "a pixel is finished before its transmittance reaches 1e-4"
    seen = drawn.alpha > 0.01
    assert drawn.expected_depth[seen].min() >= z.min() - 1e-3
    assert drawn.expected_depth[seen].max() <= z.max() + 1e-3


def test_the_order_of_rows_does_not_matter(lab, backend, dtype, tolerance):
    scene = lab.random_scene(4, sh_degree=2)
    order = torch.randperm(len(scene.means), generator=torch.Generator().manual_seed(0))
    shuffled = lab.replace(scene, **{name: getattr(scene, name)[order] for name in lab.INPUTS[:5]})
    a, b = (lab.draw(s, backend, dtype=dtype) for s in (scene, shuffled))
    assert torch.equal(a.image, b.image)
    assert torch.equal(a.depth, b.depth)
    assert torch.equal(a.radii[order], b.radii)


def test_moving_scene_and_camera_together_changes_nothing(lab, backend, dtype, tolerance):
    scene = lab.random_scene(5)
    draw = torch.Generator().manual_seed(1)
    quat, shift = torch.randn(1, 4, generator=draw, dtype=torch.float64), torch.randn(3, generator=draw).double()
    R = rotation_matrices(quat)[0]
    back = torch.eye(4, dtype=torch.float64)
    back[:3, :3], back[:3, 3] = R.T, -R.T @ shift
    moved = lab.replace(
        scene,
        means=scene.means @ R.T + shift,
        quats=hamilton(quat, scene.quats),
        T_camera_world=scene.T_camera_world @ back,
    )
    sure = lab.sure_pixels(scene)
    a, b = (lab.draw(s, backend, dtype=dtype) for s in (scene, moved))
    assert (a.image - b.image)[sure].abs().max() <= 2 * tolerance
    assert (a.alpha - b.alpha)[sure].abs().max() <= 2 * tolerance


def test_a_longer_quaternion_is_the_same_rotation(lab, backend, dtype, tolerance):
    scene = lab.random_scene(6)
    sure = lab.sure_pixels(scene)
    a, b = (lab.draw(s, backend, dtype=dtype) for s in (scene, lab.replace(scene, quats=-7.5 * scene.quats)))
    assert (a.image - b.image)[sure].abs().max() <= tolerance


def test_a_crop_is_a_part_of_the_image(lab, backend, dtype, tolerance):
    """Tiles, and the pixels of other tiles, leave no trace; only the field-of-view clamp knows the image's borders."""
    scene = lab.random_scene(7, width=64, height=48, spread=0.6, size=0.5)
    left, top = 5, 11
    K = scene.K.clone()
    K[0, 2] -= left
    K[1, 2] -= top
    crop = lab.replace(scene, K=K, width=40, height=30)
    whole, part = (lab.draw(s, backend, dtype=dtype) for s in (scene, crop))
    sure = lab.sure_pixels(crop)
    inside = whole.image[top : top + 30, left : left + 40]
    assert whole.alpha[top : top + 30, left : left + 40].max() > 0.1
    assert (inside - part.image)[sure].abs().max() <= 2 * tolerance


def hamilton(p, q):
    """Product of quaternions (1, 4) and (N, 4)."""
    (pw, px, py, pz), (qw, qx, qy, qz) = p.unbind(1), q.unbind(1)
    return torch.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        dim=1,
    )
