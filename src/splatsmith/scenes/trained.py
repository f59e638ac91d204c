"""The folder that 3DGS training leaves: `cameras.json` with the views, `input.ply` with the points it began from."""

from pathlib import Path

from splatsmith.scenes.cameras_json import PosedCamera, read_cameras_json
from splatsmith.scenes.capture import Capture, Listed, capture
from splatsmith.scenes.lens import Lens
from splatsmith.scenes.points import no_points, read_points


def read_trained(cameras: Path, photos: Path) -> Capture:
    """The scene of a `cameras.json`, with its photos below `photos`. Raises InputError."""
    start = cameras.parent / "input.ply"
    points = read_points(start) if start.exists() else no_points()
    return capture(map(_listed, read_cameras_json(cameras)), cameras, photos, points)


def _listed(entry: PosedCamera) -> Listed:
    camera = entry.camera
    lens = Lens("PINHOLE", camera.width, camera.height, (camera.fx, camera.fy, camera.cx, camera.cy))
    return Listed(entry.name, lens, entry.T_camera_world)
