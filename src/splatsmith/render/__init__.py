"""Differentiable rasterization of Gaussians, with interchangeable backends."""

from splatsmith.render.rasterize import Backend, Rendered, accumulate_view, accumulate_weights, rasterize, render_view

__all__ = ["Backend", "Rendered", "accumulate_view", "accumulate_weights", "rasterize", "render_view"]
