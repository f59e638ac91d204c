"""Masks that lie in the scene folder, made by hand or by another program (layouts: mask_files.py).

A mask is as large as its photo or that resized by a whole factor, and goes the photo's way through undistortion and
shrinking, by nearest neighbour; or it is as large as the prepared view. Where views are held out, only those that train
get their masks: a held-out view's mask stays unseen, so that results can be measured against it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import slug_of
from splatsmith.scenes.label_maps import GREY_MODES, read_label_map
from splatsmith.scenes.origins import Origin, fits_photo, labels_in_view
from splatsmith.scenes.pictures import FAULTS
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.problems import merged, shortened
from splatsmith.segment2d.mask_files import LABELS_NAME, MaskFiles, find_mask_folder, mask_files, read_labels
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks
from splatsmith.segment2d.settings import ProvidedSettings

ALPHA_MODES = ("LA", "RGBA", "PA")
"""Pillow's names for pictures whose last channel says what belongs to the object."""
EIGHT_BIT_MODES = ("L", "P", "1")


class Provided:
    """The source `provided`."""

    def __init__(self, settings: ProvidedSettings, scene_folder: Path):
        """`scene_folder`: the scene as it was captured."""
        self._settings, self._scene_folder = settings, scene_folder

    def find(self, request: Request) -> Found:
        """The masks of every view that may have one. Every file's size and kind is looked at before any is read."""
        folder = find_mask_folder(self._scene_folder, self._settings.folder)
        files = mask_files(folder, _names_of(request.scene))
        labels = read_labels(folder) if files.maps else {}
        given = _given(request.scene, files)
        _check(given, labels, folder)
        prompts = {_plain(one.prompt): one.name for one in reversed(request.objects)}
        names = _Names(prompts | {_plain(one.name): one.name for one in request.objects}, labels)
        missing: dict[str, str] = {}
        return Found(self._settings.rest, _views(request, given, names, missing), missing)


@dataclass(frozen=True)
class _Given:
    """The masks of one view, on disk."""

    view: View
    origin: Origin
    maps: Path | None
    """A label map."""
    objects: Mapping[str, Path | None]
    """A mask for each object's folder; None where this view has none."""

    @property
    def paths(self) -> list[Path]:
        """All files."""
        return [path for path in (self.maps, *self.objects.values()) if path is not None]

    def in_view(self, path: Path, picture: np.ndarray) -> np.ndarray:
        """(H, W): a mask as the view shows it."""
        if self.is_of_photo(path, picture.shape[1::-1]):
            return labels_in_view(picture, self.origin.lens, self.view.camera)
        return picture

    def is_of_photo(self, path: Path, size: tuple[int, int]) -> bool:
        """Whether a mask of `size` = (W, H) is in the photo's frame rather than the view's.

        Raises InputError where it fits neither.
        """
        camera, lens = self.view.camera, self.origin.lens
        of_a_face = self.origin.photo != self.view.name and path.stem == self.view.name
        if not of_a_face and fits_photo(size, lens):
            return True
        if size == (camera.width, camera.height):
            return False
        expected = f"{camera.width}x{camera.height} pixels as the prepared view"
        if not of_a_face:
            expected = f"{lens.width}x{lens.height} pixels as the photo, or that by a whole factor; or {expected}"
        fix = "save it as large as its photo, without cropping or turning it"
        raise InputError(Problem("the mask has the wrong size", str(path), fix, expected, f"{size[0]}x{size[1]}"))


@dataclass(frozen=True)
class _Names:
    """What objects are called that have numbers in label maps, or folders of masks."""

    known: Mapping[str, str]
    """Names of the described objects, by their names and prompts made `_plain`."""
    labels: Mapping[int, str]

    def of_number(self, number: int) -> str:
        """A slug: the label's, or `object-<number>` without one."""
        return self.of_label(self.labels.get(number, ""), f"object-{number}")

    def of_label(self, label: str, otherwise: str = "object") -> str:
        """The name of the described object that `label` means, or else its own slug."""
        name = slug_of(label, otherwise)
        return self.known.get(_plain(name), name)


def _plain(text: str) -> str:
    """How names are compared: by their slugs, `_` and `-` being one."""
    return slug_of(text, "").replace("_", "-")


def _names_of(scene: PreparedScene) -> set[str]:
    """Of all photos and views."""
    return {name for view in scene.views for name in (view.name, scene.origin_of(view).photo)}


def _given(scene: PreparedScene, files: MaskFiles) -> list[_Given]:
    """The masks of the views that train, or of all where none is held out."""
    views = scene.train_views if scene.split.test else scene.views

    def of(view: View, origin: Origin) -> _Given:
        def file(paths: Mapping[str, Path]) -> Path | None:
            return paths.get(view.name) or paths.get(origin.photo)

        return _Given(view, origin, file(files.maps), {one: file(paths) for one, paths in files.objects.items()})

    return [of(view, scene.origin_of(view)) for view in views]


