"""GrabCut: what differs in colour or in depth is parted, what is certain stays, the same every time."""

import numpy as np
import pytest

from splatsmith.segment2d import grabcut

SIZE = (60, 80)
V, U = np.mgrid[: SIZE[0], : SIZE[1]]
DISK = np.hypot(U - 40, V - 30) < 15
NOISE = np.random.default_rng(0).integers(-8, 9, (*SIZE, 3))


def picture(inside, outside) -> np.ndarray:
    return np.clip(np.where(DISK[..., None], inside, outside) + NOISE, 0, 255).astype(np.uint8)


def boxed() -> np.ndarray:
    trimap = np.full(SIZE, grabcut.BACKGROUND, np.uint8)
    trimap[12:48, 22:58] = grabcut.MAYBE_OBJECT
    return trimap


@pytest.mark.parametrize(
    ("photo", "depth"),
    [
        (picture((200, 40, 40), (60, 90, 200)), np.full(SIZE, 3.0)),
        (picture((120, 120, 120), (120, 120, 120)), np.where(DISK, 1.0, 3.0)),
    ],
    ids=["by colour", "by depth"],
)
def test_a_disk_is_cut_out_of_its_box(photo, depth):
    found = grabcut.cut(grabcut.features(photo, depth), boxed(), iterations=5)
    assert (found & DISK).sum() / (found | DISK).sum() > 0.95
    assert (grabcut.cut(grabcut.features(photo, depth), boxed(), iterations=5) == found).all()


def test_what_is_certain_stays():
    trimap = boxed()
    trimap[28:32, 38:42], trimap[14:18, 24:28] = grabcut.BACKGROUND, grabcut.OBJECT
    photo = picture((200, 40, 40), (60, 90, 200))
    found = grabcut.cut(grabcut.features(photo, np.full(SIZE, 3.0)), trimap, iterations=3)
    assert not found[28:32, 38:42].any()
    assert found[14:18, 24:28].all()


@pytest.mark.parametrize("value", [grabcut.BACKGROUND, grabcut.OBJECT])
def test_without_an_object_or_without_a_background_there_is_no_cut(value):
    assert grabcut.cut(np.zeros((*SIZE, 3), np.uint8), np.full(SIZE, value, np.uint8), iterations=1) is None


def test_the_box_around_a_mask_stays_within_the_picture():
    rows, columns = grabcut.around(DISK, 5)
    assert DISK[rows, columns].sum() == DISK.sum()
    assert (rows.start, rows.stop, columns.start, columns.stop) == (11, 50, 21, 60)
    rows, columns = grabcut.around(DISK, 500)
    assert DISK[rows, columns].shape == SIZE
