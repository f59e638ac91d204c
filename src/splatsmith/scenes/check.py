"""`check`: everything that is wrong with a scene folder, told at once, in seconds and without writing anything."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from splatsmith.base.cores import usable_cores
from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes import description as descriptions
from splatsmith.scenes import split as splits
from splatsmith.scenes.capture import Capture, Shot
from splatsmith.scenes.description import Description
from splatsmith.scenes.layout import Layout, find_layout
from splatsmith.scenes.names import (
    UNREADABLE_SUFFIXES,
    BadNameError,
    photo_path,
    pictures_in,
    twin_names,
    view_name,
)
from splatsmith.scenes.photos import ADVICE, FEWEST
from splatsmith.scenes.pictures import check_picture
from splatsmith.scenes.points import refuse_lying_counts
from splatsmith.scenes.problems import merged, shortened
from splatsmith.scenes.read import read_capture
from splatsmith.scenes.split import Split, SplitFile
from splatsmith.scenes.verdict import judge

Value = TypeVar("Value")


@dataclass(frozen=True)
class Report:
    """What a check found."""

    problems: tuple[Problem, ...]
    """Each must be mended before training."""
    warnings: tuple[Problem, ...]
    """Worth a look."""
    facts: Mapping[str, str]
    """What the scene holds, in words."""

    def __str__(self) -> str:
        width = max(map(len, self.facts), default=0) + 2
        parts = ["\n".join(f"{name + ':':<{width}}{text}" for name, text in self.facts.items())]
        parts += [f"warning: {warning}" for warning in self.warnings]
        parts += [f"problem: {problem}" for problem in self.problems]
        parts.append(f"{len(self.problems)} to mend" if self.problems else "no problems")
        return "\n\n".join(part for part in parts if part)


@dataclass
class Inspection:
    """A scene folder as far as it could be read, with what stood in the way."""

    layout: Layout | None = None
    capture: Capture | None = None
    """None where the cameras are wrong, or are still to be found from the photos."""
    split: Split | None = None
    """None where it is wrong, or the views are still to be found."""
    problems: list[Problem] = field(default_factory=list)

    def attempt(self, read: Callable[..., Value], *args: object) -> Value | None:
        """What `read` makes of `args`, or None after keeping its problems."""
        try:
            return read(*args)
        except InputError as error:
            self.problems += error.problems
            return None


def check_scene(folder: Path, split: str | None = None, images: str = "images") -> Report:
    """Check a scene folder as given: cameras, poses, photos, names, split and description.

    `split` is a file in the folder, `split.yml` if None and there is one; `images` is the photos' folder.
    """
    folder = Path(folder)
    file = folder / (split or splits.FILE_NAME)
    reading = Inspection()
    lists = reading.attempt(splits.read_split, file) if split is not None or file.exists() else None
    scene = inspect_scene(folder, lists, str(file), images)
    description = scene.attempt(descriptions.read_description, folder / descriptions.FILE_NAME)
    if description is not None and scene.capture is not None:
        scene.problems += _strangers(description, scene.capture, folder / descriptions.FILE_NAME)
    warnings = scene.capture.warnings if scene.capture else ()
    problems = merged(reading.problems + scene.problems)
    return Report(tuple(problems), warnings, _facts(scene, description))


def inspect_scene(
    folder: Path,
    lists: SplitFile | None,
    where: str,
    images: str = "images",
    test_every: int = 8,
    threads: int | None = None,
) -> Inspection:
    """Read a scene folder, every photo tested for damage.

    The split is `lists`, found in `where`; if None, what the camera file tells, else every
    `test_every`-th view. `threads`: one for each core, if None.
    """
    found = Inspection()
    found.layout = layout = found.attempt(find_layout, folder, images)
    if layout is None:
        return found
    pictures = found.attempt(pictures_in, layout.photos) or {}
    if layout.kind == "photos":
        found.problems += _unfit_for_sfm(pictures, layout.photos)
    else:
        found.capture = found.attempt(read_capture, layout)
    capture = found.capture
    used = {shot.image for shot in capture.shots} if capture else pictures.values()
    found.problems += _damaged(used, threads or usable_cores())
    if layout.trained is not None:
        found.attempt(refuse_lying_counts, layout.trained)
    views = capture.views_of_photos if capture else {view_name(path): [view_name(path)] for path in map(Path, pictures)}
    if lists is not None and views:
        found.split = found.attempt(splits.split_of, lists.train, lists.test, views, where)
    elif capture is not None:
        found.split = capture.split or splits.every_nth((shot.name for shot in capture.shots), test_every)
    found.problems = merged(found.problems)
    return found


def _damaged(photos: Iterable[Path], threads: int) -> list[Problem]:
    def fault(photo: Path) -> tuple[Problem, ...]:
        try:
            check_picture(photo)
        except InputError as error:
            return error.problems
        return ()

    with ThreadPoolExecutor(threads) as pool:
        return [problem for problems in pool.map(fault, sorted(photos)) for problem in problems]


def _unfit_for_sfm(pictures: Mapping[str, Path], folder: Path) -> list[Problem]:
    problems = []
    for path in pictures:
        try:
            photo_path(path)
        except BadNameError as error:
            where = f"{folder}: {path!r}"
            problems.append(Problem("a photo's name cannot be used", where, "rename the photo", got=str(error)))
    problems += twin_names(((view_name(Path(path)), path) for path in pictures), folder)
    raw = sorted(path.name for path in folder.rglob("*") if path.suffix.lower() in UNREADABLE_SUFFIXES)
    if raw:
        what = "photos in a format that cannot be read"
        problems.append(Problem(what, str(folder), "convert them to JPEG, or move them away", got=shortened(raw)))
    if len(pictures) < FEWEST:
        what = "there are too few photos to find their cameras"
        problems.append(Problem(what, str(folder), ADVICE, f"{FEWEST} or more", str(len(pictures))))
    return problems


def _strangers(description: Description, capture: Capture, path: Path) -> list[Problem]:
    """Problems with the photos that a description names: unknown ones, and prompts outside of them."""
    spellings = splits.spellings(capture.views_of_photos)
    shots = {shot.name: shot for shot in capture.shots}
    problems = []
    first = description.first_image_name
    if first is not None and splits.plain_name(first, spellings) not in spellings:
        problems.append(splits.unknown_names([first], list(spellings), f"{path}: first_image_name"))
    for one in description.objects:
        corners = {name: [box[:2], box[2:]] for name, box in one.boxes.items()}
        for kind, prompts in (("boxes", corners), ("points", one.points)):
            for name, pixels in prompts.items():
                where = f"{path}: objects.{one.name}.{kind}.{name}"
                view = spellings.get(splits.plain_name(name, spellings))
                if view is None:
                    problems.append(splits.unknown_names([name], list(spellings), where))
                elif outside := [pixel for pixel in pixels if not _within(pixel, shots[view[0]])]:
                    shot = shots[view[0]]
                    expected = f"x y within {shot.lens.width}x{shot.lens.height}"
                    got = shortened(f"{x:g} {y:g}" for x, y in outside)
                    problems.append(Problem("a prompt lies outside of its photo", where, "correct it", expected, got))
    return problems


def _within(pixel: tuple[float, ...], shot: Shot) -> bool:
    return pixel[0] <= shot.lens.width and pixel[1] <= shot.lens.height


def _facts(scene: Inspection, description: Description | None) -> dict[str, str]:
    facts = {}
    if scene.layout is not None:
        trained = f", with trained Gaussians in {scene.layout.trained.name}" if scene.layout.trained else ""
        facts["layout"] = scene.layout.name + trained
        if scene.layout.kind == "photos":
            facts["photos"] = f"{len(pictures_in(scene.layout.photos))}, their cameras are still to be found"
    if scene.capture is not None and scene.layout is not None:
        shots = scene.capture.shots
        facts["cameras"] = str(judge(scene.capture, scene.layout))
        facts["lenses"] = shortened(_counted(shot.lens.model for shot in shots))
        facts["sizes"] = shortened(_counted(f"{shot.lens.width}x{shot.lens.height}" for shot in shots))
    if scene.split is not None:
        facts["split"] = f"{len(scene.split.train)} views train, {len(scene.split.test)} are held out"
    if description is not None and description.objects:
        facts["objects"] = shortened((one.name for one in description.objects), most=20)
    if description is not None and description.edits:
        facts["edits"] = shortened((edit.name for edit in description.edits), most=20)
    return facts


def _counted(names: Iterable[str]) -> list[str]:
    return [f"{name} ({count})" for name, count in Counter(names).most_common()]
