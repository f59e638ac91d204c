"""Writing and reading `masks/raw/` (its files: masks.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import MANIFEST_NAME, fault, read_manifest, remove_manifest, write_manifest
from splatsmith.base.progress import Progress
from splatsmith.base.typed import typed_json
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object
from splatsmith.scenes.label_maps import read_label_map, write_label_map
from splatsmith.scenes.pictures import write_jpeg
from splatsmith.scenes.prepared import PreparedScene, read_image
from splatsmith.segment2d.contact import Tile, contact_sheet
from splatsmith.segment2d.masks import Found, RawMasks, Request, ViewEntry, ViewMasks

MASKS_NAME, CONTACT_NAME = "masks.json", "contact.jpg"
REDO = "redo the stage segment_2d: ./run redo segment_2d"


@dataclass(frozen=True, eq=False)
class StoredMasks:
    """What `read_raw` found."""

    folder: Path
    raw: RawMasks

    def of_view(self, name: str) -> ViewMasks:
        """The masks of one view. Raises InputError where its label map is damaged."""
        entry = self.raw.views[name]
        labels = read_label_map(self.folder / f"{name}.png")
        if labels.max(initial=0) > len(entry.masks):
            got = f"the number {labels.max()} in a view of {len(entry.masks)} masks"
            raise _unusable(self.folder / f"{name}.png", got)
        return ViewMasks(labels, entry.masks, entry.flags)


def write_raw(folder: Path, request: Request, source: str, found: Found, label: str) -> RawMasks:
    """Write what a source found, and remove what an earlier run left. `label` heads the lines of progress.

    Until the manifest, which comes last, the masks are not there.
    """
    remove_manifest(folder)
    sizes = {view.name: (view.camera.height, view.camera.width) for view in request.scene.views}
    entries: dict[str, ViewEntry] = {}
    with Progress(label, len(sizes), "views") as bar:
        for name, masks in found.views:
            _check(name, masks, sizes, entries)
            write_label_map(folder / f"{name}.png", masks.labels)
            entries[name] = ViewEntry(masks=masks.masks, flags=masks.flags)
            bar.advance(masks=sum(len(entry.masks) for entry in entries.values()))
    if absent := sizes.keys() - entries.keys():
        raise ValueError(f"the source `{source}` said nothing of the views {sorted(absent)}")
    raw = RawMasks(
        source=source,
        rest=found.rest,
        objects=_objects(request, entries),
        missing=found.missing,
        views={name: entries[name] for name in sizes},
    )
    files.write_json(folder / MASKS_NAME, raw.model_dump(mode="json"))
    _write_contact_sheet(request.scene, StoredMasks(folder, raw))
    _write_manifest(folder, raw)
    return raw


def read_raw(folder: Path) -> StoredMasks:
    """Read what `write_raw` wrote, every file checked against the manifest.

    Raises InputError that names the file and the stage to redo.
    """
    try:
        manifest = read_manifest(folder)
    except FileNotFoundError:
        what = "there are no masks yet"
        raise InputError(Problem(what, str(folder / MANIFEST_NAME), REDO, got="no manifest")) from None
    except (OSError, ValueError) as error:
        raise _unusable(folder / MANIFEST_NAME, str(error)) from None
    for name in {MASKS_NAME, *manifest}:
        if (got := fault(folder, name, manifest)) is not None:
            raise _unusable(folder / name, got)
    text = (folder / MASKS_NAME).read_text(encoding="utf-8")
    return StoredMasks(folder, typed_json(RawMasks, text, str(folder / MASKS_NAME)))


def _check(name: str, masks: ViewMasks, sizes: Mapping[str, tuple[int, int]], entries: Mapping[str, ViewEntry]) -> None:
    """A source of a third party is held to the contract."""
    if name not in sizes or name in entries:
        raise ValueError(f"expected each view of the scene once, got {name!r}")
    if masks.labels.shape != sizes[name] or masks.labels.max(initial=0) > len(masks.masks):
        got = f"{masks.labels.shape} with numbers up to {masks.labels.max(initial=0)}"
        raise ValueError(f"{name}: expected labels {sizes[name]} of {len(masks.masks)} masks, got {got}")


def _objects(request: Request, entries: Mapping[str, ViewEntry]) -> tuple[Object, ...]:
    """What was asked for, and then what a source named besides."""
    asked = [one.name for one in request.objects]
    named = {mask.object for entry in entries.values() for mask in entry.masks} - {None, *asked}
    return (*request.objects, *(Object(name=name, prompt=name) for name in sorted(named)))


def _write_contact_sheet(scene: PreparedScene, stored: StoredMasks) -> None:
    """Masks of one object, or of one track, have one colour in all views; the others count on within their view."""
    legend = [one.name for one in stored.raw.objects]

    def tile(view: View) -> Tile:
        masks = stored.of_view(view.name)
        colours = np.zeros(len(masks.masks) + 1, np.int64)
        for i, mask in enumerate(masks.masks, 1):
            fallback = i if mask.track is None else mask.track + 1
            colours[i] = legend.index(mask.object) + 1 if mask.object else len(legend) + fallback
        return Tile(view.name, read_image(view), colours[masks.labels], masks.flags)

    sheet = contact_sheet((tile(view) for view in scene.views), legend)
    write_jpeg(stored.folder / CONTACT_NAME, sheet, 88)


def _write_manifest(folder: Path, raw: RawMasks) -> None:
    names = [MASKS_NAME, CONTACT_NAME, *(f"{view}.png" for view in raw.views)]
    for stale in {path for path in folder.glob("*.png") if path.name not in names}:
        stale.unlink()
    write_manifest(folder, names)


def _unusable(path: Path, got: str) -> InputError:
    return InputError(Problem("a file of the masks is missing or damaged", str(path), REDO, got=got))
