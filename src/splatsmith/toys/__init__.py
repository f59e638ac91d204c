"""Rendered toys: a ray caster of analytic shapes, the demo's table scene, and random members of the same family.

The ray caster shares nothing with the Gaussian rasterizer, so that what it renders can be truth for it.
"""
