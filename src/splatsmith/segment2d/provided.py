"""Masks that lie in the scene folder, made by hand or by another program (layouts: mask_files.py).

A mask is as large as its photo or that resized by a whole factor, and goes the photo's way through undistortion and
shrinking, by nearest neighbour; or it is as large as the prepared view. Where views are held out, only those that train
get their masks: a held-out view's mask stays unseen, so that results can be measured against it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object, slug_of
from splatsmith.scenes.label_maps import GREY_MODES, MOST_ID, read_label_map
from splatsmith.scenes.origins import fits_photo, labels_in_view
from splatsmith.scenes.pictures import FAULTS
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.problems import merged, shortened
from splatsmith.segment2d.mask_files import LABELS_NAME, MaskFiles, find_mask_folder, mask_files, read_labels
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.settings import ProvidedSettings

ALPHA_MODES = ("LA", "RGBA", "PA")
"""Pillow's names for pictures whose last channel says what belongs to the object."""
EIGHT_BITS = ("L", "P", "1")


class Provided:
    """The source `provided`."""

    def __init__(self, settings: ProvidedSettings, scene_folder: Path):
        """`scene_folder`: the scene as it was captured."""
        self._settings, self._scene_folder = settings, scene_folder

    def find(self, request: Request) -> Found:
        """The masks of every view that may have one. Every file's size and kind is looked at before any is read."""
        folder = find_mask_folder(self._scene_folder, self._settings.folder)
        files = _FilesOf(request.scene, mask_files(folder, _names(request.scene)))
        labels = read_labels(folder)
        _check(files, labels, folder)
        names = Names(request.objects, labels if files.maps else {})
        missing: dict[str, str] = {}
        return Found(self._settings.rest, _views(files, names, request, missing), missing)


class Names:
    """What the objects are called that label maps have as numbers, or folders of masks as names."""

    def __init__(self, objects: Sequence[Object], labels: Mapping[int, str]):
        """`objects` of the description give their names to labels that are like their name or prompt."""
        self._known = {_plain(word): one.name for one in reversed(objects) for word in (one.prompt, one.name)}
        self._labels = labels

    def of_number(self, number: int) -> str:
        """A slug: the label's, or `object-<number>` without one."""
        return self.of_label(self._labels.get(number, ""), f"object-{number}")

    def of_label(self, label: str, otherwise: str = "object") -> str:
        """The name of the described object that `label` means, or else its own slug."""
        name = slug_of(label, otherwise)
        return self._known.get(_plain(name), name)


class _FilesOf:
    """The mask files of each view, and how they are brought to it."""

    def __init__(self, scene: PreparedScene, files: MaskFiles):
        self._scene = scene
        self.maps = bool(files.maps)
        held_out = set(scene.split.test)
        self.views = [view for view in scene.views if view.name not in held_out or not held_out]
        self._by_object = {"": files.maps} if self.maps else dict(sorted(files.objects.items()))

    @cached_property
    def objects(self) -> list[str]:
        """The objects' folders; one without a name where the files are label maps."""
        return list(self._by_object)

    def of_view(self, view: View) -> dict[str, Path]:
        """The files of a view by object."""
        photo = self._scene.origin_of(view).photo
        found = {one: files.get(view.name) or files.get(photo) for one, files in self._by_object.items()}
        return {one: path for one, path in found.items() if path is not None}

    def brought(self, view: View, path: Path, picture: np.ndarray) -> np.ndarray:
        """(H, W): a mask as the view shows it."""
        return picture if self.fits_view(view, path, picture.shape[1::-1]) else self._from_photo(view, picture)

    def fits_view(self, view: View, path: Path, size: tuple[int, int]) -> bool:
        """Whether a mask needs no developing. Raises InputError where it fits neither the view nor its photo."""
        origin, prepared = self._scene.origin_of(view), (view.camera.width, view.camera.height)
        own = origin.photo != view.name and path.stem == view.name  # of one face of a panorama
        if not own and fits_photo(size, origin.lens):
            return False
        if size == prepared:
            return True
        photo = (
            "" if own else f"{origin.lens.width}x{origin.lens.height} pixels as its photo, or that by a whole factor; "
        )
        expected = f"{photo}{prepared[0]}x{prepared[1]} as the prepared view"
        fix = "save it as large as its photo, without cropping or turning it"
        raise InputError(Problem("the mask has the wrong size", str(path), fix, expected, f"{size[0]}x{size[1]}"))

    def _from_photo(self, view: View, picture: np.ndarray) -> np.ndarray:
        return labels_in_view(picture, self._scene.origin_of(view).lens, view.camera)


def _names(scene: PreparedScene) -> set[str]:
    """Of all photos and views."""
    return {name for view in scene.views for name in (view.name, scene.origin_of(view).photo)}


