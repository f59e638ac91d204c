"""Which views train and which are held out: `split.yml` with its lists `train` and `test`, or a rule.

Names stand with or without the photo's suffix and sub-folder. Views in neither list are left aside. Without a file,
every eighth view in the order of names, beginning with the first, is held out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.scenes.documents import read_yaml
from splatsmith.scenes.names import BadNameError, photo_path, view_name
from splatsmith.scenes.problems import shortened

FILE_NAME = "split.yml"


@dataclass(frozen=True)
class Split:
    """Two disjoint lists of view names. Views in neither are left aside."""

    train: tuple[str, ...]
    test: tuple[str, ...]

    def among(self, names: Iterable[str]) -> "Split":
        """The split of those views that are among `names`."""
        names = set(names)
        return Split(*(tuple(name for name in part if name in names) for part in (self.train, self.test)))


class SplitFile(BaseModel):
    """What a `split.yml` holds: names of photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: list[str]
    test: list[str]


def read_split(path: Path) -> SplitFile:
    """The lists in a `split.yml`. Raises InputError."""
    return typed(SplitFile, read_yaml(path), str(path))


def every_nth(names: Iterable[str], n: int) -> Split:
    """Every n-th of the views, sorted by name, is held out, beginning with the first; none if `n` is 0."""
    names = sorted(names)
    test = names[::n] if n else []
    return Split(tuple(sorted({*names} - {*test})), tuple(test))


def split_of(train: Iterable[str], test: Iterable[str], views: Mapping[str, Sequence[str]], where: str) -> Split:
    """The split that two lists of names, found in `where`, make. Raises InputError with every problem at once.

    Those are: an empty list, a name given twice or in both lists, a name of no photo of the scene.
    """
    known = spellings(views)
    found: dict[str, list[str]] = {}
    problems = []
    for part, names in (("train", list(train)), ("test", list(test))):
        place = f"{where}: {part}"
        unknown = [name for name in names if plain_name(name, known) not in known]
        if unknown:
            problems.append(unknown_names(unknown, list(known), place))
        found[part] = [view for name in names for view in known.get(plain_name(name, known), ())]
        twice = [name for name, count in Counter(found[part]).items() if count > 1]
        if twice:
            problems.append(Problem("names are given twice", place, "give them once", got=shortened(twice)))
        if not names:
            problems.append(Problem("a part of the split is empty", place, "list at least one photo"))
    overlap = sorted(set(found["train"]) & set(found["test"]))
    if overlap:
        fix = "take each photo out of one of the lists"
        problems.append(Problem("train and test overlap", where, fix, "disjoint lists", shortened(overlap)))
    if problems:
        raise InputError(*problems)
    return Split(tuple(sorted(found["train"])), tuple(sorted(found["test"])))


def spellings(views: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The views that each accepted name means: a photo's, a view's, and a photo's without its folders if unique."""
    bases = Counter(photo.rpartition("__")[2] for photo in views)
    known: dict[str, Sequence[str]] = {
        base: of_photo for photo, of_photo in views.items() if bases[base := photo.rpartition("__")[2]] == 1
    }
    known |= {view: [view] for of_photo in views.values() for view in of_photo}
    return known | dict(views)


def plain_name(name: str, known: Mapping[str, Sequence[str]]) -> str:
    """The name as views are called, unless it is one already. `known` are the `spellings`."""
    if name in known:
        return name
    try:
        return view_name(photo_path(name))
    except BadNameError:
        return name


def unknown_names(names: list[str], known: list[str], where: str) -> Problem:
    """A Problem for names, found at `where`, of no photo."""
    near = get_close_matches(names[0], known, n=1)
    fix = f"did you mean {near[0]!r}?" if near else "correct the names, or restore the photos"
    return Problem("there are no such photos", where, fix, got=shortened(names))
