"""Boxes and points of a description, from pixels of the photos as given to pixels of the prepared views."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.description import Box, Object, Point
from splatsmith.scenes.lens import Lens, pinhole_pixels
from splatsmith.scenes.prepared import PreparedScene
from splatsmith.scenes.split import plain_name, spellings, unknown_names

SAMPLES = 33
"""Along each side of a box: a curved lens bends its sides."""


def objects_in_views(objects: Sequence[Object], scene: PreparedScene, where: str) -> tuple[Object, ...]:
    """The objects with their boxes and points by view, in pixels of the views.

    What a view does not show is left out. Raises InputError for names of no photo; `where` says who named them.
    """
    photos: dict[str, list[str]] = defaultdict(list)
    for view in scene.views:
        photos[scene.origin_of(view).photo].append(view.name)
    known = spellings(photos)
    problems: list[Problem] = []
    moved = []
    for one in objects:
        place = f"{where}: objects.{one.name}"
        boxes = _moved(one.boxes, box_in_view, scene, known, f"{place}.boxes", problems)
        points = _moved(one.points, points_in_view, scene, known, f"{place}.points", problems)
        moved.append(one.model_copy(update={"boxes": boxes, "points": points}))
    if problems:
        raise InputError(*problems)
    return tuple(moved)


def box_in_view(box: Box, lens: Lens, camera: Camera) -> Box | None:
    """The smallest box around what a view shows of a photo's box, clipped to the view; None where it shows nothing.

    camera: the view's, in the place of the photo's lens.
    """
    x, y = (np.linspace(box[axis], box[axis + 2], SAMPLES) for axis in (0, 1))
    pixels = pinhole_pixels(lens, camera, np.stack(np.meshgrid(x, y), axis=-1))
    seen = _inside(pixels, camera) if lens.spherical else np.isfinite(pixels).all(axis=1)  # a face sees a part only
    if not seen.any():
        return None
    size = (camera.width, camera.height)
    x0, y0 = np.clip(pixels[seen].min(axis=0), 0, size).tolist()
    x1, y1 = np.clip(pixels[seen].max(axis=0), 0, size).tolist()
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def points_in_view(points: Sequence[Point], lens: Lens, camera: Camera) -> tuple[Point, ...] | None:
    """Where a view shows a photo's points; those outside of it are left out, None where all are."""
    pixels = pinhole_pixels(lens, camera, np.asarray(points, float))
    return tuple((x, y) for x, y in pixels[_inside(pixels, camera)].tolist()) or None


def _inside(pixels: np.ndarray, camera: Camera) -> np.ndarray:
    """(P,) bool. NaN is outside."""
    return ((pixels >= 0) & (pixels <= (camera.width, camera.height))).all(axis=1)


def _moved(
    prompts: Mapping[str, Box | Sequence[Point]],
    move: Callable,
    scene: PreparedScene,
    known: Mapping[str, Iterable[str]],
    where: str,
    problems: list[Problem],
) -> dict:
    """Prompts by view, from prompts by photo."""
    views = {view.name: view for view in scene.views}
    moved = {}
    for photo, prompt in prompts.items():
        name = plain_name(photo, known)
        if name not in known:
            problems.append(unknown_names([photo], list(known), f"{where}.{photo}"))
            continue
        for view in (views[view] for view in known[name]):
            there = move(prompt, scene.origin_of(view).lens, view.camera)
            if there is not None:
                moved[view.name] = there
    return moved
