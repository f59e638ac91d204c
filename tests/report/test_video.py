"""Videos hold the frames that went in, play in browsers, and are the same bytes every time."""

import re

import imageio_ffmpeg
import numpy as np
import pytest

from splatsmith.report.video import write_video


def frames(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """A smooth picture that changes colour."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return [(255 * np.stack([x, y, np.full_like(x, i / count)], axis=2)).astype(np.uint8) for i in range(count)]


def decoded(path) -> tuple[dict, list[np.ndarray]]:
    reader = imageio_ffmpeg.read_frames(str(path))
    info = next(reader)
    width, height = info["size"]
    return info, [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]


def test_frames_come_back(tmp_path):
    path = tmp_path / "a name, ein Name é.mp4"
    write_video(path, iter(frames(10)), width=64, height=48, fps=24)
    info, got = decoded(path)
    assert info["size"] == (64, 48)
    assert info["fps"] == 24
    assert info["codec"] == "h264"
    assert info["pix_fmt"].startswith("yuv420p")
    assert "bt709" in info["pix_fmt"]
    assert len(got) == 10
    for given, back in zip(frames(10), got, strict=True):
        assert np.abs(given.astype(int) - back).mean() < 4  # chroma is halved, and H.264 is lossy


def test_the_index_stands_in_front(tmp_path):
    write_video(tmp_path / "v.mp4", frames(3), width=64, height=48, fps=24)
    data = (tmp_path / "v.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames(5), width=64, height=48, fps=24)
    data = (tmp_path / "a.mp4").read_bytes()
    assert data == (tmp_path / "b.mp4").read_bytes()
    assert b"Lavf" not in data  # the muxer would name itself and its version
    assert re.search(rb"Lavc[0-9]", data) is None


def test_odd_sizes_and_wrong_frames_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="even sizes, got 63x48"):
        write_video(tmp_path / "v.mp4", frames(2, 48, 63), width=63, height=48, fps=24)
    with pytest.raises(ValueError, match=r"expected frames \(48, 64, 3\)"):
        write_video(tmp_path / "v.mp4", frames(2, 32, 64), width=64, height=48, fps=24)
    with pytest.raises(RuntimeError, match="render failed"):
        write_video(tmp_path / "v.mp4", failing(), width=64, height=48, fps=24)
    assert list(tmp_path.iterdir()) == []


def failing():
    yield frames(1)[0]
    raise RuntimeError("render failed")
