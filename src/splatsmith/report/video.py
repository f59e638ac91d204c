"""Frames to a video that every browser plays: H.264, yuv420p, BT.709, the index at the front of the file."""

import os
from collections.abc import Iterable, Iterator

import numpy as np

from splatsmith.base import files

QUALITY = 20
"""x264's constant rate factor: 18 is visually lossless, 23 its default."""


def write_video(path: str | os.PathLike, frames: Iterable[np.ndarray], *, width: int, height: int, fps: float) -> None:
    """Write (height, width, 3) uint8 RGB `frames` to an mp4 at `path`, atomically. Both sizes are even, or ValueError.

    The same frames give the same bytes with one build of ffmpeg: one thread, no dates, no version strings.
    """
    import imageio_ffmpeg

    if width % 2 or height % 2:
        raise ValueError(f"yuv420p needs even sizes, got {width}x{height}")
    encoding = ["-crf", str(QUALITY), "-preset", "medium", "-threads", "1", "-movflags", "+faststart"]
    bt709 = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    colours = ["-vf", f"scale=out_color_matrix=bt709:out_range=tv,{bt709}"]
    same_bytes = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
    with files.atomic_path(path) as temporary:
        writer = imageio_ffmpeg.write_frames(
            str(temporary),
            (width, height),
            fps=fps,
            codec="libx264",
            pix_fmt_out="yuv420p",
            quality=None,
            macro_block_size=2,
            output_params=encoding + colours + same_bytes,
        )
        writer.send(None)
        try:
            for frame in _checked(frames, width, height):
                writer.send(frame)
        finally:
            writer.close()


def _checked(frames: Iterable[np.ndarray], width: int, height: int) -> Iterator[np.ndarray]:
    for frame in frames:
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise ValueError(f"expected frames ({height}, {width}, 3) of uint8, got {frame.shape} of {frame.dtype}")
        yield np.ascontiguousarray(frame)
