"""What a page shows of a segmented scene, where there are such results: objects, masks, methods, measures,
edits and completed objects.

A stage's results exist once its `manifest.json` does, which it writes last.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splatsmith.report.completed import Completed, read_completed
from splatsmith.report.listed import Document, Listed, Parsed
from splatsmith.report.places import OPTIONAL, named

FEW = 8
"""Entries of a mapping of figures that still go into a table: more are those of views or objects."""


class Plate(Document):
    """One object in `objects/atlas.json`."""

    id: int
    path: str
    prompt: str
    colour: tuple[int, int, int]
    count: int
    box_min: tuple[float, float, float] | None
    box_max: tuple[float, float, float] | None
    mean_score: float | None
    views: int
    view: str | None
    status: str
    reason: str
    ply: str | None

    @property
    def size(self) -> list[float]:
        """Lengths of its box along the axes of the world, in scene units; empty where there is none."""
        if self.box_min is None or self.box_max is None:
            return []
        return [high - low for low, high in zip(self.box_min, self.box_max, strict=True)]


class Atlas(Document):
    """`objects/atlas.json`."""

    min_share: float
    gaussians: int
    rest: int
    objects: tuple[Plate, ...]


class MaskedView(Document):
    """What `masks/raw/masks.json` says of a view."""

    flags: tuple[str, ...] = ()
    """What a person should look at."""


class Masks(Document):
    """`masks/raw/masks.json`."""

    source: str
    missing: dict[str, str] = {}
    """Objects that were found in no view, and why."""
    views: dict[str, MaskedView]


class MappedView(MaskedView):
    """A view in `masks/consistent/views.json`."""

    origin: Literal["given", "repaired", "rendered"]


class Means(Document):
    """Mean IoU and boundary IoU over views, or over objects too; None over nothing."""

    miou: float | None
    mbiou: float | None
    missing: int
    """Pairs of an object and a view without a prediction, which count as 0."""
    pairs: int


class ObjectMeans(Means):
    """Means over objects, and each object's."""

    objects: dict[str, Means]


class ByRule(Document):
    """Figures of masks that are drawn where an object has a least probability."""

    soft: ObjectMeans


class Extraction(Document):
    """Figures of the Gaussians themselves."""

    numbers: str
    """The protocol that chose the numbers."""
    weights: str
    accuracy: float | None
    miou: float | None


class InSpace(Document):
    """All figures of the Gaussians themselves."""

    extraction: tuple[Extraction, ...]


class Measured(Document):
    """The figures of one segmentation, by how the numbers of an object were chosen."""

    named: ByRule
    oracle: ByRule
    oracle_elsewhere: ByRule
    gaussians: InSpace | None
    """None where the true surfaces are not known."""

    def means(self, protocol: str) -> ObjectMeans:
        """The figures under a protocol."""
        return getattr(self, protocol).soft

    def in_space(self, protocol: str) -> Extraction | None:
        """The figures of the Gaussians under a protocol, each counting once."""
        found = self.gaussians.extraction if self.gaussians else ()
        return next((one for one in found if (one.numbers, one.weights) == (protocol, "number")), None)


class Evaluation(Document):
    """`evaluation/metrics.json`."""

    reason: str
    protocols: dict[Literal["named", "oracle", "oracle_elsewhere"], str] = {}
    """How numbers were chosen, in words."""
    methods: dict[str, Measured]

    @property
    def objects(self) -> list[str]:
        """All objects that were measured, by name."""
        return sorted({name for method in self.methods.values() for name in method.oracle.soft.objects})


class EditKind(Document):
    """An edit as it was asked for."""

    name: str
    target: str
    method: str


class EditCounts(Document):
    """Gaussians."""

    before: int
    after: int


class EditMetrics(Document):
    """`edits/{edit}/metrics.json`."""

    edit: EditKind
    gaussians: EditCounts


class Undone(Document):
    """`edits/{edit}/outcome.json` of one that could not be done."""

    reason: str


@dataclass(frozen=True, eq=False)
class Segmented:
    """All that the page shows of a segmented scene."""

    atlas: Atlas | None
    masks: Masks | None
    maps: Mapping[str, MappedView]
    """The views with a consistent label map."""
    methods: Mapping[str, Mapping[str, float]]
    """Figures by their names, of each segmentation by its name."""
    evaluation: Evaluation | None
    edits: Mapping[str, EditMetrics]
    """By place: `edits/no-can`."""
    undone: Mapping[str, str]
    """Edits that could not be done, by name, and why."""
    completed: Completed | None
    """None where no object was to be made whole."""
    folders: Mapping[str, Listed]
    """By place, those that there are."""

    @property
    def flagged(self) -> dict[str, tuple[str, ...]]:
        """The views whose masks a person should look at, and why."""
        views = self.maps or (self.masks.views if self.masks else {})
        return {name: view.flags for name, view in views.items() if view.flags}

    @property
    def figure_names(self) -> list[str]:
        """Names of all figures that some segmentation has."""
        return list(dict.fromkeys(name for told in self.methods.values() for name in told))

    @property
    def origins(self) -> dict[str, int]:
        """How many label maps came about how."""
        return dict(Counter(view.origin for view in self.maps.values()))


def read_segmented(folder: Path) -> Segmented:
    """Read what there is below `results/{scene}`. Raises InputError that names the file and the stage to redo."""
    folders = {
        path.parent.relative_to(folder).as_posix(): Listed.at(path.parent, stage)
        for stage, pattern in OPTIONAL.items()
        for path in sorted(folder.glob(f"{pattern}/manifest.json"))
    }

    def document(kind: type[Parsed], place: str, name: str) -> Parsed | None:
        return folders[place].json(kind, name) if place in folders else None

    def of_stage(stage: str) -> dict[str, Listed]:
        return {place: listed for place, listed in folders.items() if listed.stage == stage}

    return Segmented(
        atlas=document(Atlas, "objects", "atlas.json"),
        masks=document(Masks, "masks/raw", "masks.json"),
        maps=document(dict[str, MappedView], "masks/consistent", "views.json") or {},
        evaluation=document(Evaluation, "evaluation", "metrics.json"),
        methods={
            named(place, OPTIONAL["segment_3d"]): figures(listed.json(dict, "metrics.json"))
            for place, listed in of_stage("segment_3d").items()
        },
        edits={
            place: listed.json(EditMetrics, "metrics.json")
            for place, listed in of_stage("edit_scene").items()
            if "metrics.json" in listed.manifest
        },
        undone={
            named(place, OPTIONAL["edit_scene"]): listed.json(Undone, "outcome.json").reason
            for place, listed in of_stage("edit_scene").items()
            if "metrics.json" not in listed.manifest
        },
        completed=read_completed(folders),
        folders=folders,
    )


def figures(told: Mapping[str, object], of: str = "") -> dict[str, float]:
    """The numbers of a JSON document by their names in words, those of small mappings within it too."""
    found: dict[str, float] = {}
    for key, value in told.items():
        name = f"{of} {key.replace('_', ' ')}".strip()
        match value:
            case bool():
                pass
            case int() | float():
                found[name] = value
            case Mapping() if len(value) <= FEW:
                found |= figures(value, name)
    return found
