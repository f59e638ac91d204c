"""Which files in a scene folder are its masks, by the layouts that people use. Light: only names are looked at.

    object_mask/<photo>.png                 numbers of objects, 8 or 16 bits; names in labels.json, in it or beside it
    masked_image_rgba/<prompt>/<photo>.png  SCORP: the photo with the object's mask as its alpha
    masks/<object>/<photo>.png              0 and 255, or 0 and 1

Either form may lie in a folder of any name. `<photo>` is the photo's name without its suffix, sub-folders included.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.scenes.documents import read_json
from splatsmith.scenes.names import pictures_in, view_name
from splatsmith.scenes.problems import shortened

FOLDERS = ("object_mask", "masked_image_rgba", "masks")
"""Where masks are looked for, in this order."""
LABELS_NAME = "labels.json"
UNION = "masked"
"""SCORP's folder of all objects at once."""


@dataclass(frozen=True)
class MaskFiles:
    """The masks of a folder. One of the two is empty."""

    maps: Mapping[str, Path]
    """Label maps by the name of the photo or view."""
    objects: Mapping[str, Mapping[str, Path]]
    """One mask for each object: by the object's folder, then by the name of the photo or view."""


class Labels(BaseModel):
    """`labels.json`; what else it says is passed over."""

    objects: dict[int, str] = {}
    """Names of objects by their numbers in the label maps."""


def find_mask_folder(scene: Path, folder: str | None = None) -> Path:
    """The folder of a scene that holds its masks: `folder`, or the first of the usual names. Raises InputError."""
    names = FOLDERS if folder is None else (folder,)
    for name in names:
        if (scene / name).is_dir():
            return scene / name
    fix = "put masks there, name another folder as `provided.folder` of the configuration, or take another source"
    got = shortened(sorted(path.name for path in scene.iterdir() if path.is_dir()), most=12) if scene.is_dir() else None
    raise InputError(Problem("the scene has no folder of masks", str(scene), fix, " or ".join(names), got))


def input_files(scene: Path, folder: str | None = None) -> list[Path]:
    """Every file that the masks are read from, sorted. Raises InputError."""
    found = find_mask_folder(scene, folder)
    return sorted([*_pngs(found).values(), *_labels_files(found)])


def mask_files(folder: Path, photos: Container[str]) -> MaskFiles:
    """The masks below `folder` of photos or views called as in `photos`. Raises InputError where there are none."""
    maps: dict[str, Path] = {}
    objects: dict[str, dict[str, Path]] = {}
    pngs = _pngs(folder)
    for name, path in pngs.items():
        place = PurePosixPath(name)
        if view_name(place) in photos:
            maps[view_name(place)] = path
        elif len(place.parts) > 1 and place.parts[0] != UNION:
            photo = view_name(PurePosixPath(*place.parts[1:]))
            if photo in photos:
                objects.setdefault(place.parts[0], {})[photo] = path
    if not maps and not objects:
        fix = "call each mask as its photo is called, with the suffix .png"
        got = shortened(pngs) or "no PNG"
        raise InputError(Problem("none of the masks belongs to a photo", str(folder), fix, got=got))
    return MaskFiles(maps, {} if maps else objects)


def read_labels(folder: Path) -> dict[int, str]:
    """Names of objects by their numbers, of the `labels.json` in `folder` or beside it; none without one.

    Raises InputError where it cannot be read.
    """
    for path in _labels_files(folder):
        return typed(Labels, read_json(path), str(path)).objects
    return {}


def _labels_files(folder: Path) -> list[Path]:
    found = [path for path in (folder / LABELS_NAME, folder.parent / LABELS_NAME) if path.is_file()]
    return found[:1]


def _pngs(folder: Path) -> dict[str, Path]:
    return {name: path for name, path in pictures_in(folder).items() if name.lower().endswith(".png")}
