"""Captions: what a picture shows, in one of many ways of saying it. Everything said is true; not everything is said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COINS = 40
"""How many random numbers a caption uses."""

OPENINGS = ("", "", "", "a photo of ", "a picture of ", "a render of ")
PLURAL = ("legs", "buttons", "wheels", "fins")


@dataclass(frozen=True)
class Part:
    """How a visible part looks."""

    color: str
    """A name in materials.PALETTE."""
    pattern: str = ""
    """Such as "striped", or empty."""


@dataclass(frozen=True)
class Depicted:
    """What there is to say about one picture."""

    kind: str
    parts: dict[str, Part]
    """The parts that can be seen."""
    absent: tuple[str, ...] = ()
    """Parts that others of its kind have, and this one has not."""
    place: str = ""
    """Such as "on a wooden table"."""


def caption(depicted: Depicted, coins: Sequence[float]) -> str:
    """One caption, chosen by COINS uniform random numbers: some parts, in some order and form, maybe the place."""
    toss = iter(coins)
    opening = OPENINGS[int(next(toss) * len(OPENINGS))]
    place = f" {depicted.place}" if depicted.place and next(toss) < 0.3 else ""
    said = _chosen(list(depicted.parts), toss)
    pairs_merge, with_articles = next(toss) < 0.6, next(toss) < 0.8
    lacking = [f"no {part}" for part in depicted.absent if next(toss) < 0.3]
    if list(depicted.parts) == [depicted.kind]:
        look = f"{_look(depicted.parts[depicted.kind], next(toss) < 0.5)} " if said else ""
        return f"{opening}a {look}{depicted.kind}{place}".replace("a orange", "an orange")
    looks = {part: _look(depicted.parts[part], next(toss) < 0.5) for part in said}
    phrases = list(_phrases(looks, pairs_merge, with_articles)) + lacking
    joined = _with(phrases) if with_articles else "".join(f", {phrase}" for phrase in phrases)
    return f"{opening}a {depicted.kind}{joined}{place}"


def _chosen(parts: list[str], toss: Iterator[float]) -> list[str]:
    """No part, one, two, three or all, in random order."""
    share = next(toss)
    count = 0 if share < 0.08 else 1 if share < 0.38 else 2 if share < 0.65 else 3 if share < 0.8 else len(parts)
    order = {part: next(toss) for part in parts}
    return sorted(parts, key=order.__getitem__)[:count]


def _look(part: Part, with_pattern: bool) -> str:
    return f"{part.color} {part.pattern}" if part.pattern and with_pattern else part.color


def _phrases(looks: dict[str, str], pairs_merge: bool, with_articles: bool) -> Iterator[str]:
    """ "a blue left eye", or "blue eyes" where both are said and look the same."""
    merged = set()
    for part, look in looks.items():
        side, _, thing = part.partition(" ")
        other = f"{ {'left': 'right', 'right': 'left'}.get(side) } {thing}"
        if thing in merged:
            continue
        if pairs_merge and looks.get(other) == look:
            merged.add(thing)
            yield f"{look} {thing}s"
        elif with_articles and part not in PLURAL:
            yield f"{'an' if look[0] in 'aeiou' else 'a'} {look} {part}"
        else:
            yield f"{look} {part}"


def _with(phrases: list[str]) -> str:
    """ " with A, B and C"."""
    if not phrases:
        return ""
    head, last = phrases[:-1], phrases[-1]
    return f" with {', '.join(head)} and {last}" if head else f" with {last}"
