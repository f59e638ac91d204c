"""Numbers and names of what was found, from its content alone.

What the description asks for comes first, in its order, found or not. Then come the other objects and then the parts,
the larger first.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from splatsmith.base.errors import InputError, Problem
from splatsmith.scenes.description import Object
from splatsmith.scenes.label_maps import MOST_ID, Entry, Legend
from splatsmith.segment2d.association.hierarchy import ancestors, families


def numbered(
    asked: Sequence[Object],
    shows: np.ndarray,
    parent: np.ndarray,
    pixels: np.ndarray,
    rest: Literal["background", "unknown"],
) -> tuple[np.ndarray, Legend]:
    """(1 + C,) the number of each cluster, 0 for those without a pixel; and the legend.

    shows: (1 + C,) which of the objects that were asked for a cluster is, from 1; 0 for others. parent: (1 + C,) what
    it is a part of. pixels: (1 + C,) its own in all views, without its parts. Of equals the first cluster comes first.
    Raises InputError where there are more than a label map can number.
    """
    parent = _useful(parent, pixels)
    size = families(parent) @ pixels
    entries = [Entry(id=i, name=one.name, prompt=one.prompt) for i, one in enumerate(asked, 1)]
    taken = {one.name for one in asked}
    depth = np.array([len(ancestors(parent, c)) for c in range(len(parent))])
    others = [c for c in range(1, len(parent)) if size[c] and not shows[c]]
    number = shows.copy()
    if len(asked) + len(others) > MOST_ID:
        fix = "let the source find fewer or larger masks"
        got = str(len(asked) + len(others))
        raise InputError(Problem("there are too many objects", "the masks", fix, f"at most {MOST_ID}", got))
    for c in sorted(others, key=lambda c: (depth[c], -size[c], c)):
        number[c] = len(entries) + 1
        above = int(number[parent[c]]) or None
        name = f"{'object' if above is None else 'part'}-{number[c]}"
        while name in taken:
            name += "_"
        taken.add(name)
        entries.append(Entry(id=int(number[c]), name=name, parent=above))
    return number, Legend(rest=rest, entries=tuple(entries))


def _useful(parent: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The tree without wholes that are nothing but one part: that part takes their place."""
    parent, size = parent.copy(), families(parent) @ pixels
    for d in range(1, len(parent)):
        parts = np.flatnonzero((parent == d) & (size > 0))
        if not pixels[d] and len(parts) == 1:
            parent[parts] = parent[d]
    return parent
