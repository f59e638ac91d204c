"""The scene container and its pure operations."""

from splatsmith.gaussians.container import Gaussians

__all__ = ["Gaussians"]
