"""What a scene folder is: whose layout, where its cameras and photos are, whether it came with trained Gaussians.

Only names and headers are looked at, so that a workflow may ask at its start.

    cameras in                                      made by
    sparse/0/ or sparse/ (COLMAP, .bin or .txt)     COLMAP, 3DGS, SCORP, Gaussian Grouping (with object_mask/)
    transforms.json                                 nerfstudio, instant-ngp, Polycam
    transforms_train.json and transforms_test.json  Blender's synthetic scenes
    cameras.json                                    a trained 3DGS folder
    none of these                                   photos alone, in images/ or in the folder itself

Other files and folders (description.yml, split.yml, object_mask/, depths) may lie beside them. Trained Gaussians are
`point_cloud/iteration_N/point_cloud.ply` with the largest N, or a PLY of Gaussians in the folder.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.colmap_files import PARTS, model_suffix
from splatsmith.scenes.names import SUFFIXES, pictures_in
from splatsmith.scenes.problems import shortened

Kind = Literal["colmap", "transforms", "blender", "cameras", "photos"]

BLENDER = ("transforms_train.json", "transforms_test.json")
"""What a Blender synthetic scene has in place of a transforms.json."""

HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Layout:
    """Where things are in a scene folder."""

    kind: Kind
    name: str
    """What people call the layout."""
    cameras: Path
    """The COLMAP model's folder, the camera file, or the photos' folder where there are no cameras."""
    photos: Path
    """Folder of the photos."""
    trained: Path | None
    """PLY of Gaussians that the folder came with."""


def find_layout(folder: Path, images: str = "images") -> Layout:
    """The layout of a scene folder. `images` names the photos' folder. Raises InputError where it is no scene."""
    if not folder.is_dir():
        raise InputError(Problem("there is no such scene folder", str(folder), "correct the path"))
    trained = _trained(folder)
    photos = folder / images
    for model in (folder / "sparse" / "0", folder / "sparse"):
        if model_suffix(model):
            return Layout("colmap", "COLMAP", model, photos, trained)
    if (folder / "transforms.json").is_file():
        return Layout("transforms", "nerfstudio", folder / "transforms.json", photos, trained)
    if all((folder / name).is_file() for name in BLENDER):
        return Layout("blender", "Blender's synthetic scenes", folder / BLENDER[0], folder, trained)
    if (folder / "cameras.json").is_file():
        return Layout("cameras", "trained 3DGS", folder / "cameras.json", photos, trained)
    if trained is not None:
        fix = "add the cameras that it was trained with: cameras.json, or sparse/0/"
        raise InputError(Problem("the trained Gaussians have no cameras", str(trained), fix))
    if pictures_in(photos):
        return Layout("photos", "photos", photos, photos, None)
    if any(file.name.lower().endswith(SUFFIXES) for file in folder.iterdir()):
        return Layout("photos", "photos", folder, folder, None)
    expected = "images/ with photos; sparse/0/, transforms.json or cameras.json where there are cameras"
    fix = "put the photos (JPEG or PNG) into images/, and COLMAP's model into sparse/0/ if there is one"
    raise InputError(Problem("the folder holds no scene", str(folder), fix, expected, _content(folder)))


def input_files(folder: Path, images: str = "images") -> list[Path]:
    """Every file that the preparation of a scene may read, sorted, without the YAML. Raises InputError."""
    layout = find_layout(folder, images)
    files = set(pictures_in(layout.photos).values())
    files |= {layout.trained} if layout.trained else set()
    match layout.kind:
        case "colmap":
            files |= _model_files(layout.cameras)
        case "transforms":
            files |= {layout.cameras, *folder.glob("*.ply"), *pictures_in(folder).values()}
            files |= _model_files(folder / "colmap" / "sparse" / "0")
        case "blender":
            files |= {folder / name for name in BLENDER}
        case "cameras":
            files |= {layout.cameras, *folder.glob("input.ply")}
        case "photos":
            pass
    return sorted(files)


def _model_files(model: Path) -> set[Path]:
    suffix = model_suffix(model)
    return {model / f"{part}{suffix}" for part in PARTS} if suffix else set()


def _trained(folder: Path) -> Path | None:
    iterations = {
        int(match[1]): path
        for path in folder.glob("point_cloud/iteration_*/point_cloud.ply")
        if (match := re.fullmatch(r"iteration_(\d{1,9})", path.parent.name))
    }
    if iterations:
        return iterations[max(iterations)]
    plys = [path for path in sorted(folder.glob("*.ply")) if _holds_gaussians(path)]
    if len(plys) > 1:
        fix = "leave one of them in the folder"
        got = shortened(path.name for path in plys)
        raise InputError(Problem("several files of Gaussians", str(folder), fix, "one", got))
    return plys[0] if plys else None


def _holds_gaussians(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return b"property float f_dc_0" in file.read(HEADER_BYTES).partition(b"end_header")[0]
    except OSError:
        return False


def _content(folder: Path) -> str:
    return shortened(sorted(path.name for path in folder.iterdir())) or "an empty folder"
