"""Writing `masks/consistent/`: label maps that agree in all views.

<view>.png                                  label map of every view, see scenes/label_maps.py
legend.json                                 what the numbers mean
scores.json                                 {view: {number: score}}, how sure each object of each view is, 0 to 1
views.json                                  {view: {"origin": "given" | "repaired" | "rendered", "flags": [words],
                                            "divided", "dropped": how many of its masks were}}
masked_image_rgba/<object>/<view>.png       SCORP: the photo, opaque where the object is, of the largest objects
contact.jpg                                 all views with their masks, the flagged ones marked
manifest.json                               {relative path: sha256} of all of these, written last
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from splatsmith.base import files
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.base.progress import Progress
from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import LEGEND_NAME, Entry, Legend, write_label_map, write_legend
from splatsmith.scenes.pictures import write_jpeg
from splatsmith.scenes.prepared import PreparedScene, read_image
from splatsmith.segment2d.association import Consistent
from splatsmith.segment2d.contact import Tile, contact_sheet

SCORES_NAME, VIEWS_NAME, CONTACT_NAME = "scores.json", "views.json", "contact.jpg"
CUT_OUTS = "masked_image_rgba"
MOST_CUT_OUT = 20
"""Objects that are cut out of every photo: where everything is segmented there are hundreds."""


def write_consistent(
    folder: Path, scene: PreparedScene, legend: Legend, maps: Mapping[str, Consistent], *, label: str, threads: int
) -> None:
    """Write the folder, and remove what an earlier run left. `label` heads the line of progress."""
    remove_manifest(folder)
    cut_out = [entry for entry in legend.entries if entry.parent is None][:MOST_CUT_OUT]
    with ThreadPoolExecutor(threads) as pool, Progress(label, len(scene.views), "views") as bar:
        for written in pool.map(lambda view: _write_view(folder, view, maps[view.name], legend, cut_out), scene.views):
            bar.advance(pictures=written)
    write_legend(folder / LEGEND_NAME, legend)
    scores = {view.name: {str(id): score for id, score in maps[view.name].scores.items()} for view in scene.views}
    files.write_json(folder / SCORES_NAME, scores)
    files.write_json(folder / VIEWS_NAME, {view.name: _told(maps[view.name]) for view in scene.views})
    _write_contact_sheet(folder / CONTACT_NAME, scene, legend, maps)
    _write_manifest(folder, scene, cut_out)


def _write_view(folder: Path, view: View, map: Consistent, legend: Legend, cut_out: list[Entry]) -> int:
    write_label_map(folder / f"{view.name}.png", map.labels)
    photo = read_image(view)
    for entry in cut_out:
        alpha = np.where(np.isin(map.labels, legend.family(entry.id)), np.uint8(255), np.uint8(0))
        with files.atomic_path(folder / CUT_OUTS / entry.name / f"{view.name}.png") as temporary:
            Image.fromarray(np.dstack([photo, alpha])).save(temporary, "PNG", compress_level=1)
    return 1 + len(cut_out)


def _told(map: Consistent) -> dict:
    return {"origin": map.origin, "divided": map.divided, "dropped": map.dropped, "flags": list(map.flags)}


def _write_contact_sheet(path: Path, scene: PreparedScene, legend: Legend, maps: Mapping[str, Consistent]) -> None:
    position = np.zeros(2**16, np.int64)
    for i, id in enumerate(legend.paths.values(), 1):
        position[id] = i
    tiles = (
        Tile(view.name, read_image(view), position[maps[view.name].labels], maps[view.name].flags)
        for view in scene.views
    )
    write_jpeg(path, contact_sheet(tiles, list(legend.paths)), 88)


def _write_manifest(folder: Path, scene: PreparedScene, cut_out: list[Entry]) -> None:
    """List what was written, and remove the pictures of views and objects that are no more."""
    views = [f"{view.name}.png" for view in scene.views]
    names = {*views, *(f"{CUT_OUTS}/{entry.name}/{view}" for entry in cut_out for view in views)}
    old = [*folder.glob("*.png"), *(folder / CUT_OUTS).rglob("*.png")]
    for path in old:
        if path.relative_to(folder).as_posix() not in names:
            path.unlink()
    for emptied in {path.parent for path in old if path.parent != folder and not any(path.parent.iterdir())}:
        emptied.rmdir()
    names |= {LEGEND_NAME, SCORES_NAME, VIEWS_NAME, CONTACT_NAME}
    write_manifest(folder, names)
