"""What a folder is, told by its names alone."""

import pytest

from splatsmith.base.errors import InputError
from splatsmith.scenes.layout import find_layout, input_files

GAUSSIANS = b"ply\nformat binary_little_endian 1.0\nelement vertex 0\nproperty float f_dc_0\nend_header\n"
MODEL = ("cameras", "images", "points3D")


def fill(folder, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(GAUSSIANS if name.endswith(".ply") else b"")


def model(place: str, suffix: str = ".bin") -> list[str]:
    return [f"{place}/{part}{suffix}" for part in MODEL]


@pytest.mark.parametrize(
    ("names", "kind", "cameras", "photos"),
    [
        (["images/a.jpg", *model("sparse/0")], "colmap", "sparse/0", "images"),
        (["images/a.jpg", *model("sparse", ".txt")], "colmap", "sparse", "images"),
        (["images/a.jpg", *model("sparse"), *model("sparse/0")], "colmap", "sparse/0", "images"),
        (["images/a.jpg", "object_mask/a.png", *model("sparse/0")], "colmap", "sparse/0", "images"),
        (["images/a.jpg", "transforms.json", *model("colmap/sparse/0")], "transforms", "transforms.json", "images"),
        (["train/a.png", "transforms_train.json", "transforms_test.json"], "blender", "transforms_train.json", "."),
        (["images/a.jpg", "cameras.json", "input.ply"], "cameras", "cameras.json", "images"),
        (["images/sub/a.JPG"], "photos", "images", "images"),
        (["a.png", "notes.txt"], "photos", ".", "."),
    ],
)
def test_layouts(tmp_path, names, kind, cameras, photos):
    fill(tmp_path, *(name for name in names if name != "input.ply"))
    layout = find_layout(tmp_path)
    assert (layout.kind, layout.cameras, layout.photos) == (kind, tmp_path / cameras, tmp_path / photos)
    assert layout.trained is None


@pytest.mark.parametrize(
    ("names", "trained"),
    [
        (
            ["point_cloud/iteration_7000/point_cloud.ply", "point_cloud/iteration_30000/point_cloud.ply"],
            "point_cloud/iteration_30000/point_cloud.ply",
        ),
        (["my scene.ply"], "my scene.ply"),
    ],
)
def test_trained_gaussians_are_found(tmp_path, names, trained):
    fill(tmp_path, "cameras.json", "images/a.png", *names)
    layout = find_layout(tmp_path)
    assert layout.trained == tmp_path / trained
    assert tmp_path / trained in input_files(tmp_path)


def test_points_are_no_gaussians(tmp_path):
    fill(tmp_path, "cameras.json", "images/a.png")
    (tmp_path / "input.ply").write_bytes(GAUSSIANS.replace(b"f_dc_0", b"x"))
    assert find_layout(tmp_path).trained is None
    assert tmp_path / "input.ply" in input_files(tmp_path)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "the folder holds no scene"),
        (["notes.txt"], "the folder holds no scene"),
        (["scene.ply"], "the trained Gaussians have no cameras"),
        (["images/a.png", "cameras.json", "a.ply", "b.ply"], "several files of Gaussians"),
        (["images/a.png", "sparse/0/cameras.bin", "sparse/0/images.bin"], "a file of the COLMAP model is missing"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, names, what):
    fill(tmp_path, *names)
    with pytest.raises(InputError) as error:
        find_layout(tmp_path)
    assert [problem.what for problem in error.value.problems] == [what]


def test_input_files_are_those_that_are_read(tmp_path):
    fill(
        tmp_path, "images/b.jpg", "images/a.png", *model("sparse/0"), "sparse/0/rigs.bin", "object_mask/a.png", "x.txt"
    )
    names = [path.relative_to(tmp_path).as_posix() for path in input_files(tmp_path)]
    assert names == ["images/a.png", "images/b.jpg", *model("sparse/0")]
