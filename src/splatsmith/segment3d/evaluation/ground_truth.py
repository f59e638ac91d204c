"""The truth about the objects of a scene, in the frames of its prepared views. Layouts: scenes/truth.py."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import assert_never

import numpy as np
from pydantic import BaseModel, ConfigDict

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.ply import read_vertices
from splatsmith.base.typed import typed_json
from splatsmith.scenes.cameras import View
from splatsmith.scenes.documents import read_text
from splatsmith.scenes.label_maps import read_label_map
from splatsmith.scenes.names import pictures_in, view_name
from splatsmith.scenes.origins import fits_photo, labels_in_view
from splatsmith.scenes.pictures import read_picture
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.slugs import slug_of
from splatsmith.scenes.truth import TruthFiles
from splatsmith.segment3d.evaluation.protocols import Masks, masks_of
from splatsmith.segment3d.evaluation.three_d import SurfacePoints

SET = 128
"""Level, exclusive, from which a pixel of a mask of 8 bits is set. Gaussian Grouping, code."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    object_id: int
    name: str


class _Labels(BaseModel):
    """`labels.json`; further keys are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    objects: dict[int, str]
    parts: dict[int, _Part] = {}


@dataclass(frozen=True, eq=False)
class Truth:
    """What the views show, as far as the truth tells."""

    names: Mapping[int, str]
    """The objects by their numbers: slugs, for parts `object/part`."""
    masks: Masks
    """Of the views with truth, by name, in the frame of the view; an object is there where it is visible."""


def read_truth(files: TruthFiles, scene: PreparedScene, views: Sequence[View]) -> Truth:
    """The truth of those of `views` that have any: the views held out, unless the question is another.

    Raises InputError where a file is missing, damaged or not as large as its photo, and where there are masks of a view
    that is not among `views`: LERF-Mask has masks of held-out views alone.
    """
    match files.kind:
        case "masks":
            return _read_masks(files.folder, scene, views)
        case "labels":
            return _read_labels(files, scene, views)
        case _:
            assert_never(files.kind)


def read_surface_points(files: TruthFiles, truth: Truth) -> SurfacePoints | None:
    """The points on the true surfaces, or None where there are none for label maps like these. Raises InputError."""
    if files.points is None or files.kind != "labels":
        return None
    rows = read_vertices(files.points)
    column = "part_id" if files.parts else "object_id"
    missing = {*"xyz", column} - {*rows.dtype.names}
    if missing:
        expected, got = f"properties x y z {column}", f"no {', '.join(sorted(missing))}"
        raise InputError(Problem("the surface points cannot be used", str(files.points), "add them", expected, got))
    ids = rows[column].astype(np.int64)
    known = np.isin(ids, list(truth.names))
    return SurfacePoints(np.stack([rows[axis] for axis in "xyz"], 1).astype(np.float64), np.where(known, ids, 0))


def _read_labels(files: TruthFiles, scene: PreparedScene, views: Sequence[View]) -> Truth:
    names, masks = _names(files), {}
    maps = {view_name(PurePosixPath(name)): path for name, path in pictures_in(files.folder).items()}
    for view in views:
        path = maps.get(scene.origin_of(view).photo)
        if path is not None:
            masks[view.name] = masks_of(_in_view(read_label_map(path), path, scene, view), names)
    return Truth(names, masks)


def _names(files: TruthFiles) -> dict[int, str]:
    """Slugs by number, as `labels.json` gives them."""
    labels = typed_json(_Labels, read_text(files.legend), str(files.legend))
    objects = {id: slug_of(name, f"object-{id}") for id, name in labels.objects.items()}
    if not files.parts:
        return _once_each(objects, files.legend)
    strangers = sorted({part.object_id for part in labels.parts.values()} - {*objects})
    if strangers:
        where, got = f"{files.legend}: parts", ", ".join(map(str, strangers))
        raise InputError(Problem("parts of objects that are not listed", where, "list them under `objects`", got=got))
    parts = {id: f"{objects[part.object_id]}/{slug_of(part.name, f'part-{id}')}" for id, part in labels.parts.items()}
    return _once_each(parts, files.legend)


def _read_masks(folder: Path, scene: PreparedScene, views: Sequence[View]) -> Truth:
    """LERF-Mask's `<k>/<prompt>.png`."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        view = _view_of(place, scene, views)
        for path in sorted(place.glob("*.png")):
            mask = _in_view(read_picture(path).mean(axis=2) > SET, path, scene, view)
            if mask.any():
                found.setdefault(view.name, {})[path.stem] = mask
    prompts = sorted({prompt for masks in found.values() for prompt in masks})
    names = {id: slug_of(prompt, f"object-{id}") for id, prompt in enumerate(prompts, 1)}
    slugs = dict(zip(prompts, _once_each(names, folder).values(), strict=True))
    masks = {view: {slugs[prompt]: mask for prompt, mask in masks.items()} for view, masks in found.items()}
    return Truth(names, masks)


def _view_of(place: Path, scene: PreparedScene, views: Sequence[View]) -> View:
    """The view that a folder of masks is of: one that it names, else the one that it counts to."""
    by_name = {view.name: view for view in scene.views}
    named = by_name.get(place.name) or by_name.get(f"test_{place.name}")
    counted = scene.test_views[int(place.name)] if _counts(place.name, len(scene.test_views)) else None
    view = named or counted
    if view is None or view.name not in {one.name for one in views}:
        fix = "hold out the views that have masks: list them as `test` in split.yml"
        expected = "masks of views that are measured"
        got = "no such view" if view is None else f"view {view.name}, which is not held out"
        raise InputError(Problem("masks of the truth have no view", str(place), fix, expected, got))
    return view


def _counts(name: str, most: int) -> bool:
    return name.isascii() and name.isdigit() and int(name) < most


def _in_view(labels: np.ndarray, path: Path, scene: PreparedScene, view: View) -> np.ndarray:
    """(H, W): what the file holds, taken the way that the photo took to the prepared view."""
    lens = scene.origin_of(view).lens
    size = labels.shape[::-1]
    if not fits_photo(size, lens):
        fix, expected = "draw it on the photo as given", f"{lens.width}x{lens.height} pixels, as its photo"
        got = f"{size[0]}x{size[1]}"
        raise InputError(Problem("a picture of the truth has the wrong size", str(path), fix, expected, got))
    return labels_in_view(labels, lens, view.camera)


def _once_each(names: dict[int, str], where: Path) -> dict[int, str]:
    twice = sorted(name for name, count in Counter(names.values()).items() if count > 1)
    if twice:
        fix = "rename one of them"
        raise InputError(Problem("names of the truth are given twice", str(where), fix, got=", ".join(twice)))
    return names
