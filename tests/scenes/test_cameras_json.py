"""cameras.json: what is written is read back, and what others write is understood."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatsmith.scenes.cameras import Camera
from splatsmith.scenes.cameras_json import PosedCamera, read_cameras_json, write_cameras_json

lengths = st.floats(0.1, 1e5)
coordinates = st.tuples(*[st.floats(-1e6, 1e6)] * 3)


@given(st.lists(st.tuples(st.text(min_size=1), lengths, lengths, lengths, lengths, coordinates, st.integers(0, 999))))
def test_round_trip(tmp_path_factory, drawn):
    entries = []
    for name, fx, fy, cx, cy, t, seed in drawn:
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = Rotation.random(rng=seed).as_matrix(), t
        entries.append(PosedCamera(name, f"images/{name}.png", Camera(640, 480, fx, fy, cx, cy), T))
    path = tmp_path_factory.mktemp("cameras") / "cameras.json"
    if any("\ud800" <= letter <= "\udfff" for entry in entries for letter in entry.name):
        return
    write_cameras_json(path, entries)
    read_back = read_cameras_json(path)
    assert [(e.name, e.image, e.camera) for e in read_back] == [(e.name, e.image, e.camera) for e in entries]
    for one, other in zip(read_back, entries, strict=True):
        scale = max(1, np.abs(other.T_camera_world).max())
        np.testing.assert_allclose(one.T_camera_world, other.T_camera_world, atol=1e-14 * scale)


def test_the_original_format_has_no_principal_point(tmp_path):
    """As 3DGS writes it: `rotation` and `position` place the camera in the world."""
    quarter = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    entry = {"id": 0, "img_name": "00001", "width": 979, "height": 546, "position": [1, 2, 3]}
    entry |= {"rotation": quarter.tolist(), "fy": 581.0, "fx": 580.0}
    (tmp_path / "cameras.json").write_text(json.dumps([entry]))
    (posed,) = read_cameras_json(tmp_path / "cameras.json")
    assert posed.camera == Camera(979, 546, 580.0, 581.0, 489.5, 273.0)
    np.testing.assert_allclose(posed.T_camera_world @ [1, 2, 3, 1], [0, 0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(posed.T_camera_world[2, :3], quarter[:, 2], atol=1e-12)
