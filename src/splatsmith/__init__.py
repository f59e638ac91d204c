"""splatsmith: segment, complete and edit the parts of a captured 3D Gaussian Splatting scene."""

__version__ = "0.1.0"
