"""Names of photos and of views.

A view is called as its photo is: the path below the picture folder, without the suffix, sub-folders joined by `__`
(`left/0001.jpg` is the view `left__0001`). Spaces and letters of any language are fine; Unicode is composed (NFC), so
that a name is one name on every file system.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.problems import shortened

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
"""Of the pictures that can be read, in lower case."""

UNREADABLE_SUFFIXES = (".heic", ".heif", ".avif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")
"""Of photos that must be converted first, in lower case."""

MAX_NAME_BYTES = 200
"""A file name has at most 255 bytes, and ours grow suffixes."""

REFUSED_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's control characters, lone surrogates (bytes that were no UTF-8), line and paragraph separators."""


class BadNameError(ValueError):
    """The name cannot be a photo's. The message says why."""


def photo_path(name: str) -> PurePosixPath:
    """The path below the picture folder that a camera file's spelling means. Raises BadNameError where it is none."""
    path = PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/")))
    if not path.name:
        raise BadNameError("it is empty")
    if path.is_absolute() or ".." in path.parts or (len(path.parts[0]) == 2 and path.parts[0][1] == ":"):
        raise BadNameError("it leaves its folder")
    if any(unicodedata.category(character) in REFUSED_CATEGORIES for character in str(path)):
        raise BadNameError("it holds control characters, or bytes that are not UTF-8")
    if len(str(path).encode()) > MAX_NAME_BYTES:
        raise BadNameError(f"it is longer than {MAX_NAME_BYTES} bytes")
    return path


def view_name(path: PurePosixPath) -> str:
    """The name of the view that a photo at `path` below the picture folder gives."""
    return "__".join(_without_suffix(path).parts)


def twin_names(named: Iterable[tuple[str, str]], where: Path) -> list[Problem]:
    """A Problem for each view name that several files share, letter case aside. `named` are pairs of name and file."""
    files = defaultdict(list)
    for name, file in named:
        files[name.casefold()].append(file)
    fix = "rename the photos, also in the cameras' file: a view is called as its photo is, without the suffix"
    return [
        Problem("several photos give their views one name", str(where), fix, got=shortened(sorted(twins)))
        for twins in files.values()
        if len(twins) > 1
    ]


def pictures_in(folder: Path) -> dict[str, Path]:
    """Every picture file below `folder` by its path relative to it (NFC, `/`), sorted. Hidden files are passed over.

    Raises InputError for names whose bytes are not UTF-8: they could be neither printed nor written to JSON.
    """
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                path = Path(parent, name)
                found[unicodedata.normalize("NFC", path.relative_to(folder).as_posix())] = path
    foreign = [path for path in found.values() if not _is_utf8(str(path))]
    if foreign:
        fix = "rename the photos"
        got = "bytes that are not UTF-8"
        places = shortened(ascii(str(path)) for path in foreign)
        raise InputError(Problem("a photo's name cannot be used", places, fix, got=got))
    return dict(sorted(found.items()))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def find_picture(path: PurePosixPath, pictures: Mapping[str, Path]) -> Path | None:
    """The file of a photo among `pictures_in(folder)`: at its path; else with another suffix; else without its folders.

    The two latter serve converted photos, and SCORP's rule that the base name counts.
    """
    for wanted in (path, PurePosixPath(path.name)):
        if str(wanted) in pictures:
            return pictures[str(wanted)]
        stem = str(_without_suffix(wanted))
        for suffix in SUFFIXES:
            for spelling in (suffix, suffix.upper()):
                if stem + spelling in pictures:
                    return pictures[stem + spelling]
    return None


def _without_suffix(path: PurePosixPath) -> PurePosixPath:
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
