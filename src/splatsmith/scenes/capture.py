"""A scene as it was captured: photos with their lenses and poses, before anything is undistorted or downscaled.

Every reader lists what its file says of each photo (`Listed`), and `capture` here makes the scene of it, by the same
rules for all formats:

    photo   looked up by name below the picture folder; names that leave the folder are refused
    lens    belongs to the photo as stored; where only the upright photo (EXIF) has the lens's size, to that one; where
            the photo has the same proportions at another size (a downscaled copy), the lens is rescaled, with a warning
    pose    rigid; small rounding errors are mended, anything else is refused
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.lens import FACES, Lens, lens_fault, rescaled
from splatsmith.scenes.names import BadNameError, find_picture, photo_path, pictures_in, twin_names, view_name
from splatsmith.scenes.pictures import Header, read_header
from splatsmith.scenes.points import Points, no_points
from splatsmith.scenes.poses import NotRigidError, rigid
from splatsmith.scenes.problems import merged, shortened
from splatsmith.scenes.split import Split


@dataclass(frozen=True, eq=False)
class Listed:
    """What a camera file says of one photo, unchecked."""

    photo: str
    """The photo's name in the file."""
    lens: Lens
    T_camera_world: np.ndarray
    """(4, 4) or (3, 4) float64. OpenCV axes."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One photo with its lens and pose."""

    name: str
    """The view's name: the photo's, with the face for a panorama."""
    photo: str
    """The photo's name, see names.py."""
    image: Path
    """The photo as given."""
    upright: bool
    """Whether the photo's EXIF orientation must be applied to see what the lens saw."""
    lens: Lens
    """As large as the photo."""
    T_camera_world: np.ndarray
    """(4, 4) float64. OpenCV axes."""


@dataclass(frozen=True)
class Quality:
    """How well triangulated points fit the photos."""

    mean_track_length: float
    """Photos that see a point, on average."""
    mean_reprojection_px: float
    """Distance of a point's projection from where a photo shows it, on average, in pixels."""


@dataclass(frozen=True, eq=False)
class Capture:
    """A captured scene, in the world frame of its folder."""

    shots: tuple[Shot, ...]
    """Sorted by name."""
    points: Points = field(default_factory=no_points)
    split: Split | None = None
    """Where the camera file itself tells which views train."""
    quality: Quality | None = None
    """Where the cameras come with triangulated points."""
    warnings: tuple[Problem, ...] = ()

    @property
    def views_of_photos(self) -> dict[str, list[str]]:
        """The names of the views that each photo gives, by the photo's name."""
        views: dict[str, list[str]] = {}
        for shot in self.shots:
            views.setdefault(shot.photo, []).append(shot.name)
        return views


def capture(listed: Iterable[Listed], source: Path, photos: Path, points: Points) -> Capture:
    """The scene of the photos below `photos` that the camera file `source` lists.

    Raises InputError with every problem at once: bad names, missing or unreadable photos, wrong sizes, lenses and
    poses, names given twice, fewer than two views.
    """
    pictures = pictures_in(photos)
    shots, problems, warnings = [], [], []
    listed = sorted(listed, key=lambda entry: entry.photo)
    for entry in listed:
        try:
            shot, remarks = _shot(entry, source, photos, pictures)
        except InputError as error:
            problems += error.problems
        else:
            shots += _views(shot)
            warnings += remarks
    problems += twin_names(((shot.name, str(shot.image)) for shot in shots), source)
    problems += _shared_photos(shots, source)
    if len(listed) < 2:
        fix = "add photos with their cameras: a scene needs at least two views"
        problems.append(Problem("there are fewer than two views", str(source), fix, "2 or more", str(len(listed))))
    if problems:
        raise InputError(*merged(problems))
    unused = sorted(set(pictures.values()) - {shot.image for shot in shots})
    if unused and photos != source.parent:  # a folder of its own
        fix = "nothing, if they are meant to be left out"
        got = shortened(path.relative_to(photos).as_posix() for path in unused)
        warnings.append(Problem("photos without a camera are left out", str(photos), fix, got=got))
    return Capture(tuple(sorted(shots, key=lambda shot: shot.name)), points, warnings=tuple(merged(warnings)))


