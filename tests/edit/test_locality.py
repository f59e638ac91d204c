"""How local a change is: counted by hand."""

import numpy as np

from splatsmith.edit.locality import locality


def test_what_changed_is_counted_by_whose_pixels_it_is():
    before = np.full((10, 10, 3), 100, np.uint8)
    own = np.zeros((10, 10), bool)
    own[:2] = True
    after = before.copy()
    after[0, :5] = 200  # a quarter of its own
    after[5, 0, 1] = 103  # changed
    after[5, 1] = 98  # too little
    after[9, 9, 2] = 0  # darker counts as brighter
    found = locality(before, after, own)
    assert (found["object_share"], found["changed_inside"], found["changed_outside"]) == (0.2, 0.25, 2 / 80)
    assert found["difference_outside"] == round((3 + 3 * 2 + 100) / 255 / (80 * 3), 6)


def test_no_object_and_nothing_but_the_object():
    picture = np.zeros((4, 4, 3), np.uint8)
    for own in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        found = locality(picture, picture, own)
        assert found == {"object_share": own[0, 0], "changed_inside": 0, "changed_outside": 0, "difference_outside": 0}
