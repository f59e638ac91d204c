"""pycolmap, imported after Pillow's core: in the other order the two wheels' image codecs corrupt the heap.

Everything here takes pycolmap from this module, inside the functions that need it (it loads for half a second).
"""

import PIL._imaging  # noqa: F401 (first)
import pycolmap

pycolmap.logging.minloglevel = pycolmap.logging.ERROR.value

__all__ = ["pycolmap"]