def _shot(entry: Listed, source: Path, photos: Path, pictures: dict[str, Path]) -> tuple[Shot, list[Problem]]:
    name = entry.photo if len(entry.photo) <= 80 else entry.photo[:77] + "..."
    where = f"{source}: {name!r}"
    try:
        path = photo_path(entry.photo)
    except BadNameError as error:
        raise InputError(Problem("a photo's name cannot be used", where, "rename the photo", got=str(error))) from None
    image = find_picture(path, pictures)
    faults = []
    if image is None:
        fix = "restore the photo, or remove its camera"
        faults.append(Problem("the photo is missing", str(photos / path), fix))
    if fault := lens_fault(entry.lens):
        faults.append(Problem("the lens is impossible", where, "export the cameras again", got=fault))
    try:
        T_camera_world = rigid(entry.T_camera_world)
    except NotRigidError as error:
        fix = "export the cameras again, without scale or mirroring, or remove this one"
        faults.append(Problem("the pose is not rigid", where, fix, "a rotation and a translation", str(error)))
    if faults:
        raise InputError(*faults)
    lens, upright, remarks = _fitted(entry.lens, read_header(image), image)
    name = view_name(path)
    return Shot(name, name, image, upright, lens, T_camera_world), remarks


def _fitted(lens: Lens, header: Header, image: Path) -> tuple[Lens, bool, list[Problem]]:
    """The lens at the photo's size, and whether the photo must be turned upright for it."""
    size = (lens.width, lens.height)
    for upright, photo in ((False, header.size), (True, header.upright_size)):
        if photo == size:
            return lens, upright, []
    expected, got = f"{size[0]}x{size[1]} pixels, as its camera", f"{header.width}x{header.height} pixels"
    for upright, photo in ((False, header.size), (True, header.upright_size)):
        if _same_proportions(size, photo):
            fix = "nothing, if the photos were rescaled on purpose: the camera is rescaled to them"
            remark = Problem("the photo has another size than its camera", str(image), fix, expected, got)
            return rescaled(lens, *photo), upright, [remark]
    fix = "restore the photo that the camera was estimated from: it was cropped, turned or replaced"
    raise InputError(Problem("the photo has the wrong size", str(image), fix, expected, got))


def _same_proportions(size: tuple[int, int], photo: tuple[int, int]) -> bool:
    """Whether `photo` is `size` rescaled, give or take the rounding to whole pixels."""
    scale = max(photo) / max(size)
    return all(abs(side * scale - other) <= max(1.0, scale) for side, other in zip(size, photo, strict=True))


def _views(shot: Shot) -> list[Shot]:
    """The shot itself, or the six views of a panorama, named `<name>__front` and so on."""
    if not shot.lens.spherical:
        return [shot]
    views = []
    for face in FACES:
        lens = replace(shot.lens, face=face)
        T_face_lens = np.eye(4)
        T_face_lens[:3, :3] = lens.R_face_lens
        T_camera_world = T_face_lens @ shot.T_camera_world
        views.append(replace(shot, name=f"{shot.name}__{face}", lens=lens, T_camera_world=T_camera_world))
    return views


def _shared_photos(shots: list[Shot], source: Path) -> list[Problem]:
    """A Problem for each photo that several cameras claim: only one of them can have taken it."""
    owners: dict[tuple[Path, str | None], list[str]] = {}
    for shot in shots:
        owners.setdefault((shot.image, shot.lens.face), []).append(shot.name)
    fix = "give each camera its own photo"
    return [
        Problem("several cameras claim one photo", f"{source}: {image}", fix, "one camera", shortened(names))
        for (image, _), names in owners.items()
        if len(set(names)) > 1
    ]
