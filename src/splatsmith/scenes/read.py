"""The reader of each layout."""

from typing import assert_never

from splatsmith.scenes.capture import Capture
from splatsmith.scenes.layout import Layout


def read_capture(layout: Layout) -> Capture:
    """The captured scene of a layout with cameras. Raises InputError.

    Photos alone have no cameras yet: photos.py finds them.
    """
    match layout.kind:
        case "colmap":
            from splatsmith.scenes.colmap import read_colmap

            return read_colmap(layout.cameras, layout.photos)
        case "transforms":
            from splatsmith.scenes.transforms_json import read_transforms

            return read_transforms(layout.cameras, layout.photos.name)
        case "blender":
            from splatsmith.scenes.transforms_json import read_blender

            return read_blender(layout.photos)
        case "cameras":
            from splatsmith.scenes.trained import read_trained

            return read_trained(layout.cameras, layout.photos)
        case "photos":
            raise ValueError("photos alone have no cameras to read")
        case _:
            assert_never(layout.kind)
