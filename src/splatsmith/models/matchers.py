"""Where matches come from: one of our matchers by its name, or one that another package brings along."""

from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path

from splatsmith.base.errors import InputError, Problem
from splatsmith.models.matching import Matcher
from splatsmith.models.tools.settings import Tool

GROUP = "splatsmith.matchers"
"""Entry points of other packages. Each names a class that takes no arguments and is a `Matcher`."""
OURS = ("sift", "matchanything", "mast3r")


def matcher_of(
    name: str,
    *,
    models_dir: Path,
    device: str,
    tools: Mapping[str, Tool],
    accepted: Collection[str],
    folder: Path,
) -> Matcher:
    """The matcher called `name`, its model loaded. Raises InputError where something is missing, or none is called so.

    device: where models run, "auto" to choose. tools, accepted: as of `tools.setup.find_tool`. folder: where a matcher
    that is a tool keeps its requests and logs.
    """
    match name:
        case "sift":
            from splatsmith.models.sift import Sift

            return Sift()
        case "matchanything":
            from splatsmith.models.checkpoints import find_checkpoint

            checkpoint = find_checkpoint("matchanything", models_dir)

            from splatsmith.models.matchanything import MatchAnything
            from splatsmith.models.placement import placed

            return MatchAnything.load(checkpoint, device=placed(device).device)
        case "mast3r":
            from splatsmith.models.mast3r import Mast3r
            from splatsmith.models.tools.setup import find_tool

            return Mast3r(find_tool("mast3r", tools, models_dir, accepted), folder)
        case other:
            return _foreign(other)


def _foreign(name: str) -> Matcher:
    found = {point.name: point for point in metadata.entry_points(group=GROUP)}
    if name not in found:
        expected = f"one of {', '.join((*OURS, *sorted(found)))}"
        fix = f"correct it, or install the package that has it (entry point {GROUP})"
        raise InputError(Problem("there is no such matcher", "config: align.matcher", fix, expected, name))
    return found[name].load()()
