"""Text prompts of objects: what a source that reads them must be given, and what it says of one it did not find."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from splatsmith.base.errors import InputError, Problem
from splatsmith.models.protocols import Detections
from splatsmith.scenes.description import FILE_NAME, Object
from splatsmith.segment2d.masks import ViewMasks


def require_prompts(objects: Sequence[Object], source: str) -> None:
    """Raises InputError where nothing is asked for, or where two objects are asked for in the same words."""
    if not objects:
        what = f"the source `{source}` looks for objects, and the scene describes none"
        fix = f"list them in {FILE_NAME}, e.g. `prompts: red chair, teapot`; or take the source `sam`, which needs none"
        raise InputError(Problem(what, f"{FILE_NAME}: objects", fix))
    by_words = defaultdict(list)
    for one in objects:
        by_words[" ".join(one.prompt.lower().split())].append(one.name)
    fix = "say what tells them apart, e.g. `left chair`, `red chair`; or give them one name and make it one object"
    if alike := {words: names for words, names in by_words.items() if len(names) > 1}:
        what = "objects have the same prompt"
        where = f"{FILE_NAME}: objects"
        raise InputError(
            *(Problem(f"{what} `{words}`", where, fix, got=", ".join(names)) for words, names in alike.items())
        )


def best_candidate(looked: Mapping[str, Detections]) -> str:
    """In words: the surest candidate for one prompt, and the view that shows it. `looked`: by view, in their order."""
    view, best = max(looked.items(), key=lambda item: item[1].best_score)  # the first of equal ones
    if best.best_box is None:
        return "there was no candidate"
    return f"the surest candidate scores {best.best_score:.2f}, in {view}"


def not_found(prompt: str, looked: Mapping[str, Detections], views: int, threshold: str, fixes: str) -> str:
    """Says that a prompt was found in none of the views that were `looked` at, of `views` in all, and what to try.

    `threshold`: its name and value, in words.
    """
    where = "any view" if len(looked) == views else f"any of the {len(looked)} views that were looked at"
    best = best_candidate(looked)
    return f"`{prompt}` was not found in {where}: {best}, and {threshold}; {fixes}"


def with_hidden(
    views: Iterator[tuple[str, ViewMasks]], objects: Sequence[Object], missing: dict[str, str]
) -> Iterator[tuple[str, ViewMasks]]:
    """The same `views`; at their end `missing` also tells the objects that masks of others cover in every one."""
    shown: set[str | None] = set()
    for name, masks in views:
        shown |= {mask.object for mask in masks.masks}
        yield name, masks
    for one in objects:
        if one.name not in shown and one.name not in missing:
            missing[one.name] = f"`{one.prompt}`: what fits it fits another prompt better; say what tells them apart"
