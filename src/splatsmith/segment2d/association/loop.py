"""From the masks of all views to label maps that agree: clusters of masks vote, and the votes repair the masks.

Only views that train vote. A held-out view, whose photo nobody may learn from, gets a label map in the end like any
other view, from its own masks if it has some; but no other view's map depends on these.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from scipy import sparse

from splatsmith.base.progress import Progress
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object
from splatsmith.scenes.label_maps import Legend
from splatsmith.segment2d.association.clusters import contract
from splatsmith.segment2d.association.hierarchy import handed_down, parents
from splatsmith.segment2d.association.identity import Identities, identities, mean_scores
from splatsmith.segment2d.association.numbering import numbered
from splatsmith.segment2d.association.overlaps import affinities, overlaps
from splatsmith.segment2d.association.projector import Projector
from splatsmith.segment2d.association.redraw import Redrawn, redraw
from splatsmith.segment2d.association.signatures import by_place, signatures
from splatsmith.segment2d.association.votes import confirmed, shares, votes
from splatsmith.segment2d.masks import ViewMasks

REPAIRS = 2
"""How often masks are repaired; in between, the repaired masks vote again."""
Item = TypeVar("Item")
Rest = Literal["background", "unknown"]


@dataclass(frozen=True, eq=False)
class Given:
    """A view and what a source found in it."""

    view: View
    masks: ViewMasks
    trains: bool
    """Whether the view is one to learn from."""

    @property
    def votes(self) -> bool:
        """Whether it has a say: a view without any mask says nothing."""
        return self.trains and bool(self.masks.labels.any())


@dataclass(frozen=True, eq=False)
class Consistent:
    """A view's label map, in numbers of the legend."""

    labels: np.ndarray
    """(H, W) uint16."""
    scores: Mapping[int, float]
    """By number, how sure it is, 0 to 1: for given masks the source's own score; else the mean over the pixels of the
    probability that all views together give them."""
    origin: Literal["given", "repaired", "rendered"]
    """As the source gave it; its masks repaired from all views; or no masks, and drawn from the votes alone."""
    divided: int
    """How many of its masks were divided among objects."""
    dropped: int
    """How many of its masks were dropped, for no other view agrees."""
    flags: tuple[str, ...]
    """What a person should look at, in words."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A view, and what the source says that its masks show."""

    given: Given
    things: np.ndarray
    """(1 + K,) see `Identities.numbers`."""

    @property
    def view(self) -> View:
        return self.given.view

    @property
    def labels(self) -> np.ndarray:
        """(H, W) its masks."""
        return self.given.masks.labels


@dataclass(frozen=True, eq=False)
class _Work:
    """What stays the same in all rounds."""

    projector: Projector
    voters: Sequence[_Seen]
    rest: Rest
    label: str


@dataclass(frozen=True, eq=False)
class _Found:
    """C clusters."""

    voted: sparse.csr_array
    """(1 + C, N). P."""
    parent: np.ndarray
    """(1 + C,) what each is a part of, 0 for none."""
    shows: np.ndarray
    """(1 + C,) which of the described objects each is, from 1; 0 for none."""


def associate(
    projector: Projector,
    given: Iterable[Given],
    *,
    objects: Sequence[Object] = (),
    rest: Rest = "unknown",
    min_iou: float = 0.5,
    trust: bool = True,
    repair: bool = False,
    label: str = "associate",
) -> tuple[Legend, dict[str, Consistent]]:
    """One legend for all views, and each view's label map by its name.

    Where the source says of every mask which object or track it is, its word is taken and its masks stay as they are,
    unless `repair`; with `trust` off nothing that it says of this counts. `objects` are those asked for; `min_iou` is
    the overlap from which two masks count for being one thing, rather than against. `label` heads lines of progress.

    The same masks give the same result in any order of the views and under any numbers. With the backend gsplat sums
    are rounded differently from run to run, which may decide between equals.

    Raises ValueError where no view that trains has a mask, InputError where there are more objects than numbers.
    """
    given = sorted(given, key=_content)
    objects = objects if trust else ()
    said = identities([one.masks for one in given], objects, trust)
    seen = [_Seen(one, things) for one, things in zip(given, said.numbers, strict=True)]
    work = _Work(projector, [one for one in seen if one.given.votes], rest, label)
    if not work.voters:
        raise ValueError("no view that trains has a mask")
    exact = said.complete and not repair
    if exact and all(one.labels.any() for one in seen):
        found = _unvoted(work, said)
    else:
        found = _by_name(work, said) if said.complete else _by_overlap(work, said, min_iou)
    for _ in range(0 if exact else REPAIRS - 1):
        found = _voted_again(work, found)
    maps = [
        _as_given(one) if exact and one.labels.any() else _redrawn(projector, one, found)
        for one in _watched(f"{label}: maps", seen)
    ]
    count = len(found.parent)
    pixels = [
        np.bincount(map.labels.ravel(), minlength=count) for one, map in zip(given, maps, strict=True) if one.votes
    ]
    number, legend = numbered(objects, found.shows, found.parent, np.sum(pixels, axis=0), rest)
    pairs = zip(given, maps, strict=True)
    return legend, {one.view.name: _consistent(one, map, number, exact) for one, map in pairs}


