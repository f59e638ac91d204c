"""A whole object from silhouettes, depth, what it stands on and its symmetry: no model, no training data."""

from splatsmith.complete.proxies.hullsym.generator import HullSym

__all__ = ["HullSym"]