def _check(given: Sequence[_Given], labels: Mapping[int, str], folder: Path) -> None:
    """Raise InputError with all that names and headers tell to be wrong."""
    problems: list[Problem] = []
    modes = {_check_file(one, path, problems) for one in given for path in one.paths}
    if not modes:
        fix = "add masks of photos that train; those of held-out photos are kept for measuring"
        problems.append(Problem("no view that trains has a mask", str(folder), fix))
    elif max(labels, default=0) > 255 and modes <= {*EIGHT_BIT_MODES}:
        fix = "write the masks again with 16 bits: in 8 bits these numbers have become others"
        expected = f"16-bit PNG, for {LABELS_NAME} names the number {max(labels)}"
        problems.append(Problem("the masks are too narrow for their numbers", str(folder), fix, expected, "8-bit PNG"))
    if problems:
        raise InputError(*merged(problems))


def _check_file(given: _Given, path: Path, problems: list[Problem]) -> str:
    """The PNG's mode; adds what is wrong with its header."""
    numbers, mode = path == given.maps, ""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            size, mode = picture.size, picture.mode
        if mode not in GREY_MODES and (numbers or mode not in ALPHA_MODES):
            expected = "one whole number per pixel (grey or palette)" if numbers else "grey, or with an alpha channel"
            fix = "save the numbers themselves, not a coloured picture of them" if numbers else "save it as a grey PNG"
            problems.append(Problem("the mask has colours", str(path), fix, expected, f"a PNG of mode {mode}"))
        given.is_of_photo(path, size)
    except InputError as error:
        problems += error.problems
    except FAULTS:
        problems += _unreadable(path, "no PNG").problems
    return mode


def _views(
    request: Request, given: Sequence[_Given], names: _Names, missing: dict[str, str]
) -> Iterator[tuple[str, ViewMasks]]:
    """Each view's masks; at the end, `missing` tells the described objects that none showed."""
    by_name = {one.view.name: one for one in given}
    tracks: dict[str, int] = {}
    for view in request.scene.views:
        size = (view.camera.height, view.camera.width)
        if view.name in by_name:
            yield view.name, _masks_of(by_name[view.name], size, names, tracks)
        else:
            yield view.name, ViewMasks(np.zeros(size, np.uint16), ())
    there = shortened(sorted(tracks), most=12) or "none"
    for one in request.objects:
        if one.name not in tracks:
            fix = f"give one of them this name or prompt, in {LABELS_NAME} or as its folder's name"
            missing[one.name] = f"no mask that is not empty is called so (there are: {there}): {fix}"


def _masks_of(given: _Given, size: tuple[int, int], names: _Names, tracks: dict[str, int]) -> ViewMasks:
    if not given.paths:
        return ViewMasks(np.zeros(size, np.uint16), (), ("there is no mask of this photo",))
    absent = [names.of_label(one) for one, path in given.objects.items() if path is None]
    flags = (f"there is no mask of {shortened(absent)}",) if absent else ()
    return _stacked(_layers(given, names), size, flags, tracks)


def _layers(given: _Given, names: _Names) -> Iterator[tuple[str, np.ndarray]]:
    """Names and masks (H, W) bool of what a view shows."""
    if given.maps is not None:
        numbers = given.in_view(given.maps, read_label_map(given.maps))
        for number in np.unique(numbers[numbers > 0]).tolist():
            yield names.of_number(number), numbers == number
    for one, path in given.objects.items():
        if path is not None:
            yield names.of_label(one), given.in_view(path, _read_mask(path))


def _stacked(
    layers: Iterable[tuple[str, np.ndarray]], size: tuple[int, int], flags: tuple[str, ...], tracks: dict[str, int]
) -> ViewMasks:
    """One label map of masks that may overlap, the smaller one on top; several of one name are one mask."""
    named: dict[str, np.ndarray] = {}
    for name, mask in layers:
        named[name] = named[name] | mask if name in named else mask
    labels, masks = np.zeros(size, np.uint16), []
    for name, mask in sorted(named.items(), key=lambda item: (-item[1].sum(), item[0])):
        if mask.any():
            masks.append(Mask(object=name, score=1.0, track=tracks.setdefault(name, len(tracks))))
            labels[mask] = len(masks)
    return ViewMasks(labels, tuple(masks), flags)


def _read_mask(path: Path) -> np.ndarray:
    """(h, w) bool: where the alpha, or without one the grey, is above half; above 0 where it is never more than 1."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            value = np.asarray(picture.getchannel("A") if picture.mode in ALPHA_MODES else picture)
    except FAULTS as error:
        raise _unreadable(path, " ".join(str(error).split()) or type(error).__name__) from None
    most = int(value.max(initial=0))
    return value > (0 if most <= 1 else 127 if most <= 255 else 2**15 - 1)


def _unreadable(path: Path, got: str) -> InputError:
    return InputError(Problem("the mask cannot be read", str(path), "write it again, as a PNG", got=got))
