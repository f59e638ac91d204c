"""Where proxies come from: one of our generators by its name, or one that another package brings along."""

from importlib import metadata

from splatsmith.base.errors import InputError, Problem
from splatsmith.complete.proxies.request import ProxyGenerator

GROUP = "splatsmith.proxies"
"""Entry points of other packages. Each names a class that takes no arguments and is a `ProxyGenerator`."""
OURS = ("hullsym", "user", "trellis", "sam3d")


def foreign_generator(name: str) -> ProxyGenerator:
    """The generator of another package. Raises InputError where no installed one has the name."""
    found = {point.name: point for point in metadata.entry_points(group=GROUP)}
    if name not in found:
        expected = f"one of {', '.join((*OURS, *sorted(found)))}"
        fix = f"correct it, or install the package that has it (entry point {GROUP})"
        raise InputError(Problem("there is no such generator of proxies", "config: proxy.kind", fix, expected, name))
    return found[name].load()()
