"""Splits that hide an object's back: all views from one sector of azimuth are held out.

SCORP is measured with two thirds, four fifths and six sevenths of the views withheld (its `split.yml`, which keeps a
few neighbouring frames). Here the kept sector is centred on an anchor azimuth, so that what is withheld is what lies
farthest from it.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.cameras import View
from splatsmith.scenes.layout import find_layout
from splatsmith.scenes.lens import pinhole_of
from splatsmith.scenes.orientation import azimuths, focus_point, up_axis
from splatsmith.scenes.read import read_capture
from splatsmith.scenes.split import Split, plain_name, spellings, unknown_names


def withheld(views: Sequence[View], focus: np.ndarray, up: np.ndarray, *, share: float, anchor: float) -> Split:
    """Train on the views within (1 - share) pi of `anchor`, hold out all others.

    focus, up: (3,) what the views look at, and the axis of azimuth. share: of the full circle, in (0, 1). anchor:
    radians, as `azimuths` counts them. Raises ValueError where no view would be left on one of the sides.
    """
    off = (azimuths(views, focus, up) - anchor + math.pi) % (2 * math.pi) - math.pi
    kept = np.abs(off) <= (1 - share) * math.pi
    if kept.all() or not kept.any():
        raise ValueError(f"{int(kept.sum())} of {len(views)} views lie within {1 - share:.3f} of a turn of the anchor")
    names = [view.name for view in views]
    train = tuple(sorted(name for name, keep in zip(names, kept, strict=True) if keep))
    return Split(train, tuple(sorted({*names} - {*train})))


def withhold(folder: Path, target: Path, *, share: float, anchor: str | None = None) -> Split:
    """Write the split of a scene folder that withholds `share` of the turn about what its photos look at.

    target: the file, which must not be there. anchor: a photo, from whose side the scene is seen; the first by name if
    None. Raises InputError where the scene has no cameras, or they do not go round far enough.
    """
    if target.exists():
        what, fix = "there is such a file already", "choose another name, or remove it"
        raise InputError(Problem(what, str(target), fix))
    layout = find_layout(folder)
    if layout.kind == "photos":
        fix = "find them with COLMAP first, so that sparse/0/ is there"
        raise InputError(Problem("the scene has no cameras to tell the sides by", str(folder), fix))
    capture = read_capture(layout)
    views = [View(shot.name, shot.image, pinhole_of(shot.lens), shot.T_camera_world) for shot in capture.shots]
    known = spellings(capture.views_of_photos)
    if anchor is not None and plain_name(anchor, known) not in known:
        raise InputError(unknown_names([anchor], list(known), "--anchor"))
    first = views[0].name if anchor is None else known[plain_name(anchor, known)][0]
    up, forwards = up_axis(views), np.stack([view.T_camera_world[2, :3] for view in views])
    focus = focus_point(np.stack([view.center for view in views]), forwards, capture.points.xyz)
    azimuth = dict(zip((view.name for view in views), azimuths(views, focus, up), strict=True))[first]
    try:
        split = withheld(views, focus, up, share=share, anchor=azimuth)
    except ValueError as error:
        fix = "withhold a larger share, or photograph the scene from all sides"
        raise InputError(Problem("nothing would be held out", str(folder), fix, got=str(error))) from None
    about = f"# Within {180 * (1 - share):.1f} degrees of the azimuth of {first}: train; farther away: held out.\n"
    lists = {"train": list(split.train), "test": list(split.test)}
    text = yaml.safe_dump(lists, allow_unicode=True, default_flow_style=None, sort_keys=False, width=120)
    files.write_text(target, about + text)
    return split
