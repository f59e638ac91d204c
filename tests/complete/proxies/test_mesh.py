"""Meshes come with their own colours and sizes, and nothing but what lies in their folder is read."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.complete.proxies import mesh
from splatsmith.complete.proxies.mesh import mesh_gaussians, read_mesh
from splatsmith.complete.proxies.user import UserFile
from splatsmith.gaussians.sh import dc_to_rgb

QUAD = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def rgb_of(gaussians) -> np.ndarray:
    return dc_to_rgb(gaussians.sh[:, 0]).numpy()


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        UserFile(path).generate(None)
    assert str(path.parent) in str(caught.value)
    return str(caught.value)


def textured(folder, picture: str = "wood.png"):
    """A unit square whose left half is red and right half blue."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4], image[:, 4:] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(image).save(folder / "wood.png")
    (folder / "quad.mtl").write_text(f"newmtl wood\nKd 0.2 0.2 0.2\nmap_Kd {picture}\n")
    corners = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    path = folder / "quad.obj"
    path.write_text(f"mtllib quad.mtl\n{QUAD}{corners}usemtl wood\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n")
    return path


def test_textures_are_sampled_at_each_disc(tmp_path):
    gaussians = UserFile(textured(tmp_path)).generate(None).gaussians
    x, rgb = gaussians.means[:, 0].numpy(), rgb_of(gaussians)
    np.testing.assert_allclose(rgb[x < 0.4], np.tile([1, 0, 0], ((x < 0.4).sum(), 1)), atol=0.02)
    np.testing.assert_allclose(rgb[x > 0.6], np.tile([0, 0, 1], ((x > 0.6).sum(), 1)), atol=0.02)


@pytest.mark.parametrize("suffix", [".ply", ".glb", ".obj"])
def test_colours_of_vertices_are_blended(tmp_path, suffix):
    ball = trimesh.creation.icosphere(3)
    ball.visual.vertex_colors = np.round(127.5 + 127.5 * ball.vertices).clip(0, 255).astype(np.uint8)
    ball.export(tmp_path / f"ball{suffix}")
    gaussians = UserFile(tmp_path / f"ball{suffix}").generate(None).gaussians
    np.testing.assert_allclose(rgb_of(gaussians), 0.5 + 0.5 * gaussians.means.numpy(), atol=0.02)


def test_a_scene_is_put_together_as_its_nodes_say(tmp_path):
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0])
    scene.add_geometry(trimesh.creation.box((1, 1, 1)))
    scene.add_geometry(
        trimesh.creation.box((1, 2, 1)), transform=trimesh.transformations.translation_matrix([5, 0, 0]) @ turn
    )
    scene.export(tmp_path / "two.glb")
    proxy = UserFile(tmp_path / "two.glb").generate(None)
    means = proxy.gaussians.means.numpy()
    np.testing.assert_allclose(means.min(0), [-0.5, -0.5, -1], atol=0.05)
    np.testing.assert_allclose(means.max(0), [5.5, 0.5, 1], atol=0.05)
    assert proxy.up.tolist() == [0, 1, 0]
    assert (proxy.kind, proxy.aligned) == ("user", False)


def test_area_is_conserved_over_pieces(tmp_path):
    ball, box = trimesh.creation.icosphere(2), trimesh.creation.box((3, 1, 1))
    box.apply_translation([4, 0, 0])
    trimesh.Scene([ball, box]).export(tmp_path / "two.glb")
    gaussians = mesh_gaussians(read_mesh(tmp_path / "two.glb"))
    left = gaussians.means[:, 0] < 2
    for part, shape in ((left, ball), (~left, box)):
        spacing = gaussians.scales[part, 0].double().numpy() / 0.7
        assert (spacing**2).sum() == pytest.approx(shape.area, rel=1e-4)


def test_what_has_no_faces_is_refused(tmp_path):
    (tmp_path / "points.obj").write_text(QUAD)
    assert "the file has no faces" in refused(tmp_path / "points.obj")
    trimesh.PointCloud(np.eye(3)).export(tmp_path / "points.ply")
    assert "the file has no faces" in refused(tmp_path / "points.ply")


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "a.glb").write_bytes(b"glTF" + bytes(40))
    assert "the mesh cannot be read" in refused(tmp_path / "a.glb")
    (tmp_path / "b.obj").write_text("v nan 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n")
    assert "NaN" in refused(tmp_path / "b.obj")
    (tmp_path / "c.obj").write_text("v 1 0 0\nv 1 0 0\nv 1 0 0\nf 1 2 3\n")
    assert "no area" in refused(tmp_path / "c.obj")
    assert "cannot be read" in refused(tmp_path / "missing.obj")
    assert "no mesh that can be read" in refused(tmp_path / "d.fbx")


def test_what_is_too_large_is_refused(tmp_path, monkeypatch):
    path = textured(tmp_path)
    monkeypatch.setattr(mesh, "MOST_FACES", 1)
    assert "at most 1 faces" in refused(path)
    monkeypatch.setattr(mesh, "MOST_BYTES", 10)
    assert "too large" in refused(path)


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "secret.png")
    resolver = mesh._beside(inner)
    for name in ("../secret.png", str(tmp_path / "secret.png")):
        with pytest.raises(InputError, match="outside of its folder"):
            resolver.get(name)
    colours = rgb_of(UserFile(textured(inner, "../secret.png")).generate(None).gaussians)
    assert not (colours[:, 1] > 0.9).any()  # trimesh leaves out what it cannot have
