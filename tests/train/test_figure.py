"""The training curve: drawn for any rows, the same bytes every time."""

import numpy as np
import pytest
from PIL import Image

from splatsmith.train.figure import write_training_curve

ROWS = [{"step": 100 * i, "loss": 1 / i, "psnr_db": 20.0 + i, "gaussians": 1000 * i} for i in range(1, 9)]


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS, [row | {"test_psnr_db": 19.0} for row in ROWS]])
def test_it_draws_any_rows_and_repeats_itself(tmp_path, rows):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    for path in (one, other):
        write_training_curve(path, rows, "a scene")
    assert Image.open(one).size == (800, 700)
    assert one.read_bytes() == other.read_bytes()


def test_what_it_is_given_can_be_seen(tmp_path):
    pictures = []
    for rows in (ROWS, [row | {"test_psnr_db": 19.0} for row in ROWS]):
        write_training_curve(tmp_path / "curve.png", rows, "a scene")
        pictures.append(np.asarray(Image.open(tmp_path / "curve.png").convert("RGB"), int))
    reddish = [((p[..., 0] > 150) & (p[..., 2] < 100)).sum() for p in pictures]
    assert reddish[0] == 0
    assert reddish[1] > 100
