"""Numbers and names: objects before parts, the larger first, and the description's own where it has some."""

import numpy as np
import pytest

from splatsmith.base.errors import InputError
from splatsmith.scenes.description import Object
from splatsmith.segment2d.association import numbering
from splatsmith.segment2d.association.numbering import numbered


def number(pixels, parent=None, shows=None, asked=()):
    """Numbers of clusters 1, 2, ...; and the legend's rows."""
    nothing = [0] * len(pixels)
    arrays = (np.array([0, *values]) for values in (shows or nothing, parent or nothing, pixels))
    numbers, legend = numbered(asked, *arrays, "unknown")
    return numbers[1:].tolist(), [(entry.id, entry.name, entry.parent) for entry in legend.entries]


def test_the_larger_first_and_equals_in_their_order():
    numbers, rows = number([5, 90, 7, 90])
    assert numbers == [4, 1, 3, 2]
    assert rows == [(i, f"object-{i}", None) for i in (1, 2, 3, 4)]


def test_parts_come_after_objects_and_count_for_these():
    """1 is a part of 2, 3 of 1; 4 is larger than 2 alone, but not than it is with its parts."""
    numbers, rows = number([30, 10, 80, 60], parent=[2, 0, 1, 0])
    assert numbers == [3, 1, 4, 2]
    assert rows == [(1, "object-1", None), (2, "object-2", None), (3, "part-3", 1), (4, "part-4", 3)]


def test_what_has_no_pixels_has_no_number():
    assert number([0, 4]) == ([0, 1], [(1, "object-1", None)])


def test_a_whole_that_is_nothing_but_one_part_is_that_part():
    """1 has no pixels of its own, and of its parts only 2 has any; with two parts it stays."""
    assert number([0, 4, 0], parent=[0, 1, 1]) == ([0, 1, 0], [(1, "object-1", None)])
    numbers, rows = number([0, 4, 3], parent=[0, 1, 1])
    assert numbers == [1, 2, 3]
    assert [parent for _, _, parent in rows] == [None, 1, 1]


def test_the_description_comes_first_found_or_not():
    asked = [Object(name="object-3"), Object(name="gone"), Object(name="cup", prompt="a cup")]
    numbers, rows = number([5, 9, 80], shows=[3, 0, 0], asked=asked)
    assert numbers == [3, 5, 4]
    assert rows == [
        (1, "object-3", None),
        (2, "gone", None),
        (3, "cup", None),
        (4, "object-4", None),
        (5, "object-5", None),
    ]


def test_a_name_of_the_description_is_not_given_twice():
    _, rows = number([5], asked=[Object(name="object-2")])
    assert rows == [(1, "object-2", None), (2, "object-2_", None)]


def test_more_objects_than_numbers_are_refused(monkeypatch):
    monkeypatch.setattr(numbering, "MOST_ID", 3)
    assert number([1, 1, 1])[0] == [1, 2, 3]
    with pytest.raises(InputError, match="too many objects"):
        number([1, 1, 1, 1])