def _check(files: _FilesOf, labels: Mapping[int, str], folder: Path) -> None:
    """Raise InputError with all that headers and names tell to be wrong."""
    problems, modes, any_mask = [], set(), False
    for view in files.views:
        for path in files.of_view(view).values():
            any_mask = True
            try:
                with Image.open(path, formats=("PNG",)) as picture:
                    size, mode = picture.size, picture.mode
                modes.add(mode)
                _check_mode(path, mode, files.maps)
                files.fits_view(view, path, size)
            except InputError as error:
                problems += error.problems
            except FAULTS:
                fix = "write it again, as a PNG"
                problems.append(Problem("the mask cannot be read", str(path), fix))
    if not any_mask:
        fix = "add masks of photos that train; those of held-out photos are kept for measuring"
        problems.append(Problem("no view that trains has a mask", str(folder), fix))
    if labels and max(labels) > 255 and modes and modes <= set(EIGHT_BITS):
        fix = "write the masks again with 16 bits: in 8 bits these numbers have become others"
        expected = f"16-bit PNG, for {LABELS_NAME} names the number {max(labels)}"
        problems.append(Problem("the masks are too narrow for their numbers", str(folder), fix, expected, "8-bit PNG"))
    if problems:
        raise InputError(*merged(problems))


def _check_mode(path: Path, mode: str, numbers: bool) -> None:
    if mode in GREY_MODES or (not numbers and mode in ALPHA_MODES):
        return
    expected = "one whole number per pixel (grey or palette)" if numbers else "grey, or with an alpha channel"
    fix = "save the numbers themselves, not a coloured picture of them" if numbers else "save it as a grey PNG"
    raise InputError(Problem("the mask has colours", str(path), fix, expected, f"a PNG of mode {mode}"))


def _views(files: _FilesOf, names: Names, request: Request, missing: dict[str, str]) -> Iterator[tuple[str, ViewMasks]]:
    """Each view's masks; at the end, `missing` tells the described objects that none showed."""
    wanted, found = {view.name for view in files.views}, set()
    tracks: dict[str, int] = {}
    for view in request.scene.views:
        masks = _masks_of(files, view, names, tracks) if view.name in wanted else _nothing(view)
        found |= {mask.object for mask in masks.masks}
        yield view.name, masks
    got = shortened(sorted(tracks), most=12) or "none"
    for one in request.objects:
        if one.name not in found:
            fix = f"give one of them this name or prompt, in {LABELS_NAME} or as its folder's name"
            missing[one.name] = f"no mask that is not empty is called so (there are: {got}): {fix}"


def _nothing(view: View, *flags: str) -> ViewMasks:
    return ViewMasks(np.zeros((view.camera.height, view.camera.width), np.uint16), (), flags)


def _masks_of(files: _FilesOf, view: View, names: Names, tracks: dict[str, int]) -> ViewMasks:
    paths = files.of_view(view)
    if not paths:
        return _nothing(view, "there is no mask of this photo")
    if files.maps:
        path = paths[""]
        numbers = files.brought(view, path, read_label_map(path))
        layers = {names.of_number(int(number)): [] for number in np.unique(numbers) if number}
        for number in np.unique(numbers[numbers > 0]):
            layers[names.of_number(int(number))].append(numbers == number)
        named = {name: np.any(parts, axis=0) for name, parts in layers.items()}
    else:
        named = {names.of_label(one): files.brought(view, path, _binary(path)) for one, path in paths.items()}
    absent = [names.of_label(one) for one in files.objects if one not in paths]
    flags = (f"there is no mask of {shortened(absent)}",) if absent else ()
    return _stacked(named, view, flags, tracks)


def _stacked(named: Mapping[str, np.ndarray], view: View, flags: tuple[str, ...], tracks: dict[str, int]) -> ViewMasks:
    """One label map of masks that may overlap: the smaller one is on top."""
    labels, masks = np.zeros((view.camera.height, view.camera.width), np.uint16), []
    for name, mask in sorted(named.items(), key=lambda item: (-item[1].sum(), item[0])):
        if mask.any():
            masks.append(Mask(object=name, score=1.0, track=tracks.setdefault(name, len(tracks))))
            labels[mask] = len(masks)
    return ViewMasks(labels, tuple(masks), flags)


def _binary(path: Path) -> np.ndarray:
    """(h, w) bool: where the alpha, or without one the grey, is above half; above 0 where it is never more than 1."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            value = np.asarray(picture.getchannel("A") if picture.mode in ALPHA_MODES else picture)
    except FAULTS as error:
        fix = "write it again, as a PNG"
        got = " ".join(str(error).split()) or type(error).__name__
        raise InputError(Problem("the mask cannot be read", str(path), fix, got=got)) from None
    most = 255 if value.max(initial=0) <= 255 else MOST_ID
    return value > (0 if value.max(initial=0) <= 1 else most // 2)


def _plain(text: str) -> str:
    """How names are compared: by their slugs, `_` and `-` being one."""
    return slug_of(text, "").replace("_", "-")