def _content(one: Given) -> tuple:
    """An order of views that depends on nothing but what they are."""
    return one.view.T_camera_world.tobytes(), one.view.camera.K.tobytes(), by_place(one.masks.labels)[1].tobytes()


def _unvoted(work: _Work, said: Identities) -> _Found:
    """The things that the source tells apart, where nobody is to ask what views say of them."""
    nothing = sparse.csr_array((1 + said.count, len(work.projector.gaussians)), dtype=np.float32)
    return _Found(nothing, np.zeros(1 + said.count, int), said.shows)


def _by_name(work: _Work, said: Identities) -> _Found:
    """The things that the source tells apart."""
    labelled = ((one.view, one.things[one.labels]) for one in _watched(f"{work.label}: masks", work.voters))
    masks = signatures(work.projector, labelled, work.rest)
    return replace(_unvoted(work, said), voted=shares(votes(masks, masks.label_of, said.count, work.rest)))


def _by_overlap(work: _Work, said: Identities, min_iou: float) -> _Found:
    """Clusters of masks that hold the same Gaussians, in a tree of parts."""
    labelled = ((one.view, one.labels) for one in _watched(f"{work.label}: masks", work.voters))
    masks = signatures(work.projector, labelled, work.rest)
    known = np.array([work.voters[v].things[k] for v, k in zip(masks.view_of, masks.label_of, strict=True)])
    pairs = overlaps(masks)
    cluster_of = contract(affinities(pairs, known, min_iou))
    cluster_of = confirmed(masks, cluster_of, work.rest, _shown(cluster_of, known, said) > 0)
    shows = _shown(cluster_of, known, said)
    counted = votes(masks, cluster_of, len(shows) - 1, work.rest)
    parent = parents(pairs, cluster_of, counted)
    return _Found(shares(handed_down(counted, parent)), parent, shows)


def _shown(cluster_of: np.ndarray, known: np.ndarray, said: Identities) -> np.ndarray:
    """(1 + C,) which of the described objects each cluster is."""
    shows = np.zeros(1 + cluster_of.max(), int)
    np.maximum.at(shows, cluster_of, said.shows[known])
    shows[0] = 0
    return shows


def _voted_again(work: _Work, found: _Found) -> _Found:
    """The same clusters by the votes of repaired masks."""

    def repaired() -> Iterator[tuple[View, np.ndarray]]:
        for one in _watched(f"{work.label}: repair", work.voters):
            yield one.view, _redrawn(work.projector, one, found).labels

    masks = signatures(work.projector, repaired(), work.rest)
    return replace(found, voted=shares(votes(masks, masks.label_of, len(found.parent) - 1, work.rest)))


def _redrawn(projector: Projector, one: _Seen, found: _Found) -> Redrawn:
    return redraw(projector, one.view, one.labels, found.voted, found.parent)


def _as_given(one: _Seen) -> Redrawn:
    scores = mean_scores(one.given.masks, one.things)
    return Redrawn(one.things[one.labels], scores, divided=0, dropped=0)


def _consistent(one: Given, map: Redrawn, number: np.ndarray, exact: bool) -> Consistent:
    origin = "rendered" if not one.masks.labels.any() else "given" if exact else "repaired"
    odd = origin == "rendered" and one.trains  # sources may leave held-out views alone
    return Consistent(
        labels=number[map.labels].astype(np.uint16),
        scores={id: score for id, score in sorted((int(number[c]), score) for c, score in map.scores.items()) if id},
        origin=origin,
        divided=map.divided,
        dropped=map.dropped,
        flags=(*one.masks.flags, *(["no masks of its own: drawn from the other views"] if odd else [])),
    )


def _watched(label: str, items: Sequence[Item]) -> Iterator[Item]:
    with Progress(label, len(items), "views") as bar:
        for item in items:
            yield item
            bar.advance()
